"""Events that a task writes into data files of the table by itself: of each date, if it has many.

Such a file becomes the table's as it is, if nothing in it has to be left out (:mod:`.adopting`). So a task puts into it
what will most likely stay: accepted events whose ``event_id`` it has not seen before. All else, and the events of dates
of which it has few, it stages: whoever commits writes them into one file a date.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from clickstream_platform.events.schema import PLACEHOLDERS
from clickstream_platform.streaming.ingest.date_files import AT_ONCE, DateFiles, FileOpener
from clickstream_platform.streaming.lake import handles
from clickstream_platform.streaming.lake.data_files import PARTITION, DataFile
from clickstream_platform.streaming.lake.tables import LakeTable

_PLAIN = (1, 2)  # Delta's versions of a table that asks nothing special of who reads it, or writes to it
_LITTLE = 8_000_000  # bytes that are held where no date can have many events
_SLOTS = 1 << 25  # bytes that a task remembers ids in; of 250,000, one in 250 is taken for a copy and is none


@dataclass(frozen=True)
class TaskFiles:
    """How a task writes data files of a table.

    Attributes:
        schema: the table's columns in their order, but for the date.
        rows: how many events of one date are many: fewer would be a file too small. 0: no number is.
    """

    schema: pa.Schema
    rows: int

    def beside(self, staged: pa.Schema) -> pa.Schema:
        """The columns that are staged of an event, and that such a file does not have."""
        return pa.schema([each for each in staged if each.name not in {*self.schema.names, PARTITION}])


NO_TASK_FILES = TaskFiles(pa.schema([]), 0)


def task_files_for(table: LakeTable, rows: int) -> TaskFiles:
    """How tasks write data files of a table: not at all where somebody has given it more for its writers to see to.

    So it is with constraints, which delta-rs looks at when it writes.

    Args:
        table: it exists.
        rows: how many are many; 0: they write none.
    """
    if not rows:
        return NO_TASK_FILES
    with handles.table_at_version(table.path) as held:
        asked, partition_by = held.protocol(), held.metadata().partition_columns
        is_plain = asked.min_reader_version <= _PLAIN[0] and asked.min_writer_version <= _PLAIN[1]
        schema = pa.schema(held.schema())
    return TaskFiles(columns_of(schema), rows) if is_plain and partition_by == [PARTITION] else NO_TASK_FILES


_AGAIN, _NO_EVENT, _FIRST = -2, -1, 0
_EPOCH = date(1970, 1, 1)
_FIRST_DAY = (date.min - _EPOCH).days


class SeenIds:
    """The ids that a task has had, as hashes in memory of a fixed size: a new id may be taken for one of them."""

    def __init__(self) -> None:
        self._slots = np.zeros(_SLOTS, np.bool_)

    def seen_before(self, ids: pa.StringArray) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Whether each id may have come before; false where there is no id. Remembers the ids."""
        texts = ids.drop_null().to_pylist()
        at = np.fromiter(map(hash, texts), np.int64, len(texts)) & (_SLOTS - 1)
        is_again = np.ones(len(at), np.bool_)
        is_again[np.unique(at, return_index=True)[1]] = False
        is_again |= self._slots[at]
        self._slots[at] = True
        for row in np.flatnonzero(is_again):
            is_again[row] = texts[row].strip().lower() not in PLACEHOLDERS  # many events share one of these
        seen = np.zeros(len(ids), np.bool_)
        seen[ids.is_valid().to_numpy(zero_copy_only=False)] = is_again
        return seen


