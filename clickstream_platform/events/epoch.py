"""Numbers of seconds, milliseconds, microseconds or nanoseconds since 1970, a column of texts at a time. No Spark."""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

Unit = Literal["s", "ms", "us", "ns"]

# Told by size, a number is of the unit by which it lies between 1973-03-03 and the year 5138 (before 1970: between
# 1966-10-31 and the year -1199): of 9 to 11 digits in seconds, and so on, three more for each. Fewer are of none.
DIGITS: dict[Unit, tuple[int, int]] = {"s": (9, 11), "ms": (12, 14), "us": (15, 17), "ns": (18, 21)}

_SCALE: dict[Unit, int] = {"s": 6, "ms": 3, "us": 0, "ns": -3}  # powers of ten to a microsecond
_NUMBER = r"^(?P<minus>-?)(?P<whole>0|[1-9]\d{0,20})(?:\.(?P<rest>\d+))?\z"  # 21 digits: the year 9999 in nanoseconds
_EXPONENT = r"^-?\d{1,40}(?:\.\d{1,40})?[Ee][+-]?\d{1,2}\z"  # as Python's json writes 1.7e+18, and Decimal too
# What people write who leave out the signs of a date: 202403011000, 20240301100000, 20240301100000123. By size the
# first is in 1976, the others are after 2570.
_DATE_LIKE = r"^(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\d{3})?)?\z"
# Windows counts tenths of a microsecond: .NET's ticks from the year 1, file times from 1601. Of 2010 to 2050 both have
# 18 digits: by size nanoseconds of 1990 and of 1974, when nobody clicked.
_WINDOWS = r"^(?:6(?:3[4-9]|4[0-6])|1(?:29|3\d|4[01]))\d{15}\z"


def plain_numbers(texts: pa.StringArray) -> pa.StringArray:
    """Numbers without an exponent and without blanks around; null for a text that is no number, or far too long."""
    trimmed = pc.ascii_trim_whitespace(texts)
    has_exponent = pc.fill_null(pc.match_substring_regex(trimmed, _EXPONENT), False)
    if pc.any(has_exponent).as_py():
        spelt = [f"{Decimal(each):f}" for each in trimmed.filter(has_exponent).to_pylist()]
        trimmed = pc.replace_with_mask(trimmed, has_exponent, pa.array(spelt, pa.string()))
    return pc.if_else(pc.match_substring_regex(trimmed, _NUMBER), trimmed, pa.scalar(None, pa.string()))


def is_ambiguous(numbers: pa.StringArray) -> pa.BooleanArray:
    """Whether plain numbers are too small to be told by size, or may be a date without its signs, or Windows' ticks."""
    whole = _parts(numbers)["whole"]
    is_other = pc.match_substring_regex(whole, f"{_DATE_LIKE}|{_WINDOWS}")
    return pc.or_(pc.less(pc.binary_length(whole), DIGITS["s"][0]), is_other)


def epoch_micros(numbers: pa.StringArray, unit: Unit | None = None) -> pa.Int64Array:
    """Microseconds since 1970 of plain numbers; what is finer is cut off, towards the past as in a text. Exact.

    Args:
        numbers: as :func:`plain_numbers` leaves them.
        unit: the unit of all of them; without it each is told by its size, and null if it is ambiguous.

    Returns:
        Null where it is beyond the year 30,000 or so, either way.
    """
    parts = _parts(numbers)
    if unit:
        return _scaled(parts, _SCALE[unit])
    size = pc.binary_length(parts["whole"])
    micros = pa.nulls(len(numbers), pa.int64())
    for each, (least, most) in DIGITS.items():
        is_of = pc.fill_null(pc.and_(pc.greater_equal(size, least), pc.less_equal(size, most)), False)
        if pc.any(is_of).as_py():
            some = {name: part.filter(is_of) for name, part in parts.items()}
            micros = pc.replace_with_mask(micros, is_of, _scaled(some, _SCALE[each]))
    return pc.if_else(is_ambiguous(numbers), pa.scalar(None, pa.int64()), micros)


def _parts(numbers: pa.StringArray) -> dict[str, Any]:
    """``minus``, ``whole`` and ``rest`` of each number."""
    parts = pc.extract_regex(numbers, _NUMBER)
    return {field.name: each for field, each in zip(parts.type, parts.flatten(), strict=True)}


def _scaled(parts: dict[str, Any], scale: int) -> pa.Int64Array:
    """The number times ten to the scale, rounded down: by moving digits, so that none is lost."""
    whole, rest = parts["whole"], parts["rest"]
    if scale >= 0:
        digits = pc.binary_join_element_wise(
            whole, pc.utf8_slice_codeunits(pc.utf8_rpad(rest, scale, "0"), 0, scale), ""
        )
        cut = pc.utf8_slice_codeunits(rest, scale)
    else:
        digits = pc.utf8_slice_codeunits(whole, 0, scale)
        digits = pc.if_else(pc.equal(digits, ""), "0", digits)
        cut = pc.binary_join_element_wise(pc.utf8_slice_codeunits(whole, scale), rest, "")
    fits = pc.less_equal(pc.binary_length(digits), 18)
    number = pc.cast(pc.if_else(fits, digits, pa.scalar(None, pa.string())), pa.int64())
    is_cut = pc.match_substring_regex(cut, "[1-9]")
    below = pc.subtract(pc.negate(number), pc.cast(is_cut, pa.int64()))
    return pc.if_else(pc.equal(parts["minus"], "-"), below, number)
