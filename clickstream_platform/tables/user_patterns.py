"""``user_patterns``: what a visitor's events say in their order."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from clickstream_platform.events.schema import LATE, Column
from clickstream_platform.events.session import SESSION_GAP, gap_in_words
from clickstream_platform.expectations import AcceptedValues, NonNegative, NotNull, UniqueKey
from clickstream_platform.queries.pattern_fold import LONGEST, PATTERNS, Thresholds
from clickstream_platform.queries.user_patterns import BUCKETS, update_user_state, user_patterns
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.side_tables import SideTable
from clickstream_platform.streaming.contract.sink import Append
from clickstream_platform.streaming.contract.state import Processor
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.contract.trigger import AvailableNow
from clickstream_platform.streaming.contract.watermark import Watermark
from clickstream_platform.streaming.sources.delta import DeltaSource

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEY = ("user_id", "visit_start", "number")
LATE_EVENTS = SideTable(
    name="late_events",
    description="One event that came too late for user_patterns.",
    schema=LATE,
    required=("user_id", "timestamp", "event_type", "generation", "batch_id", "watermark"),
    time="timestamp",
)


def user_patterns_table(settings: Settings) -> StreamingTable:
    """One row a pattern of a visit. Events that come behind the watermark, the same batch writes to ``late_events``."""
    limits = Thresholds(
        clicks=settings.pattern_clicks,
        clicks_within=settings.pattern_clicks_within,
        views=settings.pattern_views,
        purchases=settings.pattern_purchases,
        purchases_within=settings.pattern_purchases_within,
    )

    def update(events: DataFrame, handled_ms: int) -> DataFrame:
        return update_user_state(events, limits, handled_ms)

    return StreamingTable(
        name="user_patterns",
        version=1,
        description="One pattern in the order of a visitor's events, such as three views of a product and no purchase.",
        columns=(
            Column("user_id", "string", "The visitor."),
            Column(
                "visit_start", "timestamp", f"First event of the visit; {gap_in_words()} without one, or a day, end it."
            ),
            Column("number", "bigint", "Which pattern of the visit it is, from 1."),
            Column("pattern", "string", f"The pattern: {', '.join(PATTERNS)}."),
            Column("product_id", "string", "The product; null for a pattern that is not about one."),
            Column("started_at", "timestamp", "The first event that it is made of."),
            Column("detected_at", "timestamp", "The event that completed it."),
            Column("events", "bigint", "Events that it is made of."),
            Column("seconds_to_click", "double", "From the view to the click; null but for view_click_purchase."),
            Column("seconds_to_purchase", "double", "From there to the purchase; null but for view_click_purchase."),
        ),
        offsets=DeltaSource("events"),
        trigger=AvailableNow(),
        query=partial(user_patterns, limits=limits),
        state=Processor(
            by=("user_id",), forget_after=SESSION_GAP, update=update, key=KEY, span=("visit_start", "detected_at")
        ),
        watermark=Watermark("timestamp", delay=timedelta(minutes=30)),
        sink=Append(),
        expectations=(
            UniqueKey(KEY),
            NotNull((*KEY, "pattern", "started_at", "detected_at", "events")),
            AcceptedValues("pattern", PATTERNS),
            NonNegative(("events", "seconds_to_click", "seconds_to_purchase")),
        ),
        parameters={
            **{f"pattern {name}": limit for name, limit in asdict(limits).items()},
            "longest visit": LONGEST,
            "buckets": BUCKETS,
        },
        side_output=LATE_EVENTS,
    )
