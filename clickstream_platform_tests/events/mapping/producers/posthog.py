"""Made after PostHog's published pages on events, on its capture API and on its batch exports."""

from __future__ import annotations

import json
from typing import Any

from clickstream_platform_tests.events.mapping.producers.expected import Row, event, passed_over, rejected

SOURCE = "posthog.com/docs/{data/events,api/capture,data-pipelines/batch-exports/s3}, read 2026-11"
AT = "2024-05-22T17:09:29.220Z"
PERSON = "018daf23-89b3-7cf8-a4f1-94064c96df90"
PROPERTIES: dict[str, Any] = {
    "$current_url": "https://app.example/pricing",
    "$device_type": "Desktop",
    "$session_id": "018daf23-0001",
    "$ip": "203.0.113.9",
    "$lib": "web",
    "$browser": "Firefox",
}
COMMON: dict[str, Any] = {
    "uuid": "018daf23-aaaa",
    "distinct_id": PERSON,
    "timestamp": AT,
    "elements_chain": "",
    "person_properties": {"email": "a@example.com"},
}
SEEN: dict[str, Any] = {
    "user_id": PERSON,
    "session_id": "018daf23-0001",
    "page_url": "https://app.example/pricing",
    "timestamp": AT,
    "device_type": "Desktop",
    "ip_address": "203.0.113.9",
    "event_id": "018daf23-aaaa",
}


def captured(name: Any, *without: str, **properties: Any) -> dict[str, Any]:
    kept = {key: value for key, value in PROPERTIES.items() if key not in without}
    return {**COMMON, "event": name, "properties": {**kept, **properties}}


ROWS: list[Row] = [
    (captured("$pageview"), event(**SEEN, event_type="page_view")),
    (captured("$screen"), event(**SEEN, event_type="page_view")),
    (captured("$autocapture", **{"$event_type": "click"}), event(**SEEN, event_type="click")),
    (captured("$rageclick"), event(**SEEN, event_type="click")),
    (captured("$pageleave"), event(**SEEN, event_type="$pageleave")),
    (captured("user_signed_up", account_type="pro"), event(**SEEN, event_type="user_signed_up")),
    (captured("Order Completed", product_id="p-1"), event(**SEEN, event_type="purchase", product_id="p-1")),
    (captured("purchase", product_id=12), event(**SEEN, event_type="purchase", product_id="12")),
    (captured("plan purchased", price=12.99), event(**SEEN, event_type="plan purchased")),
    (captured("query completed", "$session_id"), event(**{**SEEN, "session_id": None}, event_type="query completed")),
    (captured("x", "$ip"), event(**{**SEEN, "ip_address": None}, event_type="x")),
    ({**captured("x", "$ip"), "ip": "203.0.113.10"}, event(**{**SEEN, "ip_address": "203.0.113.10"}, event_type="x")),
    ({**captured("x"), "uuid": None}, event(**{**SEEN, "event_id": None}, event_type="x")),
    ({**captured("x", **{"$insert_id": "i-1"}), "uuid": None}, event(**{**SEEN, "event_id": "i-1"}, event_type="x")),
    (
        {**captured("x", distinct_id="inner"), "distinct_id": None},
        event(**{**SEEN, "user_id": "inner"}, event_type="x"),
    ),
    ({**captured("x"), "distinct_id": 5}, event(**{**SEEN, "user_id": "5"}, event_type="x")),
    ({**captured("x"), "timestamp": None, "sent_at": AT}, event(**SEEN, event_type="x")),
    ({**captured("x"), "timestamp": "2024-05-22 17:09:29.220000+00:00"}, event(**SEEN, event_type="x")),
    (captured("$identify"), passed_over("$identify")),
    (captured("$create_alias"), passed_over("$create_alias")),
    (captured("$groupidentify"), passed_over("$groupidentify")),
    (captured("$set"), passed_over("$set")),
    (captured("$feature_flag_called"), passed_over("$feature_flag_called")),
    # Of a batch export in Parquet, whose objects are texts.
    ({**captured("x"), "properties": json.dumps(PROPERTIES), "set": "{}"}, event(**SEEN, event_type="x")),
    ({**captured("x"), "distinct_id": None}, rejected("missing_user_id")),
    (captured(""), rejected("missing_event_type")),
]
# Properties that are cut off: nothing in them is found, and nothing is lost.
HOSTILE: Row = (
    {**COMMON, "event": "$pageview", "properties": '{"$current_url": "https://app.example"'},
    event(user_id=PERSON, event_type="page_view", timestamp=AT, event_id="018daf23-aaaa"),
)
