"""Made after Segment's published spec: its calls, their common fields, its e-commerce events (version 2)."""

from __future__ import annotations

from typing import Any

from clickstream_platform_tests.events.mapping.producers.expected import Row, event, passed_over, rejected

SOURCE = (
    "segmentio/segment-docs, src/connections/spec/{common,track,page,screen,identify,ecommerce/v2}.md at 02d62cb3601a"
)
AT = "2015-12-10T04:08:31.905Z"
ID = "022bb90c-bbac-11e4-8dfc-aa07a5b093db"
CONTEXT: dict[str, Any] = {
    "ip": "8.8.8.8",
    "library": {"name": "analytics.js", "version": "2.11.1"},
    "page": {"path": "/academy/", "title": "Analytics Academy", "url": "https://segment.com/academy/"},
    "userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 9_1 like Mac OS X)",
}
COMMON: dict[str, Any] = {
    "anonymousId": "507f191e810c19729de860ea",
    "context": CONTEXT,
    "integrations": {"All": True, "Mixpanel": False},
    "messageId": ID,
    "receivedAt": "2015-12-10T04:08:31.909Z",
    "sentAt": "2015-12-10T04:08:31.581Z",
    "timestamp": AT,
    "userId": "97980cfea0067",
    "version": 2,
}
SEEN: dict[str, Any] = {
    "user_id": "97980cfea0067",
    "page_url": "https://segment.com/academy/",
    "timestamp": AT,
    "ip_address": "8.8.8.8",
    "event_id": ID,
}
PRODUCTS = [{"product_id": "507f1f77", "price": 19.5, "quantity": 1}, {"product_id": "505bd76", "price": 3}]


def call(type_: str, **fields: Any) -> dict[str, Any]:
    return {**COMMON, "type": type_, **fields}


def track(name: str, **properties: Any) -> dict[str, Any]:
    return call("track", event=name, properties=properties)


ROWS: list[Row] = [
    (track("User Registered", plan="Pro Annual"), event(**SEEN, event_type="User Registered")),
    (
        track("Order Completed", total=27.5, products=PRODUCTS),
        event(**SEEN, event_type="purchase", product_id="507f1f77"),
    ),
    (track("Completed Order", revenue="39.95"), event(**SEEN, event_type="purchase")),
    (
        track("Product Clicked", product_id="507f1f77", price=18.99),
        event(**SEEN, event_type="click", product_id="507f1f77"),
    ),
    (track("Promotion Clicked", promotion_id="promo_1"), event(**SEEN, event_type="click")),
    (track("Product Viewed", product_id="507f1f77"), event(**SEEN, event_type="Product Viewed", product_id="507f1f77")),
    (track("Product Added", product_id=42), event(**SEEN, event_type="Product Added", product_id="42")),
    (track("page"), event(**SEEN, event_type="page_view")),  # an event of that name is one more page view
    (call("page", name="Home", properties={"url": "https://other"}), event(**SEEN, event_type="page_view")),
    (
        call("page", context={"ip": "8.8.8.8"}, properties={"url": "https://segment.com/pricing"}),
        event(**{**SEEN, "page_url": "https://segment.com/pricing"}, event_type="page_view"),
    ),
    (
        call("screen", name="Home", context={"device": {"type": "ios", "model": "iPhone7,2"}}),
        event(**{**SEEN, "page_url": None, "ip_address": None}, event_type="page_view", device_type="ios"),
    ),
    (
        {**track("Signed Up"), "userId": None},
        event(**{**SEEN, "user_id": "507f191e810c19729de860ea"}, event_type="Signed Up"),
    ),
    (
        {**track("Signed Up"), "userId": "  "},
        event(**{**SEEN, "user_id": "507f191e810c19729de860ea"}, event_type="Signed Up"),
    ),
    (
        {**track("Signed Up"), "userId": "undefined"},  # a placeholder names nobody: the next id does
        event(**{**SEEN, "user_id": "507f191e810c19729de860ea"}, event_type="Signed Up"),
    ),
    ({**track("Signed Up"), "userId": 1234}, event(**{**SEEN, "user_id": "1234"}, event_type="Signed Up")),
    (
        {**track("Signed Up"), "timestamp": None, "originalTimestamp": "2015-12-10T05:08:31.905+01:00"},
        event(**SEEN, event_type="Signed Up"),
    ),
    (
        {**track("Signed Up"), "context": {**CONTEXT, "sessionId": 1709287200}},
        event(**SEEN, event_type="Signed Up", session_id="1709287200"),
    ),
    (call("identify", traits={"email": "a@example.com"}), passed_over("identify")),
    (call("group", groupId="0e8c78ea", traits={"name": "Initech"}), passed_over("group")),
    (call("alias", previousId="anon"), passed_over("alias")),
    ({**track("Signed Up"), "userId": None, "anonymousId": ""}, rejected("missing_user_id")),
    ({**track("Signed Up"), "timestamp": "yesterday"}, rejected("bad_timestamp")),
    ({"type": "track", "userId": "u", "timestamp": AT}, event(user_id="u", event_type="track", timestamp=AT)),
]
HOSTILE: Row = (  # every path leads to something of another type than the spec says
    {
        "type": ["track"],
        "event": {"a": 1},
        "userId": [],
        "anonymousId": False,
        "context": "x",
        "properties": [7],
        "timestamp": AT,
    },
    event(user_id="[]", event_type='{"a":1}', timestamp=AT),
)
