"""``clickstream_aggregated``: what a visitor did in the last five minutes, said anew every minute."""

from __future__ import annotations

from datetime import timedelta

from clickstream_platform.events.schema import Column
from clickstream_platform.expectations import NonNegative, NotNull, UniqueKey
from clickstream_platform.queries.clickstream_aggregated import WINDOW, clickstream_aggregated
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.sink import Upsert
from clickstream_platform.streaming.contract.state import StateStore
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.contract.trigger import AvailableNow
from clickstream_platform.streaming.contract.watermark import Watermark
from clickstream_platform.streaming.sources.delta import DeltaSource


def clickstream_aggregated_table(_: Settings) -> StreamingTable:
    """One row for a user in five minutes; such a window begins every minute, so an event counts in five rows."""
    return StreamingTable(
        name="clickstream_aggregated",
        version=1,
        description="What one visitor did in five minutes, a window beginning every minute.",
        columns=(
            Column("user_id", "string", "The visitor."),
            Column("window_start", "timestamp", "Start of the five minutes, included."),
            Column("window_end", "timestamp", "End of the five minutes, excluded."),
            Column("event_count", "bigint", "Events in the window; each event is in five windows."),
            Column("session_count", "bigint", "Different session ids among them, exactly."),
            Column("final_at", "timestamp", "Once the watermark has passed it, only a late event changes the row."),
        ),
        offsets=DeltaSource("events"),
        trigger=AvailableNow(),
        query=clickstream_aggregated,
        state=StateStore(by=("user_id",), reach=WINDOW),
        watermark=Watermark("timestamp", delay=timedelta(minutes=15)),
        sink=Upsert("user_id", "window_start", span=("window_start", "window_end")),
        expectations=(
            UniqueKey(("user_id", "window_start")),
            NotNull(("user_id", "window_start", "window_end", "event_count")),
            NonNegative(("event_count", "session_count")),
        ),
    )
