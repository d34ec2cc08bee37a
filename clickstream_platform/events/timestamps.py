"""ISO-8601 texts to instants, a column at a time. No Spark."""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

INSTANT = pa.timestamp("us", "UTC")

# The years 1 to 9999 in UTC, less two days at either end, in microseconds: a Python client that converts to its own
# time zone, as PySpark's collect does, cannot hold an instant beyond.
FIRST_INSTANT = -62_135_424_000_000_000
LAST_INSTANT = 253_402_127_999_999_999

_DATE = r"\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|[12]\d))"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?"
_ZONE = r"Z|[+-](?:(?:0\d|1[0-7])(?::?[0-5]\d)?|18(?::?00)?)"  # no place on earth is further from UTC
_ISO = rf"^{_DATE}[T ]{_TIME}(?:{_ZONE})?\z"


def instants(texts: pa.StringArray) -> pa.TimestampArray:
    """The instant that each text names, null if none that a client can hold.

    A date and a time by ISO-8601, with seconds or without; finer than a microsecond is cut off. Without a zone it is
    UTC. A leap second is none.
    """
    iso = where(pc.match_substring_regex(texts, _ISO), texts)
    iso = where(pc.invert(_is_no_leap_day(iso)), iso)
    iso = pc.replace_substring_regex(iso, r"(\.\d{6})\d+", r"\1")
    is_zoned = pc.match_substring_regex(iso, r"^.{16,}[Z+-]")
    zoned = pc.if_else(is_zoned, iso, pc.binary_join_element_wise(iso, "Z", ""))
    found = pc.cast(zoned, INSTANT)
    micros = pc.cast(found, pa.int64())
    return where(pc.and_(pc.greater_equal(micros, FIRST_INSTANT), pc.less_equal(micros, LAST_INSTANT)), found)


def _is_no_leap_day(iso: pa.StringArray) -> pa.BooleanArray:
    """Whether a date is the 29th of February in a year that has none."""
    year = pc.cast(pc.utf8_slice_codeunits(iso, 0, 4), pa.int32())
    is_leap_year = pc.and_(_divides(year, 4), pc.or_(pc.invert(_divides(year, 100)), _divides(year, 400)))
    return pc.and_(pc.equal(pc.utf8_slice_codeunits(iso, 5, 10), "02-29"), pc.invert(is_leap_year))


def _divides(year: Any, by: int) -> Any:
    return pc.equal(pc.multiply(pc.divide(year, by), by), year)


def where(holds: Any, values: Any) -> Any:
    """The values for which it holds; the others are null."""
    return pc.if_else(holds, values, pa.scalar(None, values.type))
