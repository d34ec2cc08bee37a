"""Records that hold several events: one row for each event, before anything is read of it.

A record without an envelope is one row as it came, with the index 0. What a registry's serializers wrote is decoded
before; its bytes stay beside what they say.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_platform.events.mapping.envelopes import Limits, Open, envelope_pattern, opener
from clickstream_platform.events.registry.framing import AS_IT_IS, Decode, decoder
from clickstream_platform.events.schema import EMPTY, Reason

if TYPE_CHECKING:
    from clickstream_platform.events.rules import Rules

_ROWS = 10_000  # events that are given at once, about
_BYTES = 8_000_000  # of them: what is unpacked of some records may be much more than they are
COLUMNS = {
    **{"index": pa.int64(), "inherited": pa.string(), "inside": pa.int64(), "unopened": pa.string()},
    "text": pa.binary(),
}
_REPLACED = ("value", "size", *COLUMNS)


class _Row(NamedTuple):
    """One event, or a record that is none or one by itself.

    Attributes:
        record: the number of its record among those given.
        value: its bytes.
        size: how many there are, or were.
        nth: its position in the record.
        inherited: what it has from its envelope; None if it is in none.
        inside: how many events the record holds; None if it is not opened.
        unopened: why there is no event to be read in it: a reason, or ``EMPTY``; None if there is one.
        text: what its bytes say as JSON, if they are something else.
    """

    record: int
    value: bytes | None
    size: int | None
    nth: int = 0
    inherited: str | None = None
    inside: int | None = None
    unopened: str | None = None
    text: bytes | None = None


def open_records(records: pa.RecordBatch, rules: Rules) -> Iterator[pa.RecordBatch]:
    """The events of some records, in their order, a part at a time.

    Raises nothing, whatever the bytes; but of those that need a registry, what :func:`.framing.decoder` does.

    Args:
        records: ``value``, ``size`` and ``event_id`` of each, with whatever other columns. Of what has ``inherited``,
            which need not be there, it is known that it is an event of an envelope; it has an ``index``, too.
        rules: how records are read.

    Returns:
        The same columns, and ``index``; ``inherited``, a JSON object; ``inside``, how many events the record held, null
        if it was not opened; ``unopened``: why there is no event to be read, the reason why a record cannot be decoded
        or opened, or ``EMPTY``; ``text``: of bytes that are decoded, the JSON that is read in their place.
        An ``event_id`` from elsewhere is made one of each event: with a slash and the index behind it.
    """
    envelope = rules.mapping is not None and rules.mapping.envelope
    known = "inherited" in records.schema.names and records["inherited"].null_count < len(records)
    decode = decoder(records, rules)
    if not known and not envelope and decode:
        yield from _decoded(records, rules, decode)
        return
    if not known and not decode and not _is_any_opened(records, rules):
        yield _as_they_are(records)
        return
    rows, size = list[_Row](), 0
    for row in _rows(records, rules, decode):
        rows.append(row)
        size += len(row.value or b"") + len(row.text or b"") + len(row.inherited or "")
        if len(rows) >= _ROWS or size >= _BYTES:
            yield _batch(records, rows)
            rows, size = [], 0
    if rows:
        yield _batch(records, rows)


def _is_any_opened(records: pa.RecordBatch, rules: Rules) -> bool:
    """Whether one of these at least is an envelope, or a broken one: most producers send few, or nothing else."""
    if rules.mapping is None or not rules.mapping.envelope:
        return False
    values, open_ = records["value"], _opener_by(rules)
    may_be = pc.match_substring_regex(values, envelope_pattern(rules.mapping))
    may_be = pc.and_(may_be, pc.less_equal(records["size"], rules.max_record_bytes))
    return any(open_(value) is not None for value in values.filter(may_be).to_pylist())


def _as_they_are(records: pa.RecordBatch) -> pa.RecordBatch:
    count, names = len(records), [name for name in records.schema.names if name not in COLUMNS]
    given = {name: pa.nulls(count, kind) for name, kind in COLUMNS.items()}
    given["index"] = pa.array([0] * count, pa.int64())
    return pa.RecordBatch.from_arrays([*(records[name] for name in names), *given.values()], names=[*names, *given])


def _decoded(records: pa.RecordBatch, rules: Rules, decode: Decode) -> Iterator[pa.RecordBatch]:
    """The records with what they say, where none is an envelope."""
    rows, begin, held = _as_they_are(records), 0, 0
    texts, faults = list[bytes | None](), list[str | None]()
    for number, (value, size) in enumerate(zip(records["value"].to_pylist(), records["size"].to_pylist(), strict=True)):
        text, fault = AS_IT_IS
        if value is not None and size is not None and size <= rules.max_record_bytes:
            text, fault = decode(number, value)
        texts.append(text)
        faults.append(fault and fault.value)
        held += len(text or b"")
        if held >= _BYTES:
            yield _with_columns(rows.slice(begin, len(texts)), {"text": texts, "unopened": faults})
            begin, held, texts, faults = number + 1, 0, [], []
    if texts:
        yield _with_columns(rows.slice(begin), {"text": texts, "unopened": faults})


def _with_columns(rows: pa.RecordBatch, cells: dict[str, list[Any]]) -> pa.RecordBatch:
    columns: dict[str, Any] = dict(zip(rows.schema.names, rows.columns, strict=True))
    columns |= {name: pa.array(each, COLUMNS[name]) for name, each in cells.items()}
    return pa.RecordBatch.from_arrays([*columns.values()], names=[*columns])


def _rows(records: pa.RecordBatch, rules: Rules, decode: Decode | None) -> Iterator[_Row]:
    open_ = _opener_by(rules)
    columns = [records[name].to_pylist() for name in ("value", "size")]
    known = [
        records[name].to_pylist() if name in records.schema.names else [None] * len(records)
        for name in ("index", "inherited")
    ]
    for number, (value, size, index, inherited) in enumerate(zip(*columns, *known, strict=True)):
        if inherited is not None:
            yield _Row(number, value, size, index or 0, inherited)
        elif value is None or size is None or size > rules.max_record_bytes:  # which is found when it is read
            yield _Row(number, value, size)
        else:
            text, fault = decode(number, value) if decode else AS_IT_IS
            yield from _of_record(number, value, open_, text, fault)


_opener = lru_cache(maxsize=16)(opener)


def _opener_by(rules: Rules) -> Open:
    limits = Limits(rules.max_events_in_record, rules.max_unpacked_bytes)
    return _opener(rules.mapping, limits) if rules.mapping and rules.mapping.envelope else _nothing


def _nothing(_: bytes) -> None:
    """No record is an envelope."""


def _of_record(number: int, value: bytes, open_: Open, text: bytes | None, fault: Reason | None) -> Iterator[_Row]:
    opened = fault or open_(value if text is None else text)
    if opened is None or isinstance(opened, Reason):
        yield _Row(number, value, len(value), unopened=opened and opened.value, text=text)
        return
    if not opened:
        yield _Row(number, None, 0, inside=0, unopened=EMPTY)
    for index, (event, inherited) in enumerate(opened):
        yield _Row(number, event, len(event), index, inherited, len(opened))


def _batch(records: pa.RecordBatch, rows: list[_Row]) -> pa.RecordBatch:
    record, value, size, *more = zip(*rows, strict=True)
    names = [name for name in records.schema.names if name not in _REPLACED]
    columns: dict[str, Any] = dict(zip(names, records.select(names).take(pa.array(record)).columns, strict=True))
    columns["value"], columns["size"] = pa.array(value, records["value"].type), pa.array(size, pa.int64())
    columns |= {name: pa.array(cells, kind) for (name, kind), cells in zip(COLUMNS.items(), more, strict=True)}
    columns["event_id"] = _of_each(columns)
    return pa.RecordBatch.from_arrays([*columns.values()], names=[*columns])


def bytes_to_read(events: pa.RecordBatch) -> pa.Array:
    """The bytes that are to be read of opened events: what they say, where they are something else."""
    return events["value"] if events["text"].null_count == len(events) else pc.coalesce(events["text"], events["value"])


def _of_each(columns: dict[str, Any]) -> pa.Array:
    """Ids from elsewhere, which are of records, as ids of events."""
    ids = columns["event_id"]
    if ids.null_count == len(ids):
        return ids
    number = pc.cast(pc.cast(columns["index"], pa.string()), pa.binary())
    of_events = pc.binary_join_element_wise(ids, number, pa.scalar(b"/", pa.binary()))
    return pc.if_else(pc.is_valid(columns["inherited"]), of_events, ids)
