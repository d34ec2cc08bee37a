"""What was bought."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def purchases(events: DataFrame) -> DataFrame:
    """One row per purchase event."""
    from pyspark.sql import functions as F

    is_purchase = F.col("event_type") == "purchase"
    return events.where(is_purchase).select(
        "user_id",
        "session_id",
        "product_id",
        "page_url",
        "timestamp",
        "device_type",
        "event_id",
        "source",
        "partition",
        "offset",
        *(["index"] if "index" in events.columns else []),  # of before a record could hold several events
    )
