"""Envelopes opened by other means than those of a run: the standard library's, and naively.

All that it has in common with :mod:`clickstream_platform.events.mapping.envelopes` is what a mapping declares.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import parse_qsl

from clickstream_platform.events.mapping.paths import Index, Key, Step, steps_of

if TYPE_CHECKING:
    from clickstream_platform.events.mapping.model import Envelope

_LETTERS = re.compile(rb"[A-Za-z0-9+/]*")
_DEEPEST = 500  # levels of brackets: a record with more is rejected
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class NotOpenedError(Exception):
    """The record is an event by itself, or a step of its envelope fails."""


class UnknownError(Exception):
    """This way of reading cannot tell."""


class NaiveValue(NamedTuple):
    """Something on the way in: bytes, the bytes of a JSON value, or such a value."""

    kind: Literal["bytes", "text", "value"]
    data: Any


def open_naively(held: NaiveValue, declared: Envelope, left: list[int]) -> list[NaiveValue]:
    """What one envelope holds. ``left``: how many bytes may still be unpacked, in its only item.

    Raises a NotOpenedError, an UnknownError or a RecursionError.
    """
    record = held
    if declared.path:
        held = NaiveValue("value", _at(_json_of(held), steps_of(declared.path)))
    elif declared.optional and held.kind == "bytes" and held.data.lstrip()[:1] != b"[":
        raise NotOpenedError
    for step in declared.steps:
        if step == "lines":
            return [
                NaiveValue("bytes", line)
                for line in _bytes_of(held).removeprefix(BYTE_ORDER_MARK).split(b"\n")
                if line.strip()
            ]
        held = _undo_step(step, held, left)
    if declared.holds == "one":
        return [held]
    inside = _json_of(held)
    if declared.holds in ("values", "columns"):
        return _members(inside, declared.holds, left)
    if not isinstance(inside, list):
        raise NotOpenedError
    if declared.holds == "rows":
        names = _at(_json_of(record), steps_of(declared.names)) if declared.names else None
        return _rows(inside, names, left)
    return [NaiveValue("value", item) for item in inside]


class _Object(dict[str, Any]):
    """An object, and whether it had a key twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.has_twice = len(self) < len(pairs)


def _members(inside: Any, holds: str, left: list[int]) -> list[NaiveValue]:
    """The events of an object by keys, or of one by columns."""
    columns = [inside, *inside.values()] if isinstance(inside, dict) and holds == "columns" else [inside]
    is_of_arrays = all(isinstance(each, list) for each in columns[1:]) and len(columns) > 1
    if any(not isinstance(each, _Object) or each.has_twice for each in columns[: 1 if is_of_arrays else None]):
        raise NotOpenedError
    if holds == "values":
        return [NaiveValue("value", each) for each in inside.values()]
    names = [(name, len(each)) for name, each in inside.items()]
    if is_of_arrays and len({count for _, count in names}) > 1:
        raise NotOpenedError
    keys = range(names[0][1]) if is_of_arrays else dict.fromkeys(key for each in columns[1:] for key in each)
    _count_names((name for name, count in names for _ in range(count)), left)
    events = [{name: each[key] for name, each in inside.items() if is_of_arrays or key in each} for key in keys]
    return [NaiveValue("value", each) for each in events]


def _rows(rows: list[Any], names: Any, left: list[int]) -> list[NaiveValue]:
    if names is None and not rows:
        return []
    columns = [_name(cell) for cell in _cells(rows[0] if names is None else names) or ()]
    called = [name or f"column_{place}" for place, name in enumerate(columns, 1) if name is not None]
    if not called or len(set(called)) < len(columns):
        raise NotOpenedError
    if names is None or (rows and (first := _cells(rows[0])) is not None and [*map(_name, first)] == called):
        rows = rows[1:]
    held: list[NaiveValue] = []
    for row in rows:
        cells = _cells(row)
        is_row = cells is not None and len(cells) <= len(called)
        event = dict(zip(called, cells or (), strict=False)) if is_row else row
        _count_names(called[: len(cells or ())] if is_row else (), left)
        held.append(NaiveValue("value", event))
    return held


def _cells(row: Any) -> list[Any] | None:
    if isinstance(row, dict) and len(row) == 1:
        (row,) = row.values()
    return row if isinstance(row, list) else None


def _name(cell: Any) -> str | None:
    if isinstance(cell, dict):
        names = [[each for key, each in cell.items() if key.lower() == word] for word in ("name", "label")]
        named = names[0] or names[1] or ([*cell.values()] if len(cell) == 1 else [])
        cell = named[-1] if named else None
    return cell.strip(" \t\r\n") if isinstance(cell, str) else None


