"""What was bought."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from clickstream_platform.events.schema import Column

# What of a purchase event says for how much: passed on as `events` has it, where a contract declares it.
SAID_OF_A_PURCHASE = ("order_id", "amount", "currency", "quantity", "items")


def purchases(events: DataFrame, declared: Sequence[Column] = ()) -> DataFrame:
    """One row per purchase event.

    Args:
        events: the events.
        declared: columns that a contract declares; null where ``events`` does not have one yet.
    """
    from pyspark.sql import functions as F

    is_purchase = F.col("event_type") == "purchase"
    there = events.columns
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
        *(["index"] if "index" in there else []),  # of before a record could hold several events
        *(each.name if each.name in there else F.lit(None).cast(each.type).alias(each.name) for each in declared),
    )
