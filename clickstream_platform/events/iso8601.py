"""All the texts by which ISO-8601 and RFC 3339 name an instant, a column at a time. No Spark.

Read in parts rather than by Arrow's own parser, which knows few of the forms. That takes a microsecond a text, so
:func:`~clickstream_platform.events.timestamps.to_instants` asks here only for what the usual form does not fit.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Ints = np.ndarray[Any, np.dtype[np.int64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]

SECOND = 1_000_000  # in microseconds, as everything here
MINUTE, HOUR, DAY = 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND
FURTHEST = 18 * HOUR  # no place on earth is further from UTC

_DATE = r"\d{4}-\d\d-\d\d|\d{8}|\d{4}-W\d\d-\d|\d{4}W\d{3}|\d{4}-\d{3}|\d{7}"  # of month and day, of week, of the year
_CLOCK = r"\d\d(?::\d\d(?::\d\d)?|\d\d(?:\d\d)?)?"
_ZONE = r"Z|UTC|GMT|[+\x{2212}-]\d\d(?::?\d\d)?"  # ISO-8601 prefers the minus of typesetters
_FORM = (
    rf"^(?P<date>{_DATE})"
    rf"(?:[T ](?P<clock>{_CLOCK})(?:[.,](?P<fraction>\d+))?(?P<zone> ?(?:{_ZONE}))?)?\z"
)  # fmt: skip
_NINE = 10**9  # a fraction is a number of billionths


def iso_micros(texts: pa.StringArray) -> pa.Int64Array:
    """Microseconds since 1970 of the instant that each text names, null if none.

    A date, alone (its midnight) or with a time after ``T`` or a blank: year, month and day; year and day of the year;
    year, week and weekday; in the extended form or the basic one. Of the time the hour is enough; the last part may
    have a fraction, after a point or a comma: of seconds as long as it likes, finer than a microsecond is cut off; of
    minutes and hours up to nine digits. ``24:00:00`` is the next midnight. A zone is ``Z``, ``UTC``, ``GMT`` or a
    distance up to 18 hours, after a blank or not; without one it is UTC. Upper case or lower, blanks around or not.
    """
    parts = pc.extract_regex(pc.ascii_upper(pc.ascii_trim_whitespace(texts)), _FORM)
    names = [field.name for field in parts.type]
    part = {name: pc.fill_null(each, "") for name, each in zip(names, parts.flatten(), strict=True)}
    is_formed = pc.is_valid(parts).to_numpy(zero_copy_only=False)
    day, is_day = _days(part["date"])
    time, is_time = _times(part["clock"], part["fraction"])
    zone, is_zone = _zones(part["zone"])
    micros = day * DAY + time - zone
    return pa.array(micros, pa.int64(), mask=~(is_formed & is_day & is_time & is_zone))


def _days(dates: pa.StringArray) -> tuple[Ints, Bools]:
    """Days since 1970, and whether the calendar has them."""
    signs = pc.replace_substring(dates, "-", "")
    has_week = pc.match_substring(signs, "W").to_numpy(zero_copy_only=False)
    is_ordinal = ~has_week & (pc.binary_length(signs).to_numpy(zero_copy_only=False) == 7)
    first = (_number(signs, 0, 4) - 1970).astype("M8[Y]")
    ways = (
        (has_week, _of_week(first, _number(pc.replace_substring(signs, "W", ""), 4, 7))),
        (is_ordinal, _of_year(first, _number(signs, 4, 7, but=has_week))),
    )
    day, is_day = _of_month(first, _number(signs, 4, 8, but=has_week))
    for chosen, (other_day, is_other_day) in ways:
        day, is_day = np.where(chosen, other_day, day), np.where(chosen, is_other_day, is_day)
    return day.astype("i8"), is_day


def _of_month(first: Any, number: Ints) -> tuple[Any, Bools]:
    """A month and a day of two digits each."""
    month = first.astype("M8[M]") + (number // 100 - 1)
    day = month.astype("M8[D]") + (number % 100 - 1)
    return day, (month.astype("M8[Y]") == first) & (day.astype("M8[M]") == month)


def _of_year(first: Any, number: Ints) -> tuple[Any, Bools]:
    """A day of the year."""
    day = first.astype("M8[D]") + (number - 1)
    return day, day.astype("M8[Y]") == first


def _of_week(first: Any, number: Ints) -> tuple[Any, Bools]:
    """A week of two digits and a day of it, from Monday on: week 1 has the 4th of January."""
    fourth = first.astype("M8[D]") + 3
    monday = fourth - (fourth.astype("i8") + 3) % 7 + 7 * (number // 10 - 1)  # 1970 began on a Thursday
    weekday = number % 10
    is_of_year = (monday + 3).astype("M8[Y]") == first  # as its Thursday is
    return monday + (weekday - 1), is_of_year & (weekday >= 1) & (weekday <= 7)


def _times(clocks: pa.StringArray, fractions: pa.StringArray) -> tuple[Ints, Bools]:
    """Microseconds since midnight, and whether a day has them."""
    digits = pc.replace_substring(clocks, ":", "")
    hour, minute, second = (_number(digits, at, at + 2) for at in (0, 2, 4))
    size = pc.binary_length(digits).to_numpy(zero_copy_only=False)
    unit = np.select([size == 6, size == 4], [SECOND, MINUTE], HOUR)
    billionths = _number(pc.utf8_rpad(fractions, 9, "0"), 0, 9)
    time = hour * HOUR + minute * MINUTE + second * SECOND + billionths * unit // _NINE
    is_exact = (size == 6) | (pc.binary_length(fractions).to_numpy(zero_copy_only=False) <= 9)
    has_none = pc.match_substring_regex(fractions, "^0*$").to_numpy(zero_copy_only=False)
    is_midnight = (hour == 24) & (time == DAY) & has_none
    return time, is_exact & (minute <= 59) & (second <= 59) & ((hour <= 23) | is_midnight)


def _zones(zones: pa.StringArray) -> tuple[Ints, Bools]:
    """Microseconds ahead of UTC, and whether a place may be as far from it."""
    minus = pc.match_substring_regex(zones, r"[\x{2212}-]").to_numpy(zero_copy_only=False)
    digits = pc.replace_substring_regex(zones, r"\D", "")
    hour, minute = _number(digits, 0, 2), _number(digits, 2, 4)
    distance = hour * HOUR + minute * MINUTE
    return np.where(minus, -distance, distance), (minute <= 59) & (distance <= FURTHEST)


def _number(digits: pa.StringArray, start: int, stop: int, but: Bools | None = None) -> Ints:
    """The digits of each text from ``start`` to ``stop`` as a number; 0 if there are none, or where ``but`` is true."""
    part = pc.utf8_slice_codeunits(digits, start, stop)
    none = pc.equal(part, "") if but is None else pc.or_(pc.equal(part, ""), pa.array(but))
    return pc.cast(pc.if_else(none, "0", part), pa.int64()).to_numpy(zero_copy_only=False)
