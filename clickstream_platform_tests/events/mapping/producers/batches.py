"""Batches as three producers publish them for their HTTP APIs: what is sent, and what must come of each event in it."""

from __future__ import annotations

from typing import Any

from clickstream_platform_tests.events.mapping.producers.expected import Expected, event, passed_over, rejected

SOURCES = {
    "segment": "segmentio/segment-docs, the page of the HTTP API (libraries/server/http-api/index.md) at 00b39f2b0b0e",
    "rudderstack": "rudderlabs/rudder-server, gateway/testdata/batch.json at 696426f4399a",
    "posthog": "PostHog/posthog.com, contents/docs/api/capture.mdx at 2a0718fe3991; `sentAt`, as posthog/request.py of "
    "PostHog/posthog-python sends it",
    "snowplow_collector": "snowplow/documentation, docs/events/going-deeper/example-requests/index.md at 6079e93a96ef",
}
_SONG = {"type": "track", "event": "Song Played"}
_PUSH: dict[str, Any] = {
    "type": "track",
    "event": "Push___Received",
    "sentAt": "2022-09-28T14:36:10.600Z",
    "userId": "userId",
    "channel": "server",
    "context": {"ip": "10.10.10.10", "device": {"id": "deviceID", "type": "android"}},
    "timestamp": "2022-09-28T14:34:54.006Z",
    "properties": {"topic": "36e9383b", "terminal_id": None},
    "receivedAt": "2022-09-28T14:36:09.942Z",
    "originalTimestamp": "2022-09-28T14:34:54.664Z",
}
_PUSHED = event(
    user_id="userId",
    event_type="Push___Received",
    timestamp="2022-09-28T14:34:54.006Z",
    device_type="android",
    ip_address="10.10.10.10",
)
BATCHES: dict[str, tuple[dict[str, Any], list[Expected]]] = {
    "segment": (
        {
            "batch": [
                {
                    "type": "identify",
                    "userId": "019mr8mf4r",
                    "traits": {"age": 26},
                    "timestamp": "2012-12-02T00:30:08.276Z",
                },
                {**_SONG, "userId": "019mr8mf4r", "timestamp": "2012-12-02T00:30:12.984Z"},
                {**_SONG, "userId": "971mj8mk7p", "timestamp": "2015-2-02T00:30:12.984Z"},  # as it is on the page
                {**_SONG, "userId": "971mj8mk7p", "context": {"device": {"name": "x"}, "ip": "192.0.2.1"}},
            ],
            "writeKey": "YOUR_WRITE_KEY",
            "context": {"device": {"type": "phone", "name": "Apple iPhone 6"}},
            "sentAt": "2012-12-02T00:30:13.000Z",  # libraries send it, and the page leaves it out
        },
        [
            passed_over("identify"),
            event(
                user_id="019mr8mf4r",
                event_type="Song Played",
                timestamp="2012-12-02T00:30:12.984Z",
                device_type="phone",
            ),
            rejected("bad_timestamp"),
            event(
                user_id="971mj8mk7p",
                event_type="Song Played",
                timestamp="2012-12-02T00:30:13Z",
                device_type="phone",
                ip_address="192.0.2.1",
            ),
        ],
    ),
    "rudderstack": ({"batch": [_PUSH, _PUSH]}, [_PUSHED, _PUSHED]),
    "posthog": (
        {
            "api_key": "<ph_project_api_key>",
            "historical_migration": False,
            "sentAt": "2020-08-16T09:03:12.5Z",
            "batch": [
                {
                    "event": "batched_event_name_1",
                    "properties": {"distinct_id": "user distinct id", "account_type": "pro"},
                    "timestamp": "2020-08-16T09:03:11.913767",
                },
                {"event": "batched_event_name_2", "properties": {"distinct_id": "user distinct id"}},
            ],
        },
        [
            event(
                user_id="user distinct id",
                event_type="batched_event_name_1",
                timestamp="2020-08-16T09:03:11.913767Z",
            ),
            event(
                user_id="user distinct id",
                event_type="batched_event_name_2",
                timestamp="2020-08-16T09:03:12.5Z",
            ),
        ],
    ),
    "snowplow_collector": (
        {
            "schema": "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4",
            "data": [
                {"e": "pv", "url": "https://a.example/", "dtm": "1665398554084", "duid": "85094061", "eid": "2ec13853"},
                {"e": "pp", "url": "https://a.example/", "dtm": "1665401016632", "eid": "0a88e2bf"},
            ],
        },
        [
            event(
                user_id="85094061",
                event_type="page_view",
                page_url="https://a.example/",
                timestamp="2022-10-10T10:42:34.084Z",
                event_id="2ec13853",
            ),
            rejected("missing_user_id"),
        ],
    ),
}
