"""Made after Snowplow's canonical event model, as the analytics SDKs write it as JSON."""

from __future__ import annotations

from typing import Any

from clickstream_platform_tests.events.mapping.producers.expected import Row, event, rejected

SOURCE = "snowplow/documentation, docs/pipeline/enriched-tsv-format/index.md and the canonical event at 8d544a4f0fc1"
COMMON: dict[str, Any] = {
    "app_id": "shop",
    "platform": "web",
    "collector_tstamp": "2021-11-26T00:02:05.500Z",
    "dvce_created_tstamp": "2021-11-26T00:03:57.885Z",
    "derived_tstamp": "2021-11-26T00:02:05.000Z",
    "event_id": "c6ef3124",
    "v_collector": "ssc-2.6.1",
    "v_etl": "enrich-3.8.0",
    "user_id": "jon.doe@example.com",
    "user_ipaddress": "92.231.54.234",
    "domain_userid": "bc2e92ec",
    "network_userid": "ecdff4d0",
    "domain_sessionid": "2b15e5c8",
    "page_url": "https://shop.example/product?id=1",
    "dvce_type": "Computer",
    "event_vendor": "com.snowplowanalytics.snowplow",
    "geo_location": "37.443604,-122.4124",
}
SEEN: dict[str, Any] = {
    "user_id": "jon.doe@example.com",
    "session_id": "2b15e5c8",
    "page_url": "https://shop.example/product?id=1",
    "timestamp": "2021-11-26T00:02:05Z",
    "device_type": "Computer",
    "ip_address": "92.231.54.234",
    "event_id": "c6ef3124",
}
ACTION = "unstruct_event_com_snowplowanalytics_snowplow_ecommerce_snowplow_ecommerce_action_1"
PRODUCT = "contexts_com_snowplowanalytics_snowplow_ecommerce_product_1"
SESSION = "contexts_com_snowplowanalytics_snowplow_client_session_1"


def enriched(kind: Any, name: Any = None, **fields: Any) -> dict[str, Any]:
    return {**COMMON, "event": kind, "event_name": name or kind, **fields}


def unstruct(name: str, **fields: Any) -> dict[str, Any]:
    return enriched("unstruct", name, **fields)


ANONYMOUS = {**SEEN, "user_id": "bc2e92ec"}
ROWS: list[Row] = [
    (enriched("page_view"), event(**SEEN, event_type="page_view")),
    (enriched("page_ping", pp_yoffset_max=120), event(**SEEN, event_type="page_ping")),
    (enriched("transaction", tr_orderid="o-1", tr_total=30.0), event(**SEEN, event_type="purchase")),
    (enriched("transaction_item", ti_sku="sku-1"), event(**SEEN, event_type="transaction_item", product_id="sku-1")),
    (enriched("struct", "event", se_category="cart", se_action="add"), event(**SEEN, event_type="add")),
    (enriched("struct", "event", se_category="cart"), event(**SEEN, event_type="event")),
    (unstruct("link_click"), event(**SEEN, event_type="click")),
    (unstruct("button_click"), event(**SEEN, event_type="click")),
    (unstruct("screen_view"), event(**SEEN, event_type="page_view")),
    (unstruct("submit_form"), event(**SEEN, event_type="submit_form")),
    (
        unstruct(
            "snowplow_ecommerce_action", **{ACTION: {"type": "transaction"}, PRODUCT: [{"id": "P1"}, {"id": "P2"}]}
        ),
        event(**SEEN, event_type="purchase", product_id="P1"),
    ),
    (
        unstruct("snowplow_ecommerce_action", **{ACTION: {"type": "product_view"}, PRODUCT: [{"id": "P1"}]}),
        event(**SEEN, event_type="snowplow_ecommerce_action", product_id="P1"),
    ),
    (enriched("page_view", user_id=None), event(**ANONYMOUS, event_type="page_view")),
    (enriched("page_view", user_id=""), event(**ANONYMOUS, event_type="page_view")),
    (
        enriched("page_view", user_id=None, domain_userid=None),
        event(**{**SEEN, "user_id": "ecdff4d0"}, event_type="page_view"),
    ),
    (
        unstruct(
            "screen_view",
            user_id=None,
            domain_userid=None,
            domain_sessionid=None,
            **{SESSION: [{"userId": "m", "sessionId": "s"}]},
        ),
        event(**{**SEEN, "user_id": "m", "session_id": "s"}, event_type="page_view"),
    ),
    (
        enriched("page_view", derived_tstamp=None),
        event(**{**SEEN, "timestamp": "2021-11-26T00:02:05.500Z"}, event_type="page_view"),
    ),
    (
        enriched("page_view", true_tstamp="2021-11-26T00:00:00Z"),
        event(**{**SEEN, "timestamp": "2021-11-26T00:00:00Z"}, event_type="page_view"),
    ),
    (enriched("page_view", dvce_type=None), event(**{**SEEN, "device_type": None}, event_type="page_view")),
    (enriched("page_view", user_ipaddress=None), event(**{**SEEN, "ip_address": None}, event_type="page_view")),
    (enriched("page_view", user_id=None, domain_userid=None, network_userid=None), rejected("missing_user_id")),
    (
        enriched("page_view", network_userid="00000000-0000-0000-0000-000000000000", user_id=None, domain_userid="d"),
        event(**{**SEEN, "user_id": "d"}, event_type="page_view"),
    ),
    ({**enriched("x"), "event": None, "event_name": None}, rejected("missing_event_type")),
]
HOSTILE: Row = (
    unstruct("x", **{ACTION: "transaction", PRODUCT: {"id": "P1"}, SESSION: [None, "x"]}),
    event(**SEEN, event_type="x"),
)
