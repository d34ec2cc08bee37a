"""Hours of event time: what a batch touches is looked for in the files of these hours alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clickstream_platform.streaming.lake.tables import TimeSpan

if TYPE_CHECKING:
    from pyspark.sql import Column

HOUR_US = 3_600_000_000

MAX_RANGES = 8  # each one costs planning: a batch over half a year took 13-23 CPU-s with 32 of them and 9 with 8


@dataclass(frozen=True)
class Hours:
    """A range of whole hours since 1970, ``first`` and ``last`` included."""

    first: int
    last: int


def hour_ranges(hours: Sequence[int]) -> list[Hours]:
    """Sorted hours as ranges; the nearest ones are joined until at most :data:`MAX_RANGES` are left."""
    if not hours:
        return []
    gaps = sorted(range(1, len(hours)), key=lambda i: hours[i] - hours[i - 1], reverse=True)
    cuts = sorted(i for i in gaps[: MAX_RANGES - 1] if hours[i] - hours[i - 1] > 1)
    return [Hours(hours[a], hours[b - 1]) for a, b in zip([0, *cuts], [*cuts, len(hours)], strict=True)]


def time_spans(hours: Sequence[Hours]) -> list[TimeSpan]:
    """Ranges of hours in microseconds since 1970."""
    return [TimeSpan(each.first * HOUR_US, (each.last + 1) * HOUR_US) for each in hours]


def hour_of(time: Column | str) -> Column:
    """The number of a time's hour since 1970."""
    from pyspark.sql import functions as F  # noqa: PLC0415 - who only looks for hours needs no Spark

    return F.floor(F.unix_micros(time) / F.lit(HOUR_US))


def timestamp_literal(micros: int) -> Column:
    """A timestamp as a constant column. Not by Python's datetime, which cannot hold year 1 and the old calendar."""
    from pyspark.sql import functions as F  # noqa: PLC0415 - as above

    return F.timestamp_micros(F.lit(micros))
