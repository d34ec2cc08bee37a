"""Made after Jitsu's published example of a page event, its protocol, and the events of its version 1."""

from __future__ import annotations

from typing import Any

from clickstream_platform_tests.events.mapping.producers.expected import Row, event, passed_over, rejected

SOURCE = "jitsucom/jitsu, cli/jitsu-cli/data/page.json at 32149f810bf1, types/protocols/analytics.d.ts at 163376303f13"
AT = "2023-10-23T08:56:09.043Z"
COMMON: dict[str, Any] = {
    "properties": {"title": "Example", "currency": "USD"},
    "userId": "user@example.com",
    "anonymousId": "f6ps414G",
    "timestamp": AT,
    "sentAt": AT,
    "messageId": "y4eAqqw9",
    "writeKey": "Bysczu8o",
    "context": {
        "library": {"name": "jitsu-js", "version": "1.0.0"},
        "page": {"path": "/", "url": "https://example.com/"},
        "traits": {"email": "user@example.com"},
    },
    "requestIp": "69.162.81.155",
    "receivedAt": AT,
}
SEEN: dict[str, Any] = {
    "user_id": "user@example.com",
    "page_url": "https://example.com/",
    "timestamp": AT,
    "ip_address": "69.162.81.155",
    "event_id": "y4eAqqw9",
}
FIRST: dict[str, Any] = {  # of version 1
    "eventn_ctx": {"event_id": "e-1"},
    "user": {"anonymous_id": "a-1", "id": "u-1", "email": "u@example.com"},
    "url": "https://example.com/one",
    "utc_time": "2021-03-11T10:00:00.000000Z",
    "source_ip": "10.1.2.3",
    "parsed_ua": {"device_type": "mobile", "os_family": "iOS"},
}
OLD: dict[str, Any] = {
    "user_id": "u-1",
    "page_url": "https://example.com/one",
    "timestamp": "2021-03-11T10:00:00Z",
    "ip_address": "10.1.2.3",
    "event_id": "e-1",
    "device_type": "mobile",
}


def call(type_: Any, **fields: Any) -> dict[str, Any]:
    return {**COMMON, "type": type_, **fields}


def first(type_: Any, **fields: Any) -> dict[str, Any]:
    return {**FIRST, "event_type": type_, **fields}


ROWS: list[Row] = [
    (call("page"), event(**SEEN, event_type="page_view")),
    (call("page", name="Home"), event(**SEEN, event_type="page_view")),
    (call("screen"), event(**SEEN, event_type="page_view")),
    (call("track", event="Signed Up"), event(**SEEN, event_type="Signed Up")),
    (
        call("track", event="Order Completed", properties={"product_id": "p"}),
        event(**SEEN, event_type="purchase", product_id="p"),
    ),
    (call("track", event="click"), event(**SEEN, event_type="click")),
    (
        call("track", event="x", properties={"products": [{"product_id": 3}]}),
        event(**SEEN, event_type="x", product_id="3"),
    ),
    (call("track", event="x", userId=None), event(**{**SEEN, "user_id": "f6ps414G"}, event_type="x")),
    (call("track", event="x", userId=""), event(**{**SEEN, "user_id": "f6ps414G"}, event_type="x")),
    (call("track", event="x", context={}), event(**{**SEEN, "page_url": None}, event_type="x")),
    (call("track", event="x", timestamp=None, originalTimestamp=AT), event(**SEEN, event_type="x")),
    (
        call("track", event="x", requestIp=None, context={"ip": "1.1.1.1"}),
        event(**{**SEEN, "page_url": None, "ip_address": "1.1.1.1"}, event_type="x"),
    ),
    (call("identify"), passed_over("identify")),
    (call("group"), passed_over("group")),
    (call("alias"), passed_over("alias")),
    (first("pageview"), event(**OLD, event_type="page_view")),
    (first("conversion", product_id="p-9"), event(**OLD, event_type="purchase", product_id="p-9")),
    (first("signup"), event(**OLD, event_type="signup")),
    (first("click"), event(**OLD, event_type="click")),
    (first("app", user={"anonymous_id": "a-1"}), event(**{**OLD, "user_id": "a-1"}, event_type="app")),
    (first("app", eventn_ctx=None, eventn_ctx_event_id="e-2"), event(**{**OLD, "event_id": "e-2"}, event_type="app")),
    (first("user_identify"), passed_over("user_identify")),
    (first("app", user={}), rejected("missing_user_id")),
    (first("app", utc_time="2021-02-29T10:00:00Z"), rejected("bad_timestamp")),
]
HOSTILE: Row = (
    call("page", user="admin", url=["x"], context={"page": {"url": ""}}, properties=None, eventn_ctx=7),
    event(**{**SEEN, "page_url": '["x"]'}, event_type="page_view"),
)
