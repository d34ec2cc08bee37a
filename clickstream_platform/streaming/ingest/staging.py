"""A micro-batch of records, read once: every task parses its records and writes them into a Parquet file of its own.

Keeping them in Spark instead, and writing them from there, costs three times as much: docs/decisions/0018. A file that
no row names, because its task failed or its process was killed, is never read, and the next run deletes it. Where the
files lie: :mod:`.staged_where`.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import BinaryType, StructField, StructType

from clickstream_platform.events.contract.judging import arrow_type
from clickstream_platform.events.frames import INSIDE, READ_TYPE
from clickstream_platform.events.mapping.matching import NONE, Matches, Matching, together
from clickstream_platform.events.masking import Masking
from clickstream_platform.events.opening import opened
from clickstream_platform.events.parsing import read_events
from clickstream_platform.events.rules import Parse
from clickstream_platform.events.schema import EVENTS, PLACE, QUARANTINE, Reason
from clickstream_platform.events.timestamps import INSTANT, where
from clickstream_platform.store.files import let_read, named_for_arrow
from clickstream_platform.streaming.ingest.facts import Facts, facts_of
from clickstream_platform.streaming.ingest.staged_where import written
from clickstream_platform.streaming.sources.source import PartRead

if TYPE_CHECKING:  # types of DuckDB that a module holds are reported as leaked where a thread outlives the run
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

    from clickstream_platform.events.contract.model import Contract
    from clickstream_platform.store.place import Place

_RAW = "raw"  # an event's bytes, as long as it may turn out to be a duplicate that is kept with them
_OF_REJECTED = [column for column in QUARANTINE.spark if column.name not in EVENTS.names]
_OF_READ = [
    *(READ_TYPE[name] for name in ("has_placeholder", "passed_over", "violations")),
    *(StructField(_RAW, BinaryType()), INSIDE["inside"]),
]
_COLUMNS = StructType([*EVENTS.spark, *_OF_REJECTED, *_OF_READ])
STAGED = to_arrow_schema(_COLUMNS, timezone="UTC")


def staged_schema(contract: Contract | None) -> pa.Schema:
    """The columns of a staged file: those of ``STAGED``, and those that are declared."""
    declared = [pa.field(each.name, arrow_type(each)) for each in contract.columns] if contract else []
    return pa.schema([*STAGED, *declared])


def _but_raw(schema: pa.Schema) -> list[str]:
    return [name for name in schema.names if name != _RAW]


# Written once and read once. Statistics are of use where rows are asked for by a value; a list of texts is, where they
# are often the same: bytes of a record never are.
_WRITTEN: dict[str, Any] = {"compression": "lz4", "use_dictionary": _but_raw(STAGED), "write_statistics": ["timestamp"]}


class _Header(msgspec.Struct):
    key: str
    value: bytes | None = None


_PARTS = msgspec.json.Decoder(list[PartRead])
_HEADERS = msgspec.json.Decoder(list[_Header])  # msgspec reads bytes from base64, as which Spark writes them


Records = Callable[["Iterator[pa.RecordBatch]"], "Iterator[pa.RecordBatch | PartRead]"]


def staging(read: DataFrame, parse: Parse, folder: Place, records: Records) -> DataFrame:
    """The stream that stages each batch of raw records when it is collected.

    Args:
        read: what the source reads.
        parse: the parser.
        folder: where the files go; it is there.
        records: of what a task has read, the raw records: the columns of ``RAW`` in any order, the headers as JSON, and
            ``event_id``, bytes of an id from elsewhere, and ``size``, the record's length, more than that of ``value``
            where only its beginning is given.

    Returns:
        One row a staged file: ``file``, its name; ``timestamp``, the newest event time in it, which moves a watermark;
        ``parts``, what the task says of the files that it read, as JSON; ``matches``, what it has found at the paths of
        somebody's own mapping, as JSON.
    """
    stage = partial(_stage, parse=parse, folder=folder, records=records)
    return read.mapInArrow(stage, "file string, timestamp timestamp, parts string, matches string")


def _stage(read: Iterator[pa.RecordBatch], parse: Parse, folder: Place, records: Records) -> Iterator[pa.RecordBatch]:
    """What one task does: write the records it has read into a file of its own, and give the row that names it."""
    name = f"{uuid4().hex}.parquet"
    with written(folder, name) as file:
        newest, parts, matches = staged_by(records(read), parse, file)
    said = {name: [msgspec.json.encode(each).decode()] for name, each in (("parts", parts), ("matches", matches))}
    yield pa.RecordBatch.from_pydict({"file": [name], "timestamp": pa.array([newest], INSTANT), **said})


class StagedBy(NamedTuple):
    """What a task says of the records that it has staged.

    Attributes:
        newest: their newest event time.
        parts: what is said of the files they are of.
        matches: what they have at the paths of somebody's own mapping.
    """

    newest: pa.TimestampScalar
    parts: list[PartRead]
    matches: Matches


def staged_by(found: Iterator[pa.RecordBatch | PartRead], parse: Parse, file: Path | IO[bytes]) -> StagedBy:
    """Write records into a file, parsed."""
    newest, parts, matching = pa.scalar(None, INSTANT), list[PartRead](), Matching(parse.rules)
    schema = staged_schema(parse.rules.contract)
    with pq.ParquetWriter(file, schema, **_WRITTEN) as writer:
        for each in found:
            if isinstance(each, PartRead):
                parts.append(each)
                continue
            for events in opened(each, parse.rules):
                matching.look(events)
                staged = _parsed(events, parse, schema)
                newest = pc.max(pa.array([newest, pc.max(staged["timestamp"])], INSTANT))
                writer.write_table(staged)  # a row group each: no more than a batch is ever held
    return StagedBy(newest, parts, matching.found)


def _parsed(records: pa.RecordBatch, parse: Parse, schema: pa.Schema = STAGED) -> pa.Table:
    """What is staged of opened records: an event, with its bytes if it has an id; or, rejected, bytes and record's id.

    Of one that is passed over neither, nor of one that held no event.
    """
    read = read_events(records, parse.rules)
    columns = dict(zip(records.schema.names, records.columns, strict=True))
    columns |= {field.name: column for field, column in zip(read.type, read.flatten(), strict=True)}
    is_rejected = pc.greater(pc.list_value_length(columns["reasons"]), 0)
    has_id = pc.and_(pc.invert(is_rejected), pc.is_valid(columns["event_id"]))
    bytes_ = parse.rules.to_keep(records)
    columns[_RAW] = parse.rules.kept(where(has_id, bytes_))
    columns["value"] = parse.rules.kept(where(is_rejected, bytes_), columns["found"])
    columns["inherited"] = parse.rules.kept_inherited(columns["inherited"])
    columns["record_id"] = _record_ids(records, is_rejected)
    masking = Masking(parse.rules.masks)
    columns["key"] = masking.keys(records["key"])
    columns["headers"] = masking.headers(_headers(records["headers"]), parse.rules.event_id_header)
    return pa.table([columns[field.name].cast(field.type) for field in schema], schema)


def _headers(texts: pa.StringArray) -> pa.ListArray:
    kind = STAGED.field("headers").type
    if texts.null_count == len(texts):
        return pa.nulls(len(texts), kind)
    lists = [text and [msgspec.structs.asdict(each) for each in _HEADERS.decode(text)] for text in texts.to_pylist()]
    return pa.array(lists, kind)


def _record_ids(records: pa.RecordBatch, is_rejected: pa.BooleanArray) -> pa.StringArray:
    rejected = records.select(PLACE).filter(is_rejected).to_pylist()
    ids = pa.array([record_id(**place) for place in rejected], pa.string())
    return pc.replace_with_mask(pa.nulls(len(is_rejected), pa.string()), is_rejected, ids)


def record_id(source: str, partition: str, offset: int, index: int | None = 0) -> str:
    """A record's name for ever, a hash of its source, partition and offset; of a further event, its index too."""
    # The partition's length keeps it apart from the source, whatever signs they hold.
    place = f"{index}/{offset}" if index else f"{offset}"
    return hashlib.sha256(f"{place} {len(partition)} {partition} {source}".encode()).hexdigest()


