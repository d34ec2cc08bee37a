"""What a value of each type of Avro is in JSON: docs/kafka.md has the table.

fastavro calls these itself while it reads, by a logical type that :mod:`.shaping` gives to every type that JSON has
not. Only so a union's value is told by its branch, and a number of 32 bits from one of 64.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from clickstream_platform.events import typed_values

PREFIX = "clickstream-"  # fastavro's own logical types round decimals, and end at the year 9999
SYMBOLS, SCALE = f"{PREFIX}symbols", f"{PREFIX}scale"  # fastavro leaves out Avro's own, where it does not expect them
_LONGEST = 1_024  # bytes of a decimal: its digits are as many as our JSON may have
_DAY = 86_400

UNITS = {"millis": 1_000, "micros": 1_000_000, "nanos": 1_000_000_000}


def _without_nulls(value: dict[str, Any], _: Any = None, __: Any = None) -> dict[str, Any]:
    return {name: each for name, each in value.items() if each is not None}


def _base64(value: bytes, _: Any = None, __: Any = None) -> str:
    return base64.b64encode(value).decode()


def _single(value: float, _: Any = None, __: Any = None) -> float | str:
    return typed_values.single(value)


def _double(value: float, _: Any = None, __: Any = None) -> float | str:
    return typed_values.double(value)


def _symbol(number: int, schema: dict[str, Any], _: Any = None) -> str:
    if number < 0:
        raise IndexError  # which Python would count from the end
    return schema[SYMBOLS][number]


def _decimal(value: bytes, schema: dict[str, Any], _: Any = None) -> Decimal:
    if len(value) > _LONGEST:
        msg = "a decimal with too many digits"
        raise ValueError(msg)
    return Decimal(f"{int.from_bytes(value, 'big', signed=True)}E-{schema[SCALE]}")


def _day(days: int, _: Any = None, __: Any = None) -> str:
    return typed_values.day(days)


def _instant(per_second: int, zone: str) -> Callable[..., str]:
    return lambda count, _=None, __=None: typed_values.instant(count, per_second) + zone


def _clock(per_second: int) -> Callable[..., Any]:
    def clock(count: int, _: Any = None, __: Any = None) -> str:
        second, part = divmod(count, per_second)
        if not 0 <= second < _DAY:
            msg = "a time of no day"
            raise ValueError(msg)
        return typed_values.clock(second, part, per_second)

    return clock


def _uuid(value: bytes, _: Any = None, __: Any = None) -> str:
    return str(uuid.UUID(bytes=value))


def _duration(value: bytes, _: Any = None, __: Any = None) -> str:
    months, days, millis = (int.from_bytes(value[at : at + 4], "little") for at in (0, 4, 8))
    return f"P{months}M{days}DT{Decimal(millis).scaleb(-3)}S"


def _too_deep(_: Any, __: Any = None, ___: Any = None) -> Any:
    msg = "a value that holds itself too often"
    raise ValueError(msg)


# By the type below and what stands behind PREFIX.
READERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("record", "record"): _without_nulls,
    ("map", "map"): _without_nulls,
    ("record", "deep"): _too_deep,
    ("bytes", "bytes"): _base64,
    ("fixed", "bytes"): _base64,
    ("float", "float"): _single,
    ("double", "double"): _double,
    ("int", "enum"): _symbol,
    ("bytes", "decimal"): _decimal,
    ("fixed", "decimal"): _decimal,
    ("fixed", "uuid"): _uuid,
    ("fixed", "duration"): _duration,
    ("int", "date"): _day,
    ("int", "time-millis"): _clock(UNITS["millis"]),
    ("long", "time-micros"): _clock(UNITS["micros"]),
    **{("long", f"timestamp-{unit}"): _instant(parts, "Z") for unit, parts in UNITS.items()},
    **{("long", f"local-timestamp-{unit}"): _instant(parts, "") for unit, parts in UNITS.items()},
}
