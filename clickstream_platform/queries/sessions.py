"""One session after another."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from clickstream_platform.events.session import SESSION_GAP

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def sessions(events: DataFrame, max_sequence_length: int, gap: timedelta = SESSION_GAP) -> DataFrame:
    """One row per stretch of a user's and session id's events whose neighbours are at most a gap apart.

    A pause of exactly the gap does not end a session, as in Spark's ``session_window``; a microsecond more does. Events
    without a session id are a user's own stretch. ``event_sequence`` is in event-time order (at one time: by type)
    and stops at ``max_sequence_length``; ``events_in_session`` counts them all.
    """
    from pyspark.sql import functions as F

    is_purchase = F.col("event_type") == "purchase"
    gap_seconds = gap // timedelta(seconds=1)
    stretch = F.session_window("timestamp", f"{gap_seconds} seconds").alias("stretch")
    grouped = events.groupBy("user_id", "session_id", stretch).agg(
        F.min("timestamp").alias("session_start"),
        F.max("timestamp").alias("session_end"),
        F.count("*").alias("events_in_session"),
        F.array_sort(F.collect_list(F.struct("timestamp", "event_type"))).alias("ordered"),
        F.count_if(is_purchase).alias("purchases"),
    )
    seconds = (F.unix_micros("session_end") - F.unix_micros("session_start")) / F.lit(1_000_000)
    return grouped.select(
        "user_id",
        "session_id",
        "session_start",
        "session_end",
        "events_in_session",
        F.slice("ordered.event_type", 1, max_sequence_length).alias("event_sequence"),
        "purchases",
        (seconds / 60).alias("session_duration_minutes"),
        (F.col("session_end") + F.expr(f"INTERVAL {gap_seconds} SECONDS")).alias("final_at"),
    )
