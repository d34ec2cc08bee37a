"""Patterns in the order of visitors' events, by one fold (:mod:`.pattern_fold`) with two callers.

:func:`user_patterns` folds over all events of a user at once; :func:`update_user_state` as far as the watermark, batch
after batch, with what it must remember in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clickstream_platform.queries.pattern_fold import (
    CLICK,
    OTHER,
    PURCHASE,
    VIEW,
    Pattern,
    Thresholds,
    fold,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

BUCKETS = 256  # of users, in the state store; a batch has at most so many calls
DIGITS = {"page_view": VIEW, "click": CLICK, "purchase": PURCHASE}
_PATTERN = (
    "pattern string, product_id string, started_at bigint, detected_at bigint, events bigint, "
    "seconds_to_click double, seconds_to_purchase double, visit_start bigint, number bigint"
)


def user_patterns(events: DataFrame, limits: Thresholds) -> DataFrame:
    """One row per pattern, by the fold over all events of each user in the order of their time."""
    from pyspark.sql import functions as F

    def patterns(times: Sequence[int], whats: Sequence[str]) -> list[Pattern]:
        return fold(zip(times, whats, strict=True), limits)[0]

    in_order = F.array_sort(F.collect_list(F.struct("at", "what")))
    of_user = _narrow(events).groupBy("user_id").agg(in_order.alias("events"))
    fold_events = F.udf(patterns, f"array<struct<{_PATTERN}>>", useArrow=True)
    exploded = of_user.select("user_id", F.explode(fold_events("events.at", "events.what")).alias("pattern"))
    return _as_table(exploded.select("user_id", "pattern.*"))


def update_user_state(events: DataFrame, limits: Thresholds, handled_ms: int = 0) -> DataFrame:
    """The rows of :func:`user_patterns` as a stream: each once the watermark has passed the event that completes it.

    Args:
        events: a stream with a watermark.
        limits: the thresholds.
        handled_ms: so far the generation's first batch goes, which has no watermark yet; at most the watermark that
            the second one will have.
    """
    from pyspark.sql import functions as F

    from clickstream_platform.queries.pattern_processor import UpdateUserState

    # Python takes every cell apart by itself, so there is but one; without a time in it Spark itself drops nothing.
    packed = _narrow(events).select(
        F.pmod(F.xxhash64("user_id"), F.lit(BUCKETS)).alias("bucket"), F.to_json(F.struct("*")).alias("event")
    )
    processor, rows = UpdateUserState(limits, handled_ms), f"user_id string, {_PATTERN}"
    return _as_table(packed.groupBy("bucket").transformWithState(processor, rows, "append", "eventTime"))


def _narrow(events: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    digit = F.lit(OTHER)
    for name, each in DIGITS.items():
        digit = F.when(F.col("event_type") == name, each).otherwise(digit)
    what = F.concat(digit, F.coalesce("product_id", F.lit("")))
    return events.select("user_id", F.unix_micros("timestamp").alias("at"), what.alias("what"))


def _as_table(patterns: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    times = {name: F.timestamp_micros(name) for name in ("started_at", "detected_at", "visit_start")}
    return patterns.withColumns(times).select("user_id", "visit_start", "number", *Pattern._fields[:-2])
