"""Records numbered as they come in a file, some at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa

from clickstream_platform.streaming.sources.files.lines import KEPT, LARGEST, LINES, ROWS

_BYTES = 1 << 20  # of the records that are held before they are given


class NumberedRecord(NamedTuple):
    """A record, or the beginning of one that is too long.

    Attributes:
        value: its bytes.
        size: how many it has, or would have.
    """

    value: bytes
    size: int


class RecordBuffer:
    """A record whose end has not come yet. Once it is too long, only its beginning and its length are kept."""

    def __init__(self, max_record_bytes: int) -> None:
        self.size = 0
        self._limit = min(max_record_bytes, LARGEST)
        self._parts: list[bytes] = []
        self._is_cut = False

    def add(self, part: bytes) -> None:
        """Take the next bytes of the record."""
        self.size += len(part)
        if not self._is_cut:
            self._parts.append(part)
        if not self._is_cut and self.size > self._limit:
            self._parts = [b"".join(self._parts)[: min(KEPT, self._limit)]]
            self._is_cut = True

    def record(self) -> NumberedRecord:
        """The record, which has ended."""
        return NumberedRecord(b"".join(self._parts), self.size)


def complete_record(value: bytes, max_record_bytes: int) -> NumberedRecord:
    """A record of which all bytes are at hand."""
    begun = RecordBuffer(max_record_bytes)
    begun.add(value)
    return begun.record()


def batch_records(records: Iterable[NumberedRecord]) -> Iterator[pa.RecordBatch]:
    """Records in batches of :data:`.lines.LINES`; the offset is a record's number, from 0."""
    first, held, size = 0, list[NumberedRecord](), 0
    for record in records:
        held.append(record)
        size += len(record.value)
        if size >= _BYTES or len(held) == ROWS:
            yield _batch(first, held)
            first, held, size = first + len(held), [], 0
    if held:
        yield _batch(first, held)


def _batch(first: int, records: list[NumberedRecord]) -> pa.RecordBatch:
    values, sizes = zip(*records, strict=True)
    numbers = range(first, first + len(records))
    columns = [pa.array(numbers, pa.int64()), pa.array(values, pa.binary()), pa.array(sizes, pa.int64())]
    return pa.RecordBatch.from_arrays(columns, schema=LINES)
