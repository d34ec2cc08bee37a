"""Lines as records, of files of any size and with lines of any length, in bounded memory.

No Python runs for a line as such: newlines are found by numpy, and Arrow takes the bytes between them as they are.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

KEPT = 1_000  # bytes of a line that is too long: enough to see what it is
ROWS = 10_000  # of a batch
LARGEST = 1 << 30  # an Arrow array holds 2 GB; and nobody has a longer record

LINES = pa.schema([("offset", pa.int64()), ("value", pa.binary()), ("size", pa.int64())])

_NEWLINE = 10
_BLANK = b" \t\r"
_IS_INK = np.array([sign not in _BLANK + b"\n" for sign in range(256)])


def split_lines(chunks: Iterable[bytes], max_record_bytes: int, first: int = 0) -> Iterator[pa.RecordBatch]:
    """The lines of a text.

    A line ends at a newline, which is no part of it; the last one needs none. A carriage return is part of its line. A
    blank line, of spaces, tabs and carriage returns, is no record, but counts.

    Args:
        chunks: the text, cut anywhere.
        max_record_bytes: of a longer line only the first :data:`KEPT` bytes are given.
        first: the number of the first line.

    Returns:
        Batches of :data:`LINES`, none of more than :data:`ROWS` rows, nor of more bytes than a chunk and a record:
        ``offset``, the line's number; ``value``; ``size``, how long the whole line is.
    """
    limit = min(max_record_bytes, LARGEST)
    begun = _OpenLine()
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        if not end:
            begun.add(chunk, limit)
            continue
        if begun.is_cut:
            begun.add(chunk[: (head := chunk.find(b"\n"))], limit)
            yield from begun.batch(first)
            first, whole, begun = first + 1, chunk[head + 1 : end], _OpenLine()
        else:
            whole, begun = b"".join([*begun.parts, chunk[:end]]), _OpenLine()
        if whole:
            batch, count = ended_lines(whole, first, limit)
            yield from _slices(batch)
            first += count
        begun.add(chunk[end:], limit)
    if begun.is_cut:
        yield from begun.batch(first)
    elif begun.size:
        yield from _slices(ended_lines(b"".join([*begun.parts, b"\n"]), first, limit)[0])


class _OpenLine:
    """A line whose end has not come yet. Once it is too long, no more than its beginning and its length are kept."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0
        self.is_cut = False
        self._is_blank = True

    def add(self, part: bytes, limit: int) -> None:
        self.size += len(part)
        self._is_blank = self._is_blank and not part.strip(_BLANK)
        if not self.is_cut:
            self.parts.append(part)
        if not self.is_cut and self.size > limit:
            self.parts = [b"".join(self.parts)[: min(KEPT, limit)]]
            self.is_cut = True

    def batch(self, number: int) -> Iterator[pa.RecordBatch]:
        """The line, if it is a record."""
        if not self._is_blank:
            yield _batch(np.array([number]), pa.array(self.parts, pa.binary()), np.array([self.size]))


def ended_lines(text: bytes, first: int, limit: int) -> tuple[pa.RecordBatch, int]:
    """Lines that all end in a newline, at least one, without the blank ones; and how many there are with these.

    Args:
        text: the lines.
        first: the number of the first one.
        limit: of a longer line only the first :data:`KEPT` bytes are given.
    """
    signs = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(signs == _NEWLINE)
    count = len(ends)
    starts = np.concatenate([[0], ends[:-1] + 1])
    sizes = ends - starts
    # Without the newlines, each line begins where the one before it ends.
    bounds = np.concatenate([[0], ends - np.arange(count)]).astype(np.int32)
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(text.replace(b"\n", b""))]
    values = pa.Array.from_buffers(pa.binary(), count, buffers)
    if sizes.max() > limit:
        cut = min(KEPT, limit)
        values = pa.array([each[:cut] if len(each) > limit else each for each in values.to_pylist()], pa.binary())
    batch = _batch(np.arange(first, first + count), values, sizes)
    if not _IS_INK[signs[starts]].all():
        batch = batch.filter(pa.array(~_is_blank(text, signs, starts, ends)))
    return batch, count


def _is_blank(text: bytes, signs: Any, starts: Any, ends: Any) -> Any:
    """Whether each line is blank. All lines are looked at together, one sign after another."""
    blank = np.zeros(len(starts), bool)
    rows = np.flatnonzero(~_IS_INK[signs[starts]])
    for at in range(64):  # few lines begin with as many blanks
        is_empty = starts[rows] + at == ends[rows]
        blank[rows[is_empty]] = True
        rows = rows[~is_empty]
        rows = rows[~_IS_INK[signs[starts[rows] + at]]]
        if not len(rows):
            return blank
    for row in rows:
        blank[row] = not text[starts[row] : ends[row]].strip(_BLANK)
    return blank


def _batch(numbers: Any, values: pa.Array, sizes: Any) -> pa.RecordBatch:
    columns = [pa.array(numbers, pa.int64()), values, pa.array(sizes, pa.int64())]
    return pa.RecordBatch.from_arrays(columns, schema=LINES)


def _slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, ROWS):
        yield batch.slice(start, ROWS)