@dataclass
class RowSorter:
    """The rows of one task, on their way into data files or to what it stages.

    What it stages is in row groups of events that came first, of those that may be copies, and of what is no event, so
    that who asks for one of these need not read the others.
    """

    task_files: TaskFiles
    files: DateFiles
    staged: pq.ParquetWriter
    _seen: SeenIds = field(default_factory=SeenIds)
    _held: dict[int, list[pa.RecordBatch]] = field(default_factory=dict[int, "list[pa.RecordBatch]"])
    _bytes: int = 0

    def write(self, rows: pa.RecordBatch) -> None:
        """Take rows, as they are staged."""
        kinds = self._kinds(rows)
        goes = np.isin(kinds, [kind for kind in np.unique(kinds).tolist() if self._is_open(kind)])
        for day, of_day in _split(rows, kinds, goes):
            self._write(day, of_day)
        for kind, of_kind in _split(rows, kinds, ~goes):
            self._hold(kind, of_kind)
        if self._bytes >= (AT_ONCE if self.task_files.rows else _LITTLE):
            self.flush()

    def flush(self) -> None:
        """Stage what is held."""
        first = [each for kind in sorted(self._held) if kind >= _FIRST for each in self._held[kind]]
        for held in (first, self._held.get(_AGAIN), self._held.get(_NO_EVENT)):
            if held:
                self.staged.write_table(pa.Table.from_batches(held))
        self._held.clear()
        self._bytes = 0

    def _hold(self, kind: int, rows: pa.RecordBatch) -> None:
        held = self._held.setdefault(kind, [])
        held.append(rows)
        self._bytes += rows.nbytes
        if kind >= _FIRST and self.task_files.rows and sum(each.num_rows for each in held) >= self.task_files.rows:
            for each in self._held.pop(kind):
                self._bytes -= each.nbytes
                self._write(kind, each)

    def _is_open(self, kind: int) -> bool:
        return kind >= _FIRST and self.files.has(_day(kind))

    def _write(self, kind: int, rows: pa.RecordBatch) -> None:
        for each in self.task_files.schema:  # of which some may no longer be declared
            if each.name not in rows.schema.names:
                rows = rows.append_column(each, pa.nulls(rows.num_rows, each.type))
        self.files.write(_day(kind), rows)

    def _kinds(self, rows: pa.RecordBatch) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The kind of each row: for an event that came first its day, as a number; else one of the constants above."""
        days = rows[PARTITION].cast(pa.int32()).cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        kinds = days - _FIRST_DAY
        if self.task_files.rows:
            kinds[self._seen.seen_before(rows["event_id"])] = _AGAIN
        kinds[rows["timestamp"].is_null().to_numpy(zero_copy_only=False)] = _NO_EVENT
        return kinds


def _day(kind: int) -> str:
    return (_EPOCH + timedelta(days=kind + _FIRST_DAY)).isoformat()


def _split(
    rows: pa.RecordBatch, kinds: np.ndarray[Any, np.dtype[np.int64]], which: np.ndarray[Any, np.dtype[np.bool_]]
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The rows that are asked for, in a memory of their own, apart by their kind."""
    chosen = np.flatnonzero(which)
    if not len(chosen):
        return
    order = chosen[np.argsort(kinds[chosen], kind="stable")]
    present, starts = np.unique(kinds[order], return_index=True)
    taken = rows if len(present) == 1 and len(chosen) == rows.num_rows else rows.take(pa.array(order))
    for kind, start, end in zip(present.tolist(), starts.tolist(), [*starts.tolist()[1:], len(order)], strict=True):
        yield kind, taken.slice(start, end - start)


@contextmanager
def open_sorter(
    task_files: TaskFiles, opened: FileOpener, staged: pq.ParquetWriter, files: list[DataFile]
) -> Generator[RowSorter]:
    """Sort rows in the block.

    Args:
        task_files: how.
        opened: opens a data file, as of :class:`.DateFiles`.
        staged: gets all other rows.
        files: gets a description of each data file, once all are whole.
    """
    with DateFiles(task_files.schema, opened, task_files.beside(staged.schema), files) as written:
        each = RowSorter(task_files, written, staged)
        yield each
        each.flush()


def columns_of(schema: pa.Schema) -> pa.Schema:
    """The columns of the data files of a table with these columns: their names and types, without the date."""
    return pa.schema([pa.field(each.name, each.type) for each in schema if each.name != PARTITION])
