"""Values of JSON to the type of a declared column: None for what does not fit it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from clickstream_platform.events.contract.model import DECIMAL, DeclaredColumn
from clickstream_platform.events.json_record import any_json, text_of
from clickstream_platform.events.placeholders import WHITE
from clickstream_platform.events.timestamps import INSTANT, to_instants

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_LONGEST = 400  # characters of a number: none that fits a column has more but zeros
_WHOLE = 2**63


def arrow_type(column: DeclaredColumn) -> pa.DataType:
    """A column's type, as Arrow has it."""
    if decimal := DECIMAL.fullmatch(column.type):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    return {"integer": pa.int64(), "boolean": pa.bool_(), "time": INSTANT}.get(column.type, pa.string())


def cast_values(kind: str, values: Sequence[Any]) -> list[Any]:
    """Values of JSON as a type has them; null for what does not fit it exactly, and for null."""
    if kind == "time":
        texts = pa.array([None if each is None else _as_text(each) for each in values], pa.string())
        return to_instants(texts).to_pylist()
    if decimal := DECIMAL.fullmatch(kind):
        return [_decimal(each, int(decimal[1]), int(decimal[2])) for each in values]
    read = {"text": _text, "integer": _integer, "boolean": _boolean, "items": _items}[kind]
    return [None if each is None else read(each) for each in values]


def _as_text(value: Any) -> str | None:
    """A text or a number as a text; of anything else none."""
    return None if isinstance(value, (bool, list, dict)) else str(text_of(value)).strip(WHITE)


def _text(value: Any) -> str | None:
    return None if isinstance(value, (list, dict)) else str(text_of(value))


def _number(value: Any) -> Decimal | None:
    text = None if value is None else _as_text(value)
    return Decimal(text) if text and len(text) <= _LONGEST and _NUMBER.fullmatch(text) else None


def _integer(value: Any) -> int | None:
    number = _number(value)
    if number is None or (number and number.adjusted() > 18) or number != number.to_integral_value():
        return None
    return int(number) if -_WHOLE <= int(number) < _WHOLE else None


def _decimal(value: Any, precision: int, scale: int) -> Decimal | None:
    """The number, if it has no more digits than the type, before the point and after it: none is rounded."""
    number = _number(value)
    if number is None:
        return None
    sign, digits, exponent = number.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    if not text:
        return Decimal((0, (0,), -scale))
    assert isinstance(exponent, int)
    short = text.rstrip("0")
    exponent += len(text) - len(short)
    if exponent < -scale or len(short) + exponent > precision - scale:
        return None
    return Decimal((sign, tuple(map(int, short + "0" * (exponent + scale))), -scale))


def _boolean(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.strip(WHITE).lower()) if isinstance(value, str) else None


def _items(value: Any) -> str | None:
    """The JSON text of a list of objects; also of one that is written as a text."""
    if isinstance(value, str):
        try:
            parsed = any_json(value)
        except ValueError:
            return None
        return value if _is_list(parsed) else None
    return text_of(value) if _is_list(value) else None


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def is_within(value: Any, low: Any, high: Any) -> bool:
    """Whether a value lies in a range, whose ends are in it; None is no end."""
    return (low is None or value >= low) and (high is None or value <= high)
