"""What a task does: read its files, one after another, and say what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from clickstream_platform.errors import ClickstreamError, SourceError
from clickstream_platform.store.place import Place
from clickstream_platform.streaming.sources.files.formats import A_RECORD_A_LINE, FormattedRecords, file_records
from clickstream_platform.streaming.sources.files.landing import Landing, landing_at
from clickstream_platform.streaming.sources.files.lines import ROWS, split_lines
from clickstream_platform.streaming.sources.files.manifest import BEFORE, PlannedFile
from clickstream_platform.streaming.sources.files.raw import RawFile
from clickstream_platform.streaming.sources.files.small import lines_of_texts, small_text
from clickstream_platform.streaming.sources.files.unpacking import CHUNK, plain_chunks
from clickstream_platform.streaming.sources.files.unreadable import Unreadable
from clickstream_platform.streaming.sources.source import PartRead

BYTES = 16_000_000  # of a batch, or one record
RECORDS = pa.schema(
    [
        ("partition", pa.string()),
        ("offset", pa.int64()),
        ("value", pa.binary()),
        ("size", pa.int64()),
        ("arrived_at", pa.timestamp("us", "UTC")),
    ]
)


def read_task(
    folder: Place, entries: Iterable[PlannedFile], max_record_bytes: int
) -> Iterator[pa.RecordBatch | PartRead]:
    """Read the files of a task.

    A file is found to be faulty when some of its records have been given already. It is refused whole: the caller
    leaves out all records of a partition of which any task, for any stretch of the file, says that it has a fault.

    Args:
        folder: the source.
        entries: what to read.
        max_record_bytes: a longer record is given by its beginning, with a ``size`` beyond this.

    Returns:
        Batches of :data:`RECORDS`, each of one file or of several small ones; and a :class:`PartRead` for each entry,
        after its last record.

    Raises:
        SourceError: reading a file failed for a reason that does not lie in the file.
    """
    landing, waiting = landing_at(folder), _Waiting(max_record_bytes)
    for entry in entries:
        count, fault, text, its_format = 0, None, None, ""
        try:
            with _open_entry(landing, entry) as raw:
                if (text := small_text(raw, entry.declared)) is None:
                    content = _lines_or_more(raw, entry, max_record_bytes)
                    its_format = content.format.name
                    for batch in content.batches:
                        count += batch.num_rows
                        yield from waiting.add(batch, entry)
        except Unreadable as unreadable:
            text, fault = None, unreadable.finding
        except ClickstreamError as error:  # of the store, which says nothing of the file
            raise SourceError(entry.partition, f"reading it failed: {error.finding}", error.remedy) from error
        except Exception as error:  # whatever stops the task, it names the file it was at
            finding = f"reading it failed: {type(error).__name__}: {error}"
            raise SourceError(entry.partition, finding, "leave this file out to go on") from error
        if text is None:
            waiting.read.append(PartRead(entry.partition, entry.bytes, count, fault, its_format))
        else:
            yield from waiting.add_text(text, entry)
    yield from waiting.flush()


def _open_entry(landing: Landing, entry: PlannedFile) -> AbstractContextManager[RawFile]:
    split = entry.split
    start, end = (split.start, split.end) if split else (0, entry.size)
    return landing.open_file(entry.partition, entry.size, entry.tag, start, end)


def _lines_or_more(raw: RawFile, entry: PlannedFile, max_record_bytes: int) -> FormattedRecords:
    # Only a plain text of lines is split. Its first bytes have told so, and are not seen from the middle.
    if entry.split and entry.split.start:
        return FormattedRecords(
            A_RECORD_A_LINE, split_lines(plain_chunks(raw), max_record_bytes, entry.split.first_line)
        )
    if entry.split:
        return file_records(raw, BEFORE, max_record_bytes)
    return file_records(raw, entry.declared, max_record_bytes)


@dataclass
class _Waiting:
    """Records not given yet: many small files make one batch, which costs as much as one of one file."""

    max_record_bytes: int
    read: list[PartRead] = field(default_factory=list[PartRead])
    _batches: list[tuple[pa.RecordBatch, PlannedFile]] = field(default_factory=list[tuple[pa.RecordBatch, PlannedFile]])
    _texts: list[tuple[bytes, PlannedFile]] = field(default_factory=list[tuple[bytes, PlannedFile]])
    _rows: int = 0
    _bytes: int = 0

    def add(self, batch: pa.RecordBatch, entry: PlannedFile) -> Iterator[pa.RecordBatch | PartRead]:
        """Take some records; give those before them, if it is enough."""
        size = batch.get_total_buffer_size()  # costs a hundredth of `nbytes`, which looks at every row
        if self._rows + batch.num_rows > ROWS or self._bytes + size > BYTES:
            yield from self.flush()
        self._batches.append((batch, entry))
        self._rows += batch.num_rows
        self._bytes += size

    def add_text(self, text: bytes, entry: PlannedFile) -> Iterator[pa.RecordBatch | PartRead]:
        """Take all of a small file; give what was before it, if it is enough."""
        if self._bytes + len(text) > CHUNK:
            yield from self.flush()
        self._texts.append((text, entry))
        self._bytes += len(text)

    def flush(self) -> Iterator[pa.RecordBatch | PartRead]:
        """Give everything, and then what became of the files that are read."""
        if self._texts:
            yield from self._of_texts()
        if self._batches:
            batches, entries = zip(*self._batches, strict=True)
            which = np.repeat(np.arange(len(entries)), [batch.num_rows for batch in batches])
            yield _with_place(pa.concat_batches(batches), entries, which)
        yield from self.read
        self._batches, self._texts, self.read, self._rows, self._bytes = [], [], [], 0, 0

    def _of_texts(self) -> Iterator[pa.RecordBatch]:
        texts, entries = zip(*self._texts, strict=True)
        rows, which = lines_of_texts(texts, self.max_record_bytes)
        counts = np.bincount(which, minlength=len(entries)).tolist()
        self.read += [PartRead(e.partition, e.bytes, count) for e, count in zip(entries, counts, strict=True)]
        located = _with_place(rows, entries, which)
        yield from (located.slice(start, ROWS) for start in range(0, located.num_rows, ROWS))


def _with_place(rows: pa.RecordBatch, entries: Sequence[PlannedFile], which: Any) -> pa.RecordBatch:
    """Lines with the file that each is of, and when it arrived."""
    partitions = pa.array([entry.partition for entry in entries], pa.string()).take(pa.array(which))
    arrived = np.array([entry.arrived_at_us for entry in entries], np.int64)[which]
    columns = [partitions, *rows.columns, pa.array(arrived).cast(RECORDS.field("arrived_at").type)]
    return pa.RecordBatch.from_arrays(columns, schema=RECORDS)
