"""``processed_events``: how often each thing happened."""

from __future__ import annotations

from datetime import timedelta

from clickstream_platform.events.schema import Column
from clickstream_platform.expectations import NonNegative, NotNull, UniqueKey
from clickstream_platform.queries.processed_events import PROCESSED_EVENTS, WINDOW
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.sink import Upsert
from clickstream_platform.streaming.contract.state import Recompute
from clickstream_platform.streaming.contract.table import Sql, StreamingTable
from clickstream_platform.streaming.contract.trigger import AvailableNow
from clickstream_platform.streaming.contract.watermark import Watermark
from clickstream_platform.streaming.sources.delta import DeltaSource

KEY = ("user_id", "session_id", "event_type", "page_url", "product_id", "timestamp", "device_type", "window_start")


def processed_events_table(_: Settings) -> StreamingTable:
    """One row for events that are alike in everything but their place, in five minutes.

    Spark refuses to group a stream by the watermarked column beside its window, so no state store could keep this
    table; a batch may, and so a table that is recomputed.
    """
    return StreamingTable(
        name="processed_events",
        version=1,
        description="How often one thing happened: everything said of an event but its place, in five minutes.",
        columns=(
            Column("user_id", "string", "The visitor."),
            Column("session_id", "string", "The session, as the client named it; null if it named none."),
            Column("event_type", "string", "What happened."),
            Column("page_url", "string", "On which page."),
            Column("product_id", "string", "With which product; null where there is none, as in a page view."),
            Column("timestamp", "timestamp", "When."),
            Column("device_type", "string", "On which device."),
            Column("window_start", "timestamp", "Start of the five minutes, included."),
            Column("window_end", "timestamp", "End of the five minutes, excluded."),
            Column("event_count", "bigint", "Events that are alike in all of this."),
            Column("final_at", "timestamp", "Once the watermark has passed it, only a late event changes the row."),
        ),
        offsets=DeltaSource("events"),
        trigger=AvailableNow(),
        query=Sql(PROCESSED_EVENTS),
        state=Recompute(by=("user_id", "session_id"), reach=WINDOW),
        watermark=Watermark("timestamp", delay=timedelta(minutes=10)),
        sink=Upsert(*KEY, span=("window_start", "window_end")),
        expectations=(
            UniqueKey(KEY),
            NotNull(("user_id", "event_type", "timestamp", "window_start", "window_end")),
            NonNegative(("event_count",)),
        ),
    )
