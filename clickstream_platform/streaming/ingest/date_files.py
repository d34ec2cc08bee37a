"""Events written into data files of the table ``events``, one a date. They are in the table once a commit names them.

Tasks write them where they stage (:mod:`.task_files`), and so does the process that commits, of all other events.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clickstream_platform.streaming.lake.data_files import PARTITION, DataFile

AT_ONCE = 64_000_000  # bytes of rows that are held, or become a row group
MOST_OPEN = 32  # files
BESIDE = ".beside"  # ends the name of a file that has, row by row, what is staged of events and is no column of theirs

# As delta-rs writes them; statistics are of use where rows are asked for by a value that they are in the order of.
_WRITTEN: dict[str, Any] = {"compression": "snappy", "write_statistics": ["timestamp", "arrived_at", "offset"]}
_NEVER_READ_BY_VALUE: dict[str, Any] = {"compression": "lz4", "write_statistics": False}
# Columns whose values are seldom the same: a list of them would be thrown away.
_EACH_ITS_OWN = ("event_id", "offset", "timestamp", "arrived_at", "record_time", "raw", "value")

FileOpener = Callable[[str, str], AbstractContextManager[IO[bytes]]]


def refuse_data_files(day: str, name: str) -> AbstractContextManager[IO[bytes]]:
    """A :data:`FileOpener` that refuses: for callers that write no data files."""
    msg = f"no data file is to be written: {day}/{name}"
    raise NotImplementedError(msg)


@dataclass
class _Open:
    """A file that is being written, and what is known of it so far."""

    name: str
    day: str
    writers: list[pq.ParquetWriter]
    file: IO[bytes]
    stack: ExitStack
    held: list[pa.RecordBatch] = field(default_factory=list[pa.RecordBatch])
    rows: int = 0
    first: int | None = None
    last: int | None = None

    def flush(self) -> None:
        """Write the rows held so far as one row group, here and in the file beside it, so that their groups match."""
        if not self.held:
            return
        rows = pa.Table.from_batches(self.held)
        self.held.clear()
        for writer in self.writers:
            writer.write_table(rows.select(writer.schema.names).cast(writer.schema))
        times = pc.min_max(rows["timestamp"].cast(pa.int64()))
        first, last = times["min"].as_py(), times["max"].as_py()
        self.rows += rows.num_rows
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)

    def close(self) -> DataFile:
        """Write the rows still held and finish the file, which afterwards lies under its own name."""
        self.flush()
        for writer in self.writers:
            writer.close()
        size = self.file.tell()
        self.stack.close()
        assert self.first is not None
        assert self.last is not None
        return DataFile(self.name, self.day, self.rows, self.first, self.last, size)


@dataclass
class DateFiles(AbstractContextManager["DateFiles"]):
    """The files that are written in the block, each with the rows of one date.

    Attributes:
        schema: the columns of a file: those of the table, in their order, but for the date.
        opened: opens a file to be written, by its date and its name.
        beside: the columns of a second file that is written row by row with each; None for no such file.
        files: the files that are finished; after the block, all of them.
    """

    schema: pa.Schema
    opened: FileOpener
    beside: pa.Schema | None = None
    files: list[DataFile] = field(default_factory=list[DataFile])
    _open: dict[str, _Open] = field(default_factory=dict[str, _Open])
    _bytes: int = 0

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        if failure is None:
            self._close_all()
        for each in self._open.values():  # none of which is put anywhere
            each.stack.__exit__(kind, failure, trace)

    def has(self, day: str) -> bool:
        """Whether a file of that date is open."""
        return day in self._open

    def write(self, day: str, rows: pa.RecordBatch) -> None:
        """Add rows of a date, with at least the columns of the files."""
        if day not in self._open:
            if len(self._open) >= MOST_OPEN:
                self._close_all()
            self._open[day] = self._new(day)
        self._open[day].held.append(rows)
        self._bytes += rows.nbytes
        if self._bytes >= AT_ONCE:
            for each in self._open.values():
                each.flush()
            self._bytes = 0

    def _close_all(self) -> None:
        self._bytes = 0
        for day in [*self._open]:
            self.files.append(self._open[day].close())
            del self._open[day]  # one that fails stays, to be given up

    def _new(self, day: str) -> _Open:
        name = f"part-00000-{uuid4()}-c000.snappy.parquet"
        with ExitStack() as stack:
            file = stack.enter_context(self.opened(day, name))
            writers = [stack.enter_context(_writer(file, self.schema, store_schema=False, **_WRITTEN))]
            if self.beside is not None:
                second = stack.enter_context(self.opened(day, name + BESIDE))
                writers.append(stack.enter_context(_writer(second, self.beside, **_NEVER_READ_BY_VALUE)))
            return _Open(name, day, writers, file, stack.pop_all())


def _writer(file: IO[bytes], schema: pa.Schema, **options: Any) -> pq.ParquetWriter:
    often: Any = [each for each in schema.names if each not in _EACH_ITS_OWN]
    return pq.ParquetWriter(file, schema, use_dictionary=often, **options)


def split_by_date(rows: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Rows split by their ``event_date``."""
    days = pc.unique(rows[PARTITION])
    for day in days:
        yield day.as_py().isoformat(), rows if len(days) == 1 else rows.filter(pc.equal(rows[PARTITION], day))
