"""Values of typed formats in the words that a producer of JSON would have used. What each becomes: docs/formats.md."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np

_DAY = 86_400  # seconds
_EPOCH = date(1970, 1, 1).toordinal()
_ERA_DAYS, _ERA_YEARS = 146_097, 400  # after so many days and years the calendar is the same again


def double(value: float) -> float | str:
    """A number; what JSON has no number for as its name."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def single(value: float) -> float | str:
    """The shortest number that is this one among those of 32 bits, as its producer has written it."""
    return float(str(np.float32(value))) if math.isfinite(value) else double(value)


def day(days: int) -> str:
    """A day since 1970 as ISO 8601 has it; a year beyond 9999 or before 1 with its sign."""
    eras, nth = divmod(days + _EPOCH - 1, _ERA_DAYS)
    date_of_era = date.fromordinal(nth + 1)
    year = date_of_era.year + eras * _ERA_YEARS
    text = f"{year:04}" if 0 <= year <= 9999 else f"{year:+07}"
    return f"{text}-{date_of_era.month:02}-{date_of_era.day:02}"


def instant(count: int, per_second: int) -> str:
    """A time since 1970 in parts of a second, without a zone."""
    seconds, part = divmod(count, per_second)
    days, second = divmod(seconds, _DAY)
    return f"{day(days)}T{clock(second, part, per_second)}"


def clock(second: int, part: int, per_second: int) -> str:
    """A time of the day; with the digits of its unit, if there is a fraction."""
    fraction = f".{part:0{len(str(per_second)) - 1}}" if part else ""
    return f"{timedelta(seconds=second)!s:0>8}{fraction}"