def _count_names(names: Iterable[str], left: list[int]) -> None:
    """Names are there once and become many: each with its quotes and a colon, and with the escapes that it needs."""
    for name in names:
        left[0] -= len(_encoded(json.dumps(name, ensure_ascii=False))) + 1
    if left[0] < 0:
        raise NotOpenedError


def _at(value: Any, path: Iterable[Step]) -> Any:
    for step in path:
        if isinstance(step, Key):
            value = value.get(step.name) if isinstance(value, dict) else None
        elif not isinstance(value, list):
            value = None
        elif isinstance(step, Index):
            value = value[step.place] if step.place < len(value) else None
        else:
            value = next((item for item in value if isinstance(item, dict) and item.get(step.key) == step.value), None)
    if value is None:
        raise NotOpenedError
    return value


def _undo_step(step: str, held: NaiveValue, left: list[int]) -> NaiveValue:
    if step == "base64":
        letters = b"".join(_bytes_of(held).split()).replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
        if not _LETTERS.fullmatch(letters) or len(letters) % 4 == 1:
            raise NotOpenedError
        return NaiveValue("bytes", _count_unpacked(base64.b64decode(letters + b"==="), left))
    if step == "gzip":
        if held.kind != "bytes":
            raise NotOpenedError
        return NaiveValue("bytes", _count_unpacked(_unzip(held.data, left[0] + 1), left))
    if step == "form":
        return NaiveValue("value", _parameters(_bytes_of(held).removeprefix(BYTE_ORDER_MARK).strip()))
    if step == "jsonp":
        called, begins, inside = _bytes_of(held).removeprefix(BYTE_ORDER_MARK).partition(b"(")
        inside, ends, behind = inside.rpartition(b")")
        is_call = re.fullmatch(rb"(\s|/\*[^*]*\*/)*[a-z_$][a-z0-9_$.]*\s*", called, re.IGNORECASE)
        if not (is_call and begins and ends and behind.strip() in (b"", b";")):
            raise NotOpenedError
        return NaiveValue("text", inside)
    if held.kind == "bytes":
        return NaiveValue("text", held.data.removeprefix(BYTE_ORDER_MARK))
    if held.kind == "text" and held.data.lstrip()[:1] != b'"':
        return held
    value = _json_of(held)
    return NaiveValue("text", _encoded(value)) if isinstance(value, str) else held


def _parameters(text: bytes) -> dict[str, Any]:
    url = re.fullmatch(rb"([^=&?]*)\?(.*)", text, re.DOTALL)
    before, query = url.groups() if url else (b"", text)
    if b"=" not in query or query[0] in b'{[<"':
        raise NotOpenedError
    try:
        pairs = parse_qsl(query.decode(), keep_blank_values=True, errors="strict")
        pairs = [*([("?", before.decode())] if before else []), *pairs]
    except ValueError:
        raise NotOpenedError from None
    texts: dict[str, list[str]] = {}
    for name, value in pairs:
        texts.setdefault(name, []).append(value)
    return {name: each[0] if len(each) == 1 else each for name, each in texts.items()}


def _unzip(data: bytes, most: int) -> bytes:
    if not data:
        raise NotOpenedError
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            return file.read(most)
    except (OSError, EOFError, zlib.error):
        raise NotOpenedError from None


def _count_unpacked(data: bytes, left: list[int]) -> bytes:
    left[0] -= len(data)
    if left[0] < 0:
        raise NotOpenedError
    return data


def _bytes_of(held: NaiveValue) -> bytes:
    if held.kind == "bytes":
        return held.data
    value = _json_of(held)
    if not isinstance(value, str):
        raise NotOpenedError
    return _encoded(value)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise NotOpenedError from None


def _json_of(held: NaiveValue) -> Any:
    if held.kind != "value":
        held = NaiveValue("value", _parsed(held.data))
    if _depth(held.data) > _DEEPEST:
        raise NotOpenedError
    return held.data


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text.decode(), parse_constant=_no_number, parse_int=float, object_pairs_hook=_Object)
    except UnicodeDecodeError:
        raise UnknownError from None
    except ValueError:
        raise NotOpenedError from None


def _no_number(_: str) -> Any:
    raise ValueError


def _depth(value: Any) -> int:
    """How deep lists and objects lie in each other."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, (list, dict))]:
        depth += 1
        level = [item for each in level for item in (each.values() if isinstance(each, dict) else each)]
    return depth
