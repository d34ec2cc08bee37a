"""Rows of Arrow as JSON objects: to the last digit, in the words that a producer of JSON would have used.

What each type becomes is a table in docs/formats.md. Nulls are left out of objects, and stay in lists.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.types as kinds

from clickstream_platform.events.json_record import to_json
from clickstream_platform.events.typed_values import clock, day, double, instant, single

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DAY = 86_400  # seconds

Convert = Callable[[Any], "list[Any]"]


def rows_as_json(batch: pa.RecordBatch) -> list[bytes]:
    """Each row as a JSON object of its columns' names.

    Raises:
        ValueError: a name is there twice, or a column is of a type that no file has.
    """
    return [to_json(row) for row in _objects(batch.schema.names, batch.columns, len(batch))]


def _objects(names: list[str], columns: list[Any], length: int) -> list[dict[str, Any]]:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        msg = f"two of its columns are called {twice!r}"
        raise ValueError(msg)
    values = [_values(column) for column in columns]
    if not values:
        return [{} for _ in range(length)]
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for row in zip(*values, strict=True)
    ]


def _values(array: Any) -> list[Any]:
    """The values of an array as JSON has them."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        is_uuid = kind.extension_name == "arrow.uuid"
        stored = array.storage
        return [_uuid(each) for each in stored.to_pylist()] if is_uuid else _values(stored)
    if kinds.is_dictionary(kind):
        return _values(array.dictionary_decode())
    if kinds.is_struct(kind):
        objects = _objects([field.name for field in kind], array.flatten(), len(array))
        return [each if there else None for each, there in zip(objects, array.is_valid().to_pylist(), strict=True)]
    if kinds.is_map(kind):
        return _lists(array, _pairs(_values(array.keys), _values(array.items)))
    if kinds.is_list(kind) or kinds.is_large_list(kind):
        return _lists(array, _values(array.values))
    if kinds.is_fixed_size_list(kind):
        size, inside = kind.list_size, _values(array.flatten())
        return _of_size(array, inside, size)
    return _leaf(kind)(array)


def _lists(array: Any, inside: list[Any]) -> list[Any]:
    bounds = array.offsets.to_pylist()
    is_map = kinds.is_map(array.type)
    items = (inside[begin:end] for begin, end in pairwise(bounds))
    there = array.is_valid().to_pylist()
    return [(_map(each) if is_map else each) if valid else None for each, valid in zip(items, there, strict=True)]


def _of_size(array: Any, inside: list[Any], size: int) -> list[Any]:
    lists, at = list[Any](), 0
    for valid in array.is_valid().to_pylist():
        lists.append(inside[at : at + size] if valid else None)
        at += size if valid else 0  # flattened, a list that is null has no items
    return lists


def _pairs(keys: list[Any], values: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(keys, values, strict=True))


def _map(pairs: list[tuple[Any, Any]]) -> Any:
    """A map as an object; as a list of keys and values if they are no texts, or one is there twice."""
    names = {key for key, _ in pairs if isinstance(key, str)}
    if len(names) == len(pairs):
        return {key: value for key, value in pairs if value is not None}
    return [{"key": key, "value": value} for key, value in pairs]


def _leaf(kind: pa.DataType) -> Convert:
    for is_of, convert in _LEAVES:
        if is_of(kind):
            return convert
    msg = f"a column of type {kind} has no place in JSON"
    raise ValueError(msg)


def _as_they_are(array: Any) -> list[Any]:
    return array.to_pylist()


def _each(one: Callable[[Any], Any]) -> Convert:
    return lambda array: [None if each is None else one(each) for each in array.to_pylist()]


def _texts(array: Any) -> list[Any]:
    try:
        return array.to_pylist()
    except UnicodeDecodeError:
        kind = pa.string() if kinds.is_string_view(array.type) else array.type
        plain = array.cast(kind).cast(pa.large_binary() if kinds.is_large_string(kind) else pa.binary())
        return [None if each is None else _text(each) for each in plain.to_pylist()]


def _text(value: bytes) -> str | msgspec.Raw:
    """A text; what is none in the bytes that it has, so that its row is no JSON and is rejected with them."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return msgspec.Raw(b'"%b"' % value.replace(b"\\", b"\\\\").replace(b'"', b'\\"'))


def _bytes(value: bytes) -> str:
    """A text, if it is one: old writers do not say so. Else base64."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _uuid(value: bytes | None) -> str | None:
    return None if value is None else str(uuid.UUID(bytes=value))


def _dates(array: Any) -> list[Any]:
    days = array.cast(pa.int32()) if kinds.is_date32(array.type) else array.cast(pa.int64())
    per_day = 1 if kinds.is_date32(array.type) else _DAY * 1_000
    return [None if each is None else day(each // per_day) for each in days.to_pylist()]


def _timestamps(array: Any) -> list[Any]:
    per_second, zone = _PER_SECOND[array.type.unit], "Z" if array.type.tz else ""
    counts = array.cast(pa.int64()).to_pylist()
    return [None if each is None else instant(each, per_second) + zone for each in counts]


def _times(array: Any) -> list[Any]:
    per_second = _PER_SECOND[array.type.unit]
    counts = array.cast(pa.int32() if kinds.is_time32(array.type) else pa.int64()).to_pylist()
    return [None if each is None else clock(each // per_second, each % per_second, per_second) for each in counts]


def _durations(array: Any) -> list[Any]:
    return array.cast(pa.int64()).to_pylist()


_LEAVES: tuple[tuple[Callable[[pa.DataType], bool], Convert], ...] = (
    (kinds.is_null, _as_they_are),
    (kinds.is_boolean, _as_they_are),
    (kinds.is_integer, _as_they_are),
    (kinds.is_decimal, _as_they_are),
    (kinds.is_float64, _each(double)),
    (lambda kind: kinds.is_float32(kind) or kinds.is_float16(kind), _each(single)),
    (lambda kind: kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind), _texts),
    (
        lambda kind: (
            kinds.is_binary(kind)
            or kinds.is_large_binary(kind)
            or kinds.is_fixed_size_binary(kind)
            or kinds.is_binary_view(kind)
        ),
        _each(_bytes),
    ),
    (kinds.is_date, _dates),
    (kinds.is_timestamp, _timestamps),
    (kinds.is_time, _times),
    (kinds.is_duration, _durations),
)
