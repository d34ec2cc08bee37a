"""Events that a task writes into data files of the table by itself: of each date, if it has many.

Such a file becomes the table's as it is, if nothing in it has to be left out (:mod:`.adopting`). So a task puts into it
what will most likely stay: accepted events whose ``event_id`` it has not seen before. All else, and the events of dates
of which it has few, it stages: whoever commits writes them into one file a date.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clickstream_platform.events.schema import PLACEHOLDERS
from clickstream_platform.streaming.ingest.date_files import AT_ONCE, DateFiles, Opened, by_date
from clickstream_platform.streaming.lake.data_files import PARTITION, DataFile
from clickstream_platform.streaming.lake.tables import LakeTable

_PLAIN = 2  # Delta's writer version of a table that asks nothing special of who writes to it
_SLOTS = 1 << 25  # bytes that a task remembers ids in; of 250,000, one in 250 is taken for a copy and is none


@dataclass(frozen=True)
class Apart:
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


NONE_APART = Apart(pa.schema([]), 0)


def apart_for(table: LakeTable, rows: int) -> Apart:
    """How tasks write data files of a table: not at all where somebody has given it more for its writers to see to.

    So it is with constraints, which delta-rs looks at when it writes.

    Args:
        table: it exists.
        rows: how many are many; 0: they write none.

    Raises:
        CheckpointError: there is more to the table than its files.
    """
    held = table.plain()
    is_plain = held.protocol().min_writer_version <= _PLAIN and held.metadata().partition_columns == [PARTITION]
    return Apart(columns_of(pa.schema(held.schema())), rows) if is_plain else NONE_APART


_FIRST, _AGAIN, _NO_EVENT, _GONE = range(4)


class Seen:
    """The ids that a task has had. It remembers any number in the same memory, and so takes some for others."""

    def __init__(self) -> None:
        self._slots = np.zeros(_SLOTS, np.bool_)

    def again(self, ids: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Of each id, whether it came before, perhaps; false for one that is none. Remembers them."""
        texts = ids.drop_null().to_pylist()
        at = np.fromiter(map(hash, texts), np.int64, len(texts)) & (_SLOTS - 1)
        is_again = np.ones(len(at), np.bool_)
        is_again[np.unique(at, return_index=True)[1]] = False
        is_again |= self._slots[at]
        self._slots[at] = True
        for row in np.flatnonzero(is_again):
            is_again[row] = texts[row].strip().lower() not in PLACEHOLDERS  # many events share one of these
        found = np.zeros(len(ids), np.bool_)
        found[ids.is_valid().to_numpy()] = is_again
        return found


@dataclass
class Sorting:
    """The rows of one task, on their way into data files or to what it stages.

    What it stages is in row groups of events that came first, of those that may be copies, and of what is no event, so
    that who asks for one of these need not read the others.
    """

    apart: Apart
    files: DateFiles
    staged: pq.ParquetWriter
    _seen: Seen = field(default_factory=Seen)
    _held: list[pa.Table] = field(default_factory=list[pa.Table])
    _kinds: list[Any] = field(default_factory=list[Any])
    _bytes: int = 0

    def write(self, rows: pa.Table) -> None:
        """Take rows, as they are staged."""
        kinds = np.full(rows.num_rows, _FIRST, np.int8)
        if self.apart.rows:
            kinds[self._seen.again(rows["event_id"])] = _AGAIN
        kinds[rows["timestamp"].is_null().to_numpy()] = _NO_EVENT
        self._kinds.append(kinds)
        self._held.append(rows)
        self._bytes += rows.get_total_buffer_size()  # `nbytes` looks at every row
        if self._bytes >= AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        if not self._held:
            return
        rows, kinds = pa.concat_tables(self._held), np.concatenate(self._kinds)
        self._held.clear()
        self._kinds.clear()
        self._bytes = 0
        if many := self._many(rows[PARTITION].filter(pa.array(kinds == _FIRST))):
            goes = (kinds == _FIRST) & pc.is_in(rows[PARTITION], many).to_numpy()
            for day, of_day in by_date(rows.filter(pa.array(goes))):
                self.files.write(day, self._of_table(of_day))
            kinds[goes] = _GONE
        for kind in (_FIRST, _AGAIN, _NO_EVENT):
            if (kinds == kind).any():
                self.staged.write_table(rows.filter(pa.array(kinds == kind)))

    def _many(self, days: pa.ChunkedArray) -> pa.Array | None:
        if not self.apart.rows:
            return None
        counts = pc.value_counts(days)
        many = [
            each["values"]
            for each in counts
            if each["counts"].as_py() >= self.apart.rows or self.files.has(each["values"].as_py().isoformat())
        ]
        return pa.array([each.as_py() for each in many], days.type) if many else None

    def _of_table(self, rows: pa.Table) -> pa.Table:
        """With the columns of the table that are no longer declared, null."""
        for each in self.apart.schema:
            if each.name not in rows.schema.names:
                rows = rows.append_column(each, pa.nulls(rows.num_rows, each.type))
        return rows


@contextmanager
def sorting(apart: Apart, opened: Opened, staged: pq.ParquetWriter, files: list[DataFile]) -> Iterator[Sorting]:
    """Sort rows in the block.

    Args:
        apart: how.
        opened: opens a data file, as of :class:`.DateFiles`.
        staged: gets all other rows.
        files: gets what is said of the data files, once they are whole.
    """
    with DateFiles(apart.schema, opened, apart.beside(staged.schema), files) as written:
        each = Sorting(apart, written, staged)
        yield each
        each.flush()


def columns_of(schema: pa.Schema, but: Sequence[str] = (PARTITION,)) -> pa.Schema:
    """The columns of a table's data files: their names and types alone."""
    return pa.schema([pa.field(each.name, each.type) for each in schema if each.name not in but])
