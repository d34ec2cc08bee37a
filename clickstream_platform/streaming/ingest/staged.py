"""What was staged of one micro-batch, read back: counted, and told apart into events and rejected records.

The process that commits the batch holds only some of it at a time.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import BinaryType, StructField, StructType

from clickstream_platform.events.contract.casting import arrow_type
from clickstream_platform.events.frames import INSIDE, READ_TYPE
from clickstream_platform.events.mapping.matching import NONE, Matches, combine_matches
from clickstream_platform.events.schema import EVENTS, QUARANTINE, Reason
from clickstream_platform.store.files import allow_store_reads, arrow_dataset_source
from clickstream_platform.streaming.ingest.deduplicate import WITHIN
from clickstream_platform.streaming.ingest.facts import Facts, facts_of
from clickstream_platform.streaming.ingest.record_ids import record_ids
from clickstream_platform.streaming.ingest.staged_data_files import events_of, files_touched, row_groups
from clickstream_platform.streaming.lake.data_files import DataFile
from clickstream_platform.streaming.sources.source import PartRead

if TYPE_CHECKING:  # types of DuckDB that a module holds are reported as leaked where a thread outlives the run
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

    from clickstream_platform.events.contract.model import Contract
    from clickstream_platform.store.place import Place

RAW_BYTES = "raw"  # an event's bytes, as long as it may turn out to be a duplicate that is kept with them
_OF_REJECTED = [column for column in QUARANTINE.spark if column.name not in EVENTS.names]
_OF_READ = [
    *(READ_TYPE[name] for name in ("has_placeholder", "passed_over", "violations")),
    *(StructField(RAW_BYTES, BinaryType()), INSIDE["inside"]),
]
_COLUMNS = StructType([*EVENTS.spark, *_OF_REJECTED, *_OF_READ])
STAGED = to_arrow_schema(_COLUMNS, timezone="UTC")


def staged_schema(contract: Contract | None) -> pa.Schema:
    """The columns of a staged file: those of ``STAGED``, and those that are declared."""
    declared = [pa.field(each.name, arrow_type(each)) for each in contract.columns] if contract else []
    return pa.schema([*STAGED, *declared])


def without_bytes(schema: pa.Schema) -> list[str]:
    """The names of its columns, but for :data:`RAW_BYTES`."""
    return [name for name in schema.names if name != RAW_BYTES]


_PARTS = msgspec.json.Decoder(list[PartRead])
_DATA_FILES = msgspec.json.Decoder(list[DataFile])
_IS_EVENT, _ANY = pc.field("timestamp").is_valid(), pc.scalar(True)
NO_PLACES = pa.schema([STAGED.field(name) for name in WITHIN]).empty_table()


@dataclass(frozen=True)
class StagedBatch:
    """The records of one batch, without those of some partitions; and what the tasks say of the files they read.

    Attributes:
        folder: where they are staged.
        files: the names of the files there.
        parts: what the tasks say of the files that they have read.
        without: the partitions that are left out.
        schema: the columns that are staged.
        matches: what is found at the paths of somebody's own mapping.
        data_files: data files of the table beside them, each with events that are not in ``files``.
        adopted: of these, those that become the table's as they are. Whatever is asked from then on is not asked of
            their events.
        left_out: places that are left out as well: ``partition``, ``offset`` and ``index``.
    """

    folder: Place
    files: tuple[str, ...]
    parts: tuple[PartRead, ...] = ()
    without: Collection[str] = ()
    schema: pa.Schema = STAGED
    matches: Matches = NONE
    data_files: tuple[DataFile, ...] = ()
    adopted: tuple[DataFile, ...] = ()
    left_out: pa.Table = field(default_factory=lambda: NO_PLACES)

    @property
    def _dataset(self) -> ds.Dataset:
        files = arrow_dataset_source(self.folder, [*self.files])
        return ds.dataset(**files, schema=self.schema, format="parquet").filter(~_is_of(self.without))

    def _batches(self, which: ds.Expression, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows for which the condition holds, some at a time."""
        if not self.left_out.num_rows:
            yield from self._staged(which, columns)
            return
        columns, left_out = columns or self.schema.names, _places(self.left_out)
        for batch in self._staged(which, [*dict.fromkeys([*columns, *WITHIN])]):
            yield batch.filter(pc.invert(pc.is_in(_places(batch), left_out))).select(columns)

    def _staged(self, which: ds.Expression, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
        # One at a time and none ahead: a batch may be of records of a megabyte.
        yield from self._dataset.to_batches(
            columns=columns, filter=which, batch_readahead=1, fragment_readahead=1, use_threads=False
        )
        columns = columns or self.schema.names
        which &= ~_is_of(self.without) if self.without else pc.scalar(True)
        asked = ["timestamp", "passed_over", "index", *(["partition"] if self.without else [])]
        for group in row_groups(self.folder, (), self._not_adopted):
            yield from group.read(self._columns([*columns, *asked])).filter(which).select(columns).to_batches()

    @property
    def _not_adopted(self) -> list[DataFile]:
        return [each for each in self.data_files if each not in self.adopted]

    def _columns(self, names: Sequence[str]) -> pa.Schema:
        return pa.schema([self.schema.field(name) for name in dict.fromkeys(names)])

    @classmethod
    def collect(cls, staging: DataFrame, folder: Place, schema: pa.Schema = STAGED) -> StagedBatch:
        """Stage a batch: collect what :func:`.staging.staging_stream` made."""
        rows = staging.collect()
        parts = (part for row in rows for part in _PARTS.decode(row["parts"]))
        matches = combine_matches(msgspec.json.decode(row["matches"], type=Matches) for row in rows)
        data_files = tuple(file for row in rows for file in _DATA_FILES.decode(row["data_files"]))
        return cls(
            folder,
            tuple(row["file"] for row in rows),
            tuple(parts),
            schema=schema,
            matches=matches,
            data_files=data_files,
        )

    def with_adopted_files(self, left_out: pa.Table) -> StagedBatch:
        """Let the data files become the table's in which there is none of some places, nor of what is left out.

        Args:
            left_out: ``partition``, ``offset`` and ``index``.
        """
        places = pa.concat_tables([left_out.select(WITHIN), self.left_out])
        cut = files_touched(self.folder, self.data_files, places, self.without)
        return replace(self, adopted=tuple(each for each in self.data_files if each.name not in cut))

    def facts(self) -> Facts:
        """Count them. Reads seven columns."""
        return facts_of(pa.Table.from_batches(self._batches(_ANY, _FACTS.names), _FACTS))

    def offsets(self, partitions: Collection[str]) -> dict[str, list[int]]:
        """The offsets of the records of some partitions, by partition."""
        offsets: dict[str, list[int]] = {}
        is_record = pc.field("index") == 0
        for batch in self._batches(_is_of(partitions) & is_record, ["partition", "offset"]):
            for place in batch.to_pylist():
                offsets.setdefault(place["partition"], []).append(place["offset"])
        return offsets

    def places(self, like: pa.Table, names: Sequence[str] = WITHIN) -> pa.Table:
        """The places of whatever is staged that has the same ``names`` as one of some rows."""
        known = _places(like, names)
        matching = (batch.filter(pc.is_in(_places(batch, names), known)) for batch in self._batches(_ANY, WITHIN))
        return pa.Table.from_batches(matching, NO_PLACES.schema)

    def accepted(self, but: pa.Table | None = None) -> Iterator[pa.RecordBatch]:
        """The events, without those at some places (``partition``, ``offset``, ``index``)."""
        left_out = _places(but) if but else None
        for batch in self._batches(_IS_EVENT, without_bytes(self.schema)):
            yield batch if left_out is None else batch.filter(pc.invert(pc.is_in(_places(batch), left_out)))

    def events_with_bytes(self, places: pa.Table) -> Iterator[pa.RecordBatch]:
        """The events at some places, with their bytes. Reads the places, and all of row groups that have such."""
        if not places.num_rows:
            return
        wanted = _places(places)
        for group in row_groups(self.folder, self.files, self._not_adopted):
            looked_at = group.read(self._columns([*WITHIN, "timestamp"]))
            is_one = pc.and_(looked_at["timestamp"].is_valid(), pc.is_in(_places(looked_at), wanted))
            if pc.any(is_one).as_py():
                yield from map(_with_bytes, group.read(self.schema).filter(is_one).combine_chunks().to_batches())

    def rejected(self, conflicting: pa.Table | None = None) -> Iterator[pa.RecordBatch]:
        """The records that are no events, with their bytes and reasons; then events at some places, as rejected."""
        is_rejected = pc.field("timestamp").is_null() & pc.field("passed_over").is_null()
        yield from self._batches(is_rejected, without_bytes(self.schema))
        yield from map(_as_conflicting, self.events_with_bytes(conflicting) if conflicting else ())

    def events(self, connection: DuckDBPyConnection) -> DuckDBPyRelation:
        """The accepted events, with all columns that are staged of them, for DuckDB."""
        connection.register("left_out", pa.table({"partition": pa.array(self.without, pa.string())}))
        allow_store_reads(connection, self.folder)
        files = [str(self.folder / file) for file in self.files]
        staged = connection.read_parquet(files) if files else connection.from_arrow(self.schema.empty_table())
        staged = staged.filter("timestamp IS NOT NULL AND partition NOT IN (FROM left_out)")
        if self.data_files:
            staged.create_view("staged_events")
            events_of(connection, self.folder, self.data_files).create_view("own_events")
            both = "FROM staged_events UNION ALL BY NAME (FROM own_events WHERE partition NOT IN (FROM left_out))"
            staged = connection.sql(both)
        if not self.left_out.num_rows:
            return staged
        staged.create_view("all_events")
        connection.register("left_out_places", self.left_out)
        return connection.sql('FROM all_events ANTI JOIN left_out_places USING (partition, "offset", "index")')

    def events_at(self, connection: DuckDBPyConnection, places: pa.Table) -> DuckDBPyRelation:
        """As :meth:`events`, whatever the places: DuckDB reads of a file only what it is asked for."""
        return self.events(connection)


_OF_FACTS = ("reasons", "timestamp", "has_placeholder", "passed_over", "violations", "index", "inside")
_FACTS = pa.schema([STAGED.field(name) for name in _OF_FACTS])


def _as_conflicting(events: pa.RecordBatch) -> pa.RecordBatch:
    """Duplicates that say something else than the event that is kept, as they go into ``quarantine``."""
    reasons = pa.array([[Reason.CONFLICTING_DUPLICATE.value]] * events.num_rows, STAGED.field("reasons").type)
    columns = dict(zip(events.schema.names, events.columns, strict=True))
    columns["reasons"], columns["record_id"] = reasons, record_ids(events, pc.is_valid(columns["partition"]))
    return pa.RecordBatch.from_arrays([*columns.values()], names=[*columns])


def _with_bytes(events: pa.RecordBatch) -> pa.RecordBatch:
    """Events whose bytes are to be written: these are staged of an event beside it, as most are not."""
    columns = dict(zip(events.schema.names, events.columns, strict=True))
    columns["value"] = columns.pop(RAW_BYTES)
    return pa.RecordBatch.from_arrays([*columns.values()], names=[*columns])


def _is_of(partitions: Collection[str]) -> ds.Expression:
    return pc.field("partition").isin(pa.array(partitions, pa.string()))


def _places(rows: pa.Table | pa.RecordBatch, names: Sequence[str] = WITHIN) -> Any:
    return pc.binary_join_element_wise(*(pc.cast(rows[name], pa.string()) for name in names), "\n")