@dataclass(frozen=True)
class Staged:
    """The records of one batch, without those of some partitions; and what the tasks say of the files they read."""

    folder: Place
    files: tuple[str, ...]
    parts: tuple[PartRead, ...] = ()
    without: Collection[str] = ()
    schema: pa.Schema = STAGED
    matches: Matches = NONE

    @property
    def _dataset(self) -> ds.Dataset:
        files = named_for_arrow(self.folder, [*self.files])
        return ds.dataset(**files, schema=self.schema, format="parquet").filter(~_is_of(self.without))

    def _batches(self, which: ds.Expression, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows for which the condition holds, some at a time."""
        # One at a time and none ahead: a batch may be of records of a megabyte.
        yield from self._dataset.to_batches(
            columns=columns, filter=which, batch_readahead=1, fragment_readahead=1, use_threads=False
        )

    @classmethod
    def collected(cls, staging: DataFrame, folder: Place, schema: pa.Schema = STAGED) -> Staged:
        """Stage a batch: collect what :func:`staging` made."""
        rows = staging.collect()
        parts = (part for row in rows for part in _PARTS.decode(row["parts"]))
        matches = together(msgspec.json.decode(row["matches"], type=Matches) for row in rows)
        return cls(folder, tuple(row["file"] for row in rows), tuple(parts), schema=schema, matches=matches)

    def facts(self) -> Facts:
        """Count them. Reads seven columns."""
        return facts_of(pa.Table.from_batches(self._batches(pc.scalar(True), _FACTS.names), _FACTS))

    def offsets(self, partitions: Collection[str]) -> dict[str, list[int]]:
        """Those of the records of some partitions."""
        found: dict[str, list[int]] = {}
        is_record = pc.field("index") == 0
        for batch in self._batches(_is_of(partitions) & is_record, ["partition", "offset"]):
            for place in batch.to_pylist():
                found.setdefault(place["partition"], []).append(place["offset"])
        return found

    def accepted(self, but: pa.Table | None = None) -> Iterator[pa.RecordBatch]:
        """The events, without those at some places (``partition``, ``offset``, ``index``)."""
        left_out = _places(but) if but else None
        for batch in self._batches(pc.field("timestamp").is_valid(), _but_raw(self.schema)):
            yield batch if left_out is None else batch.filter(pc.invert(pc.is_in(_places(batch), left_out)))

    def at(self, places: pa.Table) -> Iterator[pa.RecordBatch]:
        """The events at some places, with their bytes."""
        wanted = _places(places)
        for batch in self._batches(pc.field("timestamp").is_valid()) if places else ():
            if (found := batch.filter(pc.is_in(_places(batch), wanted))).num_rows:
                yield _with_bytes(found)

    def rejected(self, conflicting: pa.Table | None = None) -> Iterator[pa.RecordBatch]:
        """The records that are no events, with their bytes and reasons; then events at some places, as rejected."""
        yield from self._batches(
            pc.field("timestamp").is_null() & pc.field("passed_over").is_null(), _but_raw(self.schema)
        )
        yield from map(_as_conflicting, self.at(conflicting) if conflicting else ())

    def events(self, connection: DuckDBPyConnection) -> DuckDBPyRelation:
        """The accepted ones, with whatever else is staged of them, for DuckDB."""
        connection.register("left_out", pa.table({"partition": pa.array(self.without, pa.string())}))
        let_read(connection, self.folder)
        files = [str(self.folder / file) for file in self.files]
        staged = connection.read_parquet(files) if files else connection.from_arrow(self.schema.empty_table())
        return staged.filter("timestamp IS NOT NULL AND partition NOT IN (FROM left_out)")

    def events_at(self, connection: DuckDBPyConnection, places: pa.Table) -> DuckDBPyRelation:
        """The same: DuckDB reads of a file what it is asked for."""
        return self.events(connection)


_OF_FACTS = ("reasons", "timestamp", "has_placeholder", "passed_over", "violations", "index", "inside")
_FACTS = pa.schema([STAGED.field(name) for name in _OF_FACTS])


def _as_conflicting(events: pa.RecordBatch) -> pa.RecordBatch:
    """Duplicates that say something else than the event that is kept, as they go into ``quarantine``."""
    reasons = pa.array([[Reason.CONFLICTING_DUPLICATE.value]] * events.num_rows, STAGED.field("reasons").type)
    columns = dict(zip(events.schema.names, events.columns, strict=True))
    columns["reasons"], columns["record_id"] = reasons, _record_ids(events, pc.is_valid(columns["partition"]))
    return pa.RecordBatch.from_arrays([*columns.values()], names=[*columns])


def _with_bytes(events: pa.RecordBatch) -> pa.RecordBatch:
    """Events whose bytes are to be written: these are staged of an event beside it, as most are not."""
    columns = dict(zip(events.schema.names, events.columns, strict=True))
    columns["value"] = columns.pop(_RAW)
    return pa.RecordBatch.from_arrays([*columns.values()], names=[*columns])


def _is_of(partitions: Collection[str]) -> ds.Expression:
    return pc.field("partition").isin(pa.array(partitions, pa.string()))


def _places(rows: pa.Table | pa.RecordBatch) -> Any:
    numbers = (pc.cast(rows[name], pa.string()) for name in ("offset", "index"))
    return pc.binary_join_element_wise(rows["partition"], *numbers, "\n")
