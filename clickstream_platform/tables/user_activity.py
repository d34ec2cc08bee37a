"""``user_activity``: what one visitor did in one session in five minutes."""

from __future__ import annotations

from datetime import timedelta

from clickstream_platform.events.schema import Column
from clickstream_platform.expectations import NonNegative, NotNull, UniqueKey
from clickstream_platform.queries.user_activity import WINDOW, user_activity
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.sink import Upsert
from clickstream_platform.streaming.contract.state import StateStore
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.contract.trigger import AvailableNow
from clickstream_platform.streaming.contract.watermark import Watermark
from clickstream_platform.streaming.sources.delta import DeltaSource


def user_activity_table(settings: Settings) -> StreamingTable:
    """One row for a user and session id in five minutes: counts, and the device. ``alerts`` is made of these."""
    return StreamingTable(
        name="user_activity",
        version=1,
        description="What one visitor did in one session in five minutes.",
        columns=(
            Column("user_id", "string", "The visitor."),
            Column("session_id", "string", "The session, as the client named it; null if it named none."),
            Column("window_start", "timestamp", "Start of the five minutes, included."),
            Column("window_end", "timestamp", "End of the five minutes, excluded."),
            Column("total_events", "bigint", "Events in the window."),
            Column("unique_pages", "bigint", "Different pages among them, exactly."),
            Column("click_count", "bigint", "Clicks among them."),
            Column("purchase_count", "bigint", "Purchases among them."),
            Column("device_type", "string", "Device of the earliest event."),
            Column("final_at", "timestamp", "Once the watermark has passed it, only a late event changes the row."),
        ),
        offsets=DeltaSource("events"),
        trigger=AvailableNow(),
        query=user_activity,
        state=StateStore(by=("user_id", "session_id"), reach=WINDOW),
        watermark=Watermark("timestamp", delay=timedelta(minutes=10)),
        sink=Upsert("user_id", "session_id", "window_start", span=("window_start", "window_end")),
        expectations=(
            UniqueKey(("user_id", "session_id", "window_start")),
            NotNull(("user_id", "window_start", "window_end", "total_events")),
            NonNegative(("total_events", "unique_pages", "click_count", "purchase_count")),
        ),
    )
