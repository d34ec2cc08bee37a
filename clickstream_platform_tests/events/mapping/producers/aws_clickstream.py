"""Made after the published event structure of the SDKs of Clickstream Analytics on AWS, and its data schema."""

from __future__ import annotations

from typing import Any

from clickstream_platform_tests.events.mapping.producers.expected import Row, event, passed_over, rejected

SOURCE = "awslabs/clickstream-analytics-on-aws, docs/en/{sdk-manual/web,pipeline-mgmt/data-schema}.md at 0257ddcf2c3f"
ATTRIBUTES = {
    "_session_id": "dc7a7a18-20221108-031926703",
    "_page_url": "https://example.com/index.html",
    "_page_title": "index",
}
COMMON: dict[str, Any] = {
    "unique_id": "c84ad28d",
    "event_id": "460daa08",
    "timestamp": 1667877566697,
    "device_id": "f24bec65",
    "platform": "Web",
    "zone_offset": 28800000,
    "sdk_name": "aws-solution-clickstream-sdk",
    "app_id": "appId",
    "user": {"_user_id": {"value": "312121", "set_timestamp": 1667877566697}},
    "attributes": ATTRIBUTES,
}
SEEN: dict[str, Any] = {
    "user_id": "312121",
    "session_id": "dc7a7a18-20221108-031926703",
    "page_url": "https://example.com/index.html",
    "timestamp": "2022-11-08T03:19:26.697Z",
    "device_type": "Web",
    "event_id": "460daa08",
}
ROW: dict[str, Any] = {  # of the table event_v2
    "event_timestamp": "2022-11-08 03:19:26.697",
    "event_id": "e-1",
    "user_pseudo_id": "c84ad28d",
    "user_id": None,
    "session_id": "s-1",
    "platform": "Android",
    "page_view_page_url": "https://example.com/",
    "custom_parameters": {"k": "v"},
}
OF_ROW: dict[str, Any] = {
    "user_id": "c84ad28d",
    "session_id": "s-1",
    "page_url": "https://example.com/",
    "timestamp": "2022-11-08T03:19:26.697Z",
    "device_type": "Android",
    "event_id": "e-1",
}


def sent(name: Any, **fields: Any) -> dict[str, Any]:
    return {**COMMON, "event_type": name, **fields}


def row(name: Any, **fields: Any) -> dict[str, Any]:
    return {**ROW, "event_name": name, **fields}


ITEMS = [{"id": "123", "name": "Nike", "price": 279.9}, {"id": "124"}]
ANONYMOUS = {**SEEN, "user_id": "c84ad28d"}
ROWS: list[Row] = [
    (sent("_page_view"), event(**SEEN, event_type="page_view")),
    (sent("_screen_view"), event(**SEEN, event_type="page_view")),
    (sent("_click", attributes={**ATTRIBUTES, "_link_url": "x"}), event(**SEEN, event_type="click")),
    (sent("add_to_cart", items=ITEMS), event(**SEEN, event_type="add_to_cart", product_id="123")),
    (sent("purchase", items=ITEMS), event(**SEEN, event_type="purchase", product_id="123")),
    (sent("_session_start"), event(**SEEN, event_type="_session_start")),
    (sent("_scroll"), event(**SEEN, event_type="_scroll")),
    (sent("_search"), event(**SEEN, event_type="_search")),
    (sent("_user_engagement"), event(**SEEN, event_type="_user_engagement")),
    (sent("albumVisit"), event(**SEEN, event_type="albumVisit")),
    (sent("x", user={}), event(**ANONYMOUS, event_type="x")),
    (sent("x", user={"_user_id": {"value": None}}), event(**ANONYMOUS, event_type="x")),
    (sent("x", user={}, unique_id=None), event(**{**SEEN, "user_id": "f24bec65"}, event_type="x")),
    (sent("x", attributes={}), event(**{**SEEN, "session_id": None, "page_url": None}, event_type="x")),
    (sent("x", timestamp="1667877566697"), event(**SEEN, event_type="x")),
    (sent("_profile_set"), passed_over("_profile_set")),
    (sent("_clickstream_error"), passed_over("_clickstream_error")),
    (row("_page_view"), event(**OF_ROW, event_type="page_view")),
    (row("_click"), event(**OF_ROW, event_type="click")),
    (
        row("purchase", items=ITEMS, user_id="u"),
        event(**{**OF_ROW, "user_id": "u"}, event_type="purchase", product_id="123"),
    ),
    (row("_profile_set"), passed_over("_profile_set")),
    (row("x", user_pseudo_id=None), rejected("missing_user_id")),
    (sent("x", timestamp=None), rejected("missing_timestamp")),
]
HOSTILE: Row = (
    sent("x", user={"_user_id": "312121"}, attributes=[ATTRIBUTES], items={"id": 1}, timestamp="1667877566697.25"),
    event(
        **{**ANONYMOUS, "session_id": None, "page_url": None, "timestamp": "2022-11-08T03:19:26.697250Z"},
        event_type="x",
    ),
)
