"""Made after Segment's published schema of its tables in a warehouse, and RudderStack's, which is the same."""

from __future__ import annotations

from typing import Any

from clickstream_platform_tests.events.mapping.producers.expected import Row, event, rejected

SOURCE = "segment.com/docs/connections/storage/warehouses/schema, table tracks; rudderstack.com/docs, warehouse schema"
COMMON: dict[str, Any] = {
    "anonymous_id": "anon-7",
    "context_ip": "203.0.113.7",
    "context_library_name": "analytics.js",
    "context_library_version": "4.1",
    "context_page_path": "/p/1",
    "context_page_url": "https://shop.example/p/1",
    "context_user_agent": "Mozilla/5.0",
    "event": "signed_up",
    "event_text": "Signed Up",
    "id": "ajs-next-1",
    "original_timestamp": "2026-11-28 10:00:06.1",
    "received_at": "2026-11-28 10:00:09",
    "sent_at": "2026-11-28 10:00:07",
    "timestamp": "2026-11-28 10:00:08.5",
    "user_id": "u-1",
    "uuid_ts": "2026-11-28 10:05:00",
}
SEEN: dict[str, Any] = {
    "user_id": "u-1",
    "page_url": "https://shop.example/p/1",
    "timestamp": "2026-11-28T10:00:08.500Z",
    "ip_address": "203.0.113.7",
    "event_id": "ajs-next-1",
}


def row(**fields: Any) -> dict[str, Any]:
    return {**COMMON, **fields}


ROWS: list[Row] = [
    (row(), event(**SEEN, event_type="signed_up")),
    (row(event="order_completed", event_text="Order Completed"), event(**SEEN, event_type="purchase")),
    (row(event="product_clicked", product_id="p1"), event(**SEEN, event_type="click", product_id="p1")),
    (row(user_id=None), event(**{**SEEN, "user_id": "anon-7"}, event_type="signed_up")),
    (row(user_id=""), event(**{**SEEN, "user_id": "anon-7"}, event_type="signed_up")),
    (
        row(timestamp=None),
        event(**{**SEEN, "timestamp": "2026-11-28T10:00:06.100Z"}, event_type="signed_up"),
    ),
    (row(context_session_id=1643742858381), event(**SEEN, session_id="1643742858381", event_type="signed_up")),
    (row(user_id=None, anonymous_id=None), rejected("missing_user_id")),
    (row(event="completed_order"), event(**SEEN, event_type="purchase")),
    (row(event="promotion_clicked"), event(**SEEN, event_type="click")),
    (row(sku="s-1"), event(**SEEN, event_type="signed_up", product_id="s-1")),
    (row(product_id="p1", sku="s-1"), event(**SEEN, event_type="signed_up", product_id="p1")),
    (row(context_page_url=None, url="/b"), event(**{**SEEN, "page_url": "/b"}, event_type="signed_up")),
    (row(context_device_type="android"), event(**SEEN, event_type="signed_up", device_type="android")),
    (
        row(context_ip=None, context_request_ip="198.51.100.1"),  # RudderStack's
        event(**{**SEEN, "ip_address": "198.51.100.1"}, event_type="signed_up"),
    ),
    (
        row(timestamp=None, original_timestamp=None),
        event(**{**SEEN, "timestamp": "2026-11-28T10:00:07Z"}, event_type="signed_up"),
    ),
    (
        row(timestamp="", original_timestamp="", sent_at=""),
        event(**{**SEEN, "timestamp": "2026-11-28T10:00:09Z"}, event_type="signed_up"),
    ),
    (
        row(timestamp="2026-11-28 10:00:08.5+00"),  # as PostgreSQL and Redshift unload it
        event(**SEEN, event_type="signed_up"),
    ),
    (row(timestamp="yesterday"), rejected("bad_timestamp")),
    (row(user_id="null"), event(**{**SEEN, "user_id": "anon-7"}, event_type="signed_up")),
    ({**row(), "event": None, "name": "Home"}, rejected("missing_event_type")),  # of the table pages
]
HOSTILE: Row = (row(user_id={"a": 1}, timestamp=[1]), rejected("bad_timestamp"))
