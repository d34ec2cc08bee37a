"""Made after Snowplow's example requests to a collector, and the payload properties of its canonical event."""

from __future__ import annotations

from typing import Any

from clickstream_platform_tests.events.mapping.producers.expected import Row, event, rejected

SOURCE = (
    "snowplow/documentation, docs/events/going-deeper/example-requests/index.md at 6079e93a96ef, "
    "and docs/fundamentals/canonical-event/index.md at 06884e40a4d6"
)
COMMON: dict[str, Any] = {
    "eid": "5a305bf5",
    "tv": "js-3.5.0",
    "tna": "biz1",
    "aid": "website",
    "p": "web",
    "cookie": "1",
    "cs": "UTF-8",
    "lang": "en-GB",
    "res": "3440x1440",
    "tz": "Europe/London",
    "dtm": "1665398554151",
    "vp": "693x1302",
    "vid": "29",
    "sid": "be9520e7",
    "duid": "85094061",
    "url": "https://shop.example/",
    "stm": "1665398554153",
}
SEEN: dict[str, Any] = {
    "user_id": "85094061",
    "session_id": "be9520e7",
    "page_url": "https://shop.example/",
    "timestamp": "2022-10-10T10:42:34.151Z",
    "event_id": "5a305bf5",
}


def sent(kind: Any, *without: str, **fields: Any) -> dict[str, Any]:
    return {**{name: value for name, value in COMMON.items() if name not in without}, "e": kind, **fields}


def seen(**columns: Any) -> dict[str, Any]:
    return event(**{**SEEN, **columns})


ROWS: list[Row] = [
    (sent("pv", page="Home"), seen(event_type="page_view")),
    (sent("pp", cx=""), seen(event_type="page_ping")),
    (sent("ue", ue_px="eyJzY2hlbWEiOiJ4In0="), seen(event_type="unstruct")),
    (sent("ue", ue_pr='{"schema":"x"}'), seen(event_type="unstruct")),
    (sent("se", se_ca="cart", se_ac="add"), seen(event_type="struct")),
    (sent("tr", tr_id="o-1", tr_tt="30.00", tr_cu="EUR"), seen(event_type="purchase")),
    (sent("ti", ti_id="o-1", ti_sk="sku-1", ti_qu="2"), seen(event_type="transaction_item", product_id="sku-1")),
    (sent("pv", uid="jon"), seen(user_id="jon", event_type="page_view")),
    (sent("pv", uid="undefined"), seen(event_type="page_view")),
    (sent("pv", "duid", tnuid="ecdff4d0"), seen(user_id="ecdff4d0", event_type="page_view")),
    (sent("pv", ttm="1361553733313"), seen(timestamp="2013-02-22T17:22:13.313Z", event_type="page_view")),
    (sent("pv", "dtm"), seen(timestamp="2022-10-10T10:42:34.153Z", event_type="page_view")),
    (sent("pv", dtm=1665398554151), seen(event_type="page_view")),
    (sent("pv", ip="92.231.54.234"), seen(ip_address="92.231.54.234", event_type="page_view")),
    (sent("pv", "url", "sid", p="mob"), seen(page_url=None, session_id=None, event_type="page_view")),
    (sent("pv", "eid"), seen(event_id=None, event_type="page_view")),
    (sent("x"), seen(event_type="x")),
    (sent("pv", "duid"), rejected("missing_user_id")),
    (sent("pv", "dtm", "stm"), rejected("missing_timestamp")),
    (sent("pv", dtm="yesterday"), rejected("bad_timestamp")),
    (COMMON, rejected("missing_event_type")),
]
HOSTILE: Row = (sent(["pv"], duid={"a": 1}, dtm="-1e400"), rejected("bad_timestamp"))
