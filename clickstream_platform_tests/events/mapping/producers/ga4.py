"""Made after the published schema of GA4's export to BigQuery, rows as BigQuery writes them as JSON."""

from __future__ import annotations

from typing import Any

from clickstream_platform_tests.events.mapping.producers.expected import Row, event, rejected

SOURCE = "support.google.com/analytics/answer/7029846, [GA4] BigQuery Export schema, read 2026-11"
VALUE = {"string_value": None, "int_value": None, "float_value": None, "double_value": None}


def param(key: str, **value: Any) -> dict[str, Any]:
    return {"key": key, "value": {**VALUE, **value}}


PARAMS = [
    param("engagement_time_msec", int_value="1200"),
    param("ga_session_id", int_value="1611000001"),
    param("page_location", string_value="https://shop.example/hoodies"),
    param("page_title", string_value="Hoodies"),
]
COMMON: dict[str, Any] = {
    "event_date": "20210119",
    "event_timestamp": "1611061234567890",
    "event_params": PARAMS,
    "event_bundle_sequence_id": "-8120513",
    "user_id": None,
    "user_pseudo_id": "1034563.8342",
    "user_properties": [],
    "device": {"category": "mobile", "language": "en-us", "is_limited_ad_tracking": "No"},
    "geo": {"country": "Spain"},
    "stream_id": "2100450278",
    "platform": "WEB",
    "items": [],
}
SEEN: dict[str, Any] = {
    "user_id": "1034563.8342",
    "session_id": "1611000001",
    "page_url": "https://shop.example/hoodies",
    "timestamp": "2021-01-19T13:00:34.567890Z",
    "device_type": "mobile",
}


def row(name: Any, **fields: Any) -> dict[str, Any]:
    return {**COMMON, "event_name": name, **fields}


HOODIE = {"item_id": "GGOEG", "item_name": "Hoodie", "price_in_usd": 54.0, "quantity": "1"}
ROWS: list[Row] = [
    (row("page_view"), event(**SEEN, event_type="page_view")),
    (row("screen_view"), event(**SEEN, event_type="page_view")),
    (row("session_start"), event(**SEEN, event_type="session_start")),
    (row("first_visit"), event(**SEEN, event_type="first_visit")),
    (row("scroll"), event(**SEEN, event_type="scroll")),
    (row("user_engagement"), event(**SEEN, event_type="user_engagement")),
    (row("click"), event(**SEEN, event_type="click")),
    (row("select_item", items=[HOODIE]), event(**SEEN, event_type="click", product_id="GGOEG")),
    (row("select_content"), event(**SEEN, event_type="click")),
    (row("select_promotion"), event(**SEEN, event_type="click")),
    (row("view_item", items=[HOODIE]), event(**SEEN, event_type="view_item", product_id="GGOEG")),
    (row("add_to_cart", items=[HOODIE]), event(**SEEN, event_type="add_to_cart", product_id="GGOEG")),
    (
        row("purchase", items=[HOODIE, HOODIE], ecommerce={"purchase_revenue": 108.0}),
        event(**SEEN, event_type="purchase", product_id="GGOEG"),
    ),
    (row("ecommerce_purchase"), event(**SEEN, event_type="purchase")),
    (row("in_app_purchase", platform="ANDROID"), event(**SEEN, event_type="purchase")),
    (row("login", user_id="cust-9"), event(**{**SEEN, "user_id": "cust-9"}, event_type="login")),
    (row("login", event_timestamp=1611061234567890), event(**SEEN, event_type="login")),
    (
        row("login", event_params=[param("ga_session_id", int_value=7), *PARAMS]),  # the first of a key counts
        event(**{**SEEN, "session_id": "7"}, event_type="login"),
    ),
    (row("login", event_params=[]), event(**{**SEEN, "session_id": None, "page_url": None}, event_type="login")),
    (row("login", device=None), event(**{**SEEN, "device_type": None}, event_type="login")),
    (
        row("view_item", event_params=[*PARAMS, param("item_id", string_value="SKU_1")]),
        event(**SEEN, event_type="view_item", product_id="SKU_1"),
    ),
    (row("page_view", user_pseudo_id=None), rejected("missing_user_id")),  # without consent
    (row(None), rejected("missing_event_type")),
    (row("page_view", event_timestamp=None), rejected("missing_timestamp")),
]
HOSTILE: Row = (
    row("page_view", event_params={"page_location": 1}, items={"item_id": "x"}, device=["mobile"], user_id=""),
    event(user_id="1034563.8342", event_type="page_view", timestamp="2021-01-19T13:00:34.567890Z"),
)
