"""Watermark decides WHAT to forget.

It forgets *state*, not events: an event behind the watermark still reaches every table (see
:mod:`~clickstream_platform.streaming.batches.recomputation`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from clickstream_platform.streaming.contract.durations import for_spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Watermark:
    """Event time before which state may be forgotten: the newest event seen, less ``delay``.

    Changing the delay of a running table is safe: the watermark itself never goes back.
    """

    column: str
    delay: timedelta

    def declare_on(self, events: DataFrame) -> DataFrame:
        """The same events, with the watermark declared."""
        return events.withWatermark(self.column, for_spark(self.delay))

    def __str__(self) -> str:
        """What may be forgotten, in words, for ``clickstream explain``."""
        minutes = self.delay / timedelta(minutes=1)
        return f"state older than the newest {self.column} less {minutes:g} min; late events still count"
