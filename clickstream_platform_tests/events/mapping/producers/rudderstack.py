"""Made after RudderStack's published event spec."""

from __future__ import annotations

from typing import Any

from clickstream_platform_tests.events.mapping.producers.expected import Row, event, passed_over, rejected

SOURCE = "rudderstack.com/docs/event-spec/standard-events/{common-fields,track,page,screen,identify}, read 2026-11"
AT = "2022-02-01T19:14:18.381Z"
COMMON: dict[str, Any] = {
    "anonymousId": "anon-7",
    "channel": "web",
    "context": {
        "app": {"name": "RudderLabs JavaScript SDK", "version": "2.9.1"},
        "library": {"name": "RudderLabs JavaScript SDK", "version": "2.9.1"},
        "page": {"url": "https://shop.example/p/9578257311", "referrer": "$direct"},
        "sessionId": 1643742858381,
        "sessionStart": True,
    },
    "integrations": {"All": True},
    "messageId": "m-1",
    "originalTimestamp": AT,
    "receivedAt": "2022-02-01T19:14:19.000Z",
    "request_ip": "203.0.113.7",
    "rudderId": "r-1",
    "sentAt": AT,
    "timestamp": "2022-02-01T19:14:18.400Z",
    "userId": "u-1",
}
SEEN: dict[str, Any] = {
    "user_id": "u-1",
    "session_id": "1643742858381",
    "page_url": "https://shop.example/p/9578257311",
    "timestamp": "2022-02-01T19:14:18.400Z",
    "ip_address": "203.0.113.7",
    "event_id": "m-1",
}


def call(type_: str, **fields: Any) -> dict[str, Any]:
    return {**COMMON, "type": type_, **fields}


def track(name: str, **properties: Any) -> dict[str, Any]:
    return call("track", event=name, properties=properties)


MOBILE = {"device": {"type": "Android", "id": "d"}, "sessionId": 5, "ip": "198.51.100.1"}
ROWS: list[Row] = [
    (
        track("Product Reviewed", product_id="9578257311", rating=3.0),
        event(**SEEN, event_type="Product Reviewed", product_id="9578257311"),
    ),
    (
        track("Order Completed", products=[{"product_id": "a"}, {"product_id": "b"}]),
        event(**SEEN, event_type="purchase", product_id="a"),
    ),
    (track("Order Completed", product_id="c", products=[]), event(**SEEN, event_type="purchase", product_id="c")),
    (track("Product Clicked", product_id="c"), event(**SEEN, event_type="click", product_id="c")),
    (track("Promotion Clicked"), event(**SEEN, event_type="click")),
    (track("Cart Viewed"), event(**SEEN, event_type="Cart Viewed")),
    (call("page", name="Home", event=None), event(**SEEN, event_type="page_view")),
    (call("page", name="Cart", category="Shop"), event(**SEEN, event_type="page_view")),
    (call("screen", event="Main Screen viewed"), event(**SEEN, event_type="page_view")),
    (
        call("screen", context=MOBILE),
        event(
            **{**SEEN, "page_url": None, "session_id": "5", "ip_address": "198.51.100.1"},
            event_type="page_view",
            device_type="Android",
        ),
    ),
    ({**track("Login"), "userId": ""}, event(**{**SEEN, "user_id": "anon-7"}, event_type="Login")),
    ({**track("Login"), "userId": None}, event(**{**SEEN, "user_id": "anon-7"}, event_type="Login")),
    ({**track("Login"), "userId": "null"}, event(**{**SEEN, "user_id": "anon-7"}, event_type="Login")),
    ({**track("Login"), "timestamp": ""}, event(**{**SEEN, "timestamp": AT}, event_type="Login")),
    ({**track("Login"), "messageId": None}, event(**{**SEEN, "event_id": None}, event_type="Login")),
    ({**track("Login"), "request_ip": None}, event(**{**SEEN, "ip_address": None}, event_type="Login")),
    (call("identify"), passed_over("identify")),
    (call("group", groupId="g"), passed_over("group")),
    (call("alias", previousId="p"), passed_over("alias")),
    (call("merge"), passed_over("merge")),
    ({**track("Login"), "userId": None, "anonymousId": None}, rejected("missing_user_id")),
    ({**call("track"), "type": None}, rejected("missing_event_type")),
]
HOSTILE: Row = (
    {
        **track("x"),
        "userId": {"id": 1},
        "context": [COMMON["context"]],
        "properties": {"products": {"0": 1}},
        "timestamp": 16437428583,
    },
    event(
        **{**SEEN, "user_id": '{"id":1}', "session_id": None, "page_url": None, "timestamp": "2490-11-18T00:23:03Z"},
        event_type="x",
    ),
)
