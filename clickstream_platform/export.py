"""What a statement in SQL returned, and how a program is given it: CSV, or JSON lines."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a statement returned.

    Attributes:
        columns: their names.
        numeric: the names of those that hold numbers.
        rows: its rows, fetched as they are asked for, once. Times are in UTC.
    """

    columns: tuple[str, ...]
    numeric: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


def csv_lines(answer: Answer) -> Iterator[str]:
    """The answer as CSV with a header: NULL is an empty field, times are ISO 8601 in UTC, lists and maps are JSON."""
    yield _csv_line(answer.columns)
    for row in answer.rows:
        yield _csv_line(["" if value is None else _flat(_plain(value)) for value in row])


def _csv_line(values: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()


def _flat(value: Any) -> Any:
    return _json(value) if isinstance(value, list | dict | bool | Decimal) else value


def json_lines(answer: Answer) -> Iterator[str]:
    """The answer as one JSON object a row. Of two columns with one name, the last one counts."""
    for row in answer.rows:
        yield _json(dict(zip(answer.columns, map(_plain, row), strict=True)))


def _json(value: Any) -> str:
    """As :func:`json.dumps`, and a decimal with all of its digits: a float holds 15 of them."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(name)}: {_json(each)}' for name, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_json, value))}]"
    return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value)


def _plain(value: Any) -> Any:
    """A value as JSON knows it. Bytes that are no UTF-8 are escaped; a number that JSON lacks is null."""
    if isinstance(value, datetime):
        zoned = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return zoned.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes | bytearray):
        return value.decode(errors="backslashreplace")
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, date | time):
        return value.isoformat()
    return value if isinstance(value, str | int | Decimal | None) else str(value)
