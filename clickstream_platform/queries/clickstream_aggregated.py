"""What a visitor did in the last five minutes, said anew every minute."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

WINDOW = timedelta(minutes=5)
SLIDE = timedelta(minutes=1)


def clickstream_aggregated(events: DataFrame) -> DataFrame:
    """One row per user and five-minute window, of which one begins every minute: an event is in five of them.

    ``session_count`` is exact; events without a session id count as events only.
    """
    from pyspark.sql import functions as F

    window = F.window("timestamp", f"{WINDOW.seconds} seconds", f"{SLIDE.seconds} seconds")
    grouped = events.groupBy("user_id", window).agg(
        F.count("*").alias("event_count"),
        F.size(F.collect_set("session_id")).cast("long").alias("session_count"),
    )
    return grouped.select(
        "user_id",
        F.col("window.start").alias("window_start"),
        F.col("window.end").alias("window_end"),
        "event_count",
        "session_count",
        F.col("window.end").alias("final_at"),
    )
