"""A micro-batch of records, read once: every task parses its records and writes them into Parquet files of its own.

Keeping them in Spark instead, and writing them from there, costs three times as much: docs/decisions/0018. A file that
no row names, because its task failed or its process was killed, is never read, and the next run deletes it. Where the
files lie: :mod:`.staging_folder`; how they are read: :mod:`.staged`; which of them may become the table's:
:mod:`.task_files`.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame

from clickstream_platform.events.mapping.matching import Matches, PathMatcher
from clickstream_platform.events.masking import Masking
from clickstream_platform.events.opening import open_records
from clickstream_platform.events.parsing import read_events
from clickstream_platform.events.rules import Parse
from clickstream_platform.events.timestamps import INSTANT, null_unless
from clickstream_platform.streaming.ingest.date_files import FileOpener, refuse_data_files
from clickstream_platform.streaming.ingest.record_ids import record_ids
from clickstream_platform.streaming.ingest.staged import RAW_BYTES, STAGED, staged_schema, without_bytes
from clickstream_platform.streaming.ingest.staging_folder import write_file
from clickstream_platform.streaming.ingest.task_files import NO_TASK_FILES, TaskFiles, open_sorter
from clickstream_platform.streaming.lake.data_files import DataFile
from clickstream_platform.streaming.sources.source import PartRead

if TYPE_CHECKING:
    from clickstream_platform.store.place import Place

# Written once and read once. Statistics are of use where rows are asked for by a value; a list of texts is, where they
# are often the same: bytes of a record never are.
_WRITTEN: dict[str, Any] = {
    "compression": "lz4",
    "use_dictionary": without_bytes(STAGED),
    "write_statistics": ["timestamp"],
}


class _Header(msgspec.Struct):
    key: str
    value: bytes | None = None


_HEADERS = msgspec.json.Decoder(list[_Header])  # msgspec reads bytes from base64, as which Spark writes them
Records = Callable[["Iterator[pa.RecordBatch]"], "Iterator[pa.RecordBatch | PartRead]"]


def staging_stream(
    read: DataFrame, parse: Parse, folder: Place, records: Records, task_files: TaskFiles = NO_TASK_FILES
) -> DataFrame:
    """The stream that stages each batch of raw records when it is collected.

    Args:
        read: what the source reads.
        parse: the parser.
        folder: where the files go; it is there.
        records: of what a task has read, the raw records: the columns of ``RAW`` in any order, the headers as JSON, and
            ``event_id``, bytes of an id from elsewhere, and ``size``, the record's length, more than that of ``value``
            where only its beginning is given.
        task_files: how a task writes data files of the table by itself; it may write none.

    Returns:
        One row a staged file: ``file``, its name; ``data_files``, the data files beside it, as JSON; ``timestamp``, the
        newest event time in them, which moves a watermark; ``parts``, what the task says of the files that it read, as
        JSON; ``matches``, what it has found at the paths of somebody's own mapping, as JSON.
    """
    stage = partial(_stage, parse=parse, folder=folder, records=records, task_files=task_files)
    return read.mapInArrow(stage, "file string, timestamp timestamp, parts string, matches string, data_files string")


def _stage(
    read: Iterator[pa.RecordBatch], parse: Parse, folder: Place, records: Records, task_files: TaskFiles
) -> Iterator[pa.RecordBatch]:
    """What one task does: write the records it has read into files of its own, and give the row that names them."""
    name = f"{uuid4().hex}.parquet"
    with write_file(folder, name) as file:
        newest, parts, matches, data_files = stage_records(
            records(read), parse, file, task_files, lambda _, of: write_file(folder, of)
        )
    lists = {"parts": parts, "matches": matches, "data_files": data_files}
    columns = {name: [msgspec.json.encode(each).decode()] for name, each in lists.items()}
    yield pa.RecordBatch.from_pydict({"file": [name], "timestamp": pa.array([newest], INSTANT), **columns})


class StagingReport(NamedTuple):
    """What a task says of the records that it has staged.

    Attributes:
        newest: their newest event time.
        parts: of each file that they are of, how many there were and whether it has a fault.
        matches: what they have at the paths of somebody's own mapping.
        data_files: the data files beside it.
    """

    newest: pa.TimestampScalar
    parts: list[PartRead]
    matches: Matches
    data_files: list[DataFile]


def stage_records(
    batches: Iterator[pa.RecordBatch | PartRead],
    parse: Parse,
    file: Path | IO[bytes],
    task_files: TaskFiles = NO_TASK_FILES,
    data_file: FileOpener = refuse_data_files,
) -> StagingReport:
    """Write records into a file, parsed; or into data files of the table, if there are to be such."""
    newest, parts, matching = pa.scalar(None, INSTANT), list[PartRead](), PathMatcher(parse.rules)
    schema, data_files = staged_schema(parse.rules.contract), list[DataFile]()
    with (
        pq.ParquetWriter(file, schema, **_WRITTEN) as writer,
        open_sorter(task_files, data_file, writer, data_files) as taking,
    ):
        for each in batches:
            if isinstance(each, PartRead):
                parts.append(each)
                continue
            for events in open_records(each, parse.rules):
                matching.look(events)
                staged = _parsed(events, parse, schema)
                newest = pc.max(pa.array([newest, pc.max(staged["timestamp"])], INSTANT))
                taking.write(staged)
    return StagingReport(newest, parts, matching.matches, data_files)


def _parsed(records: pa.RecordBatch, parse: Parse, schema: pa.Schema = STAGED) -> pa.RecordBatch:
    """What is staged of opened records: an event, with its bytes if it has an id; or, rejected, bytes and record's id.

    Of one that is passed over neither, nor of one that held no event.
    """
    read = read_events(records, parse.rules)
    columns = dict(zip(records.schema.names, records.columns, strict=True))
    columns |= {field.name: column for field, column in zip(read.type, read.flatten(), strict=True)}
    is_rejected = pc.greater(pc.list_value_length(columns["reasons"]), 0)
    has_id = pc.and_(pc.invert(is_rejected), pc.is_valid(columns["event_id"]))
    bytes_ = parse.rules.to_keep(records)
    columns[RAW_BYTES] = parse.rules.kept(null_unless(has_id, bytes_))
    columns["value"] = parse.rules.kept(null_unless(is_rejected, bytes_), columns["unopened"])
    columns["inherited"] = parse.rules.kept_inherited(columns["inherited"])
    columns["record_id"] = record_ids(records, is_rejected)
    masking = Masking(parse.rules.masks)
    columns["key"] = masking.keys(records["key"])
    columns["headers"] = masking.headers(_headers(records["headers"]), parse.rules.event_id_header)
    return pa.RecordBatch.from_arrays([columns[field.name].cast(field.type) for field in schema], schema=schema)


def _headers(texts: pa.StringArray) -> pa.ListArray:
    kind = STAGED.field("headers").type
    if texts.null_count == len(texts):
        return pa.nulls(len(texts), kind)
    lists = [text and [msgspec.structs.asdict(each) for each in _HEADERS.decode(text)] for text in texts.to_pylist()]
    return pa.array(lists, kind)
