"""One micro-batch of a table that reads ``events``: what it read, what it changes, one commit.

Batch 0 of a generation reads the whole snapshot of ``events`` and overwrites the table, so that a first run, a
rebuild and the recovery of a lost checkpoint are one thing. Every later batch changes only the rows that its events
touch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from math import ceil
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F

from clickstream_platform.streaming.batches.persisted import Kept
from clickstream_platform.streaming.batches.recomputation import hours_reached, recompute, touched
from clickstream_platform.streaming.checkpoint import Checkpoint, Planned, next_version
from clickstream_platform.streaming.contract import sink
from clickstream_platform.streaming.contract.state import Recompute, Stateless, StateStore
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import reader, writer
from clickstream_platform.streaming.lake.hours import Hours, as_ranges, moment
from clickstream_platform.streaming.lake.ledger import Entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import during, snapshot, some_of
from clickstream_platform.streaming.lake.tables import Span

ROWS_A_FILE = 100_000
Notify = Callable[[StreamingTable, "list[dict[str, Any]]"], None]


@dataclass
class MicroBatch:
    """One batch as Spark hands it over, with what is known of it without looking at its rows."""

    table: StreamingTable
    lake: Lake
    checkpoint: Checkpoint
    run_id: str
    batch_id: int
    frame: DataFrame
    started: float = field(default_factory=time.monotonic)
    keep: Kept = field(default_factory=Kept)

    @property
    def plan(self) -> Planned:
        """What ``offsets/<n>`` says; written by Spark before the batch runs."""
        plan = self.checkpoint.plan(self.batch_id)
        assert plan is not None
        return plan

    @property
    def late_before_ms(self) -> int:
        """Event time at or before which an event is late: the watermark, or a state store's of the batch before."""
        if isinstance(self.table.state, StateStore):
            return self.checkpoint.late_before_ms(self.batch_id)
        return self.plan.watermark_ms

    @property
    def versions(self) -> tuple[int, int]:
        """The versions of ``events`` that it reads, both included."""
        return next_version(self.checkpoint.start(self.batch_id)), next_version(self.plan.end) - 1

    @property
    def is_empty(self) -> bool:
        """Whether its source had not moved. Spark runs such a batch to let a state store forget."""
        return self.plan.end == self.checkpoint.start(self.batch_id)

    @property
    def replays(self) -> bool:
        """Whether its commit is in the table already: it was killed between that and ``commits/<n>``."""
        last = self.lake.table(self.table.name).transaction(self.checkpoint.app_id)
        return last is not None and last >= self.batch_id

    def events(self) -> DataFrame:
        """All events as of the version that the batch ends at, never the newest."""
        return snapshot(self.frame.sparkSession, self.lake.events.path, self.versions[1])

    def held(self) -> DataFrame:
        """The table as it is."""
        return snapshot(self.frame.sparkSession, self.lake.table(self.table.name).path)

    def events_during(self, hours: Sequence[Hours]) -> DataFrame:
        """The events of some hours, as of the version that the batch ends at."""
        return during(self.frame.sparkSession, self.lake.events, ("timestamp",), hours, self.versions[1])

    def held_during(self, hours: Sequence[Hours]) -> DataFrame:
        """The rows of some hours that the table has."""
        return during(self.frame.sparkSession, self.lake.table(self.table.name), self.table.span, hours)

    def entry(self, **counts: Any) -> Entry:
        """The ledger entry, with what the caller counted."""
        return Entry(
            table=self.table.name,
            generation=self.checkpoint.generation,
            batch_id=self.batch_id,
            run_id=self.run_id,
            start=self.checkpoint.start(self.batch_id),
            end=self.plan.end,
            late_before_ms=self.late_before_ms,
            committed_at_ms=time.time_ns() // 1_000_000,
            duration_ms=round((time.monotonic() - self.started) * 1000),
            **counts,
        )

    def commit(self, entry: Entry) -> writer.Commit:
        """What the one commit of the batch carries."""
        return writer.Commit(entry.to_json(), (self.checkpoint.app_id, self.batch_id))


def land(batch: MicroBatch, notify: Notify) -> Entry | None:
    """Bring the table to where its query over ``events`` is, in one commit.

    Args:
        batch: the batch; its frame is always consumed, or Spark would not move the watermark.
        notify: called with the rows that are new to a table that announces them, *before* the commit: killed in
            between, it is called again with the same rows.

    Returns:
        The entry committed; None if the batch had read nothing, so that there was nothing to write.
    """
    with batch.keep:
        if batch.batch_id == 0:
            return _land_all(batch, notify)
        if isinstance(batch.table.state, Stateless):
            return _land_appended(batch)
        return _land_changes(batch, notify)


def _land_all(batch: MicroBatch, notify: Notify) -> Entry:
    """Batch 0: the query over the whole snapshot, as one overwrite."""
    table, path = batch.table, batch.lake.table(batch.table.name).path
    rows_in, wanted = _whole(batch)
    rows = batch.keep(wanted.select(described(table)))
    rows_out = rows.count()
    if table.announces and isinstance(table.sink, sink.Upsert):
        keys = reader.matches(table.sink.keys, "n", "b")
        new = rows.alias("n").join(batch.held().alias("b"), keys, "left_anti")
        notify(table, [row.asDict() for row in new.collect()])
    entry = batch.entry(events_version=batch.versions[1], rows_in=rows_in, rows_out=rows_out, late_rows=0, revisions=0)
    writer.overwrite(_by_time(rows, rows_out, table.sink), rows_out, path, batch.commit(entry))
    return entry


def _whole(batch: MicroBatch) -> tuple[int, DataFrame]:
    """How many events there are, and the query over all of them. Consumes the frame, or is it.

    A state store's first batch reads all events as well, so what it emits is the query over them: making it once more
    would double the time. Only what lies before 1970, where Spark's watermark begins, may be late for it.
    """
    table, events, version = batch.table, batch.lake.events, batch.versions[1]
    if not isinstance(table.state, StateStore):
        return batch.frame.count(), table.query(batch.events())
    late = Span(-(2**63), batch.late_before_ms * 1000 + 1)
    if events.files_within("timestamp", "timestamp", [late], version):
        batch.frame.count()
        return events.rows(version), table.query(batch.events())
    return events.rows(version), batch.frame


def described(table: StreamingTable) -> list[Column]:
    """The table's columns with their comments, which an overwrite replaces too."""
    return [F.col(c.name).alias(c.name, metadata={"comment": c.description}) for c in table.columns]


def _by_time(rows: DataFrame, count: int, into: sink.Sink) -> DataFrame:
    """Files that each hold a stretch of time: a MERGE rewrites every file in which it changes a row."""
    files = ceil(count / ROWS_A_FILE)
    return rows.repartitionByRange(files, into.span[0]) if isinstance(into, sink.Upsert) and files > 1 else rows


def _land_appended(batch: MicroBatch) -> Entry | None:
    seen = Observation()
    is_late = F.col("timestamp") <= moment(batch.late_before_ms * 1000)
    events = batch.frame.observe(seen, F.count("*").alias("events"), F.count_if(is_late).alias("late"))
    rows = batch.keep(batch.table.query(events))
    rows_out = rows.count()
    if not seen.get["events"]:
        return None
    entry = batch.entry(
        events_version=batch.versions[1],
        rows_in=seen.get["events"],
        rows_out=rows_out,
        late_rows=seen.get["late"],
        revisions=0,
    )
    writer.append(rows, rows_out, batch.lake.table(batch.table.name).path, batch.commit(entry))
    return entry


def _land_changes(batch: MicroBatch, notify: Notify) -> Entry | None:
    found = _from_state_store(batch) if isinstance(batch.table.state, StateStore) else _from_lake(batch, batch.frame)
    if found is None:
        return None
    changes = found.changes.toArrow()  # consumes a state store's frame, also that of a batch that read nothing
    if not found.rows_in:
        return None
    upsert = batch.table.sink
    assert isinstance(upsert, sink.Upsert)
    path = batch.lake.table(batch.table.name).path
    if batch.table.announces and changes:
        new = changes.filter(pc.field(writer.CHANGE) == "insert").drop_columns(writer.CHANGE)
        notify(batch.table, new.to_pylist())
    late_before = pa.scalar(batch.late_before_ms * 1000, pa.timestamp("us", "UTC"))
    entry = batch.entry(
        events_version=batch.versions[1],
        rows_in=found.rows_in,
        rows_out=changes.num_rows,
        late_rows=found.late_rows,
        revisions=changes.filter(pc.field("final_at") <= late_before).num_rows,
    )
    if changes:
        writer.merge(changes, path, upsert.keys, upsert.span[0], batch.commit(entry))
    else:
        writer.note(path, batch.commit(entry))
    return entry


@dataclass(frozen=True)
class _Found:
    """What a batch read, and the rows that it changes, with a column ``_change``."""

    rows_in: int
    late_rows: int
    changes: DataFrame


def _from_lake(batch: MicroBatch, new_events: DataFrame) -> _Found | None:
    """Recompute: of new events only their keys and times matter. None if there are none."""
    state = batch.table.state
    assert isinstance(state, Recompute | StateStore)
    assert isinstance(batch.table.sink, sink.Upsert)
    touches = batch.keep(touched(new_events, state.by, state.reach, batch.late_before_ms))
    counts = F.sum("events").alias("events"), F.sum("late").alias("late")
    facts = touches.agg(*counts, hours_reached(state).alias("hours")).first()
    assert facts is not None
    if not facts["events"]:
        return None
    hours = as_ranges(facts["hours"])
    events, rows = batch.events_during, batch.held_during
    changes = recompute(batch.table.query, state, batch.table.sink, touches, events, rows, hours, batch.keep)
    return _Found(facts["events"], facts["late"], changes)


def _from_state_store(batch: MicroBatch) -> _Found:
    """StateStore: Spark emits the changed rows; those of events it dropped as late are recomputed.

    Looking for late events costs no job where there are none: the log has the earliest time of every file.
    """
    assert isinstance(batch.table.sink, sink.Upsert)
    emitted = batch.frame.withColumn(writer.CHANGE, F.lit("upsert"))
    rows_in, late = late_of(batch)
    found = None if late is None else _from_lake(batch, late)
    if found is None:
        return _Found(rows_in, 0, emitted)
    # A row that ended later than that is still the state's, and it has counted the event.
    given_up = found.changes.where(F.col(batch.table.sink.span[1]) <= moment(batch.late_before_ms * 1000))
    return _Found(rows_in, found.late_rows, emitted.unionByName(given_up))


def late_of(batch: MicroBatch) -> tuple[int, DataFrame | None]:
    """How many events a batch has read, and those among them that are late; None if the log knows that none is."""
    is_late = F.col("timestamp") <= moment(batch.late_before_ms * 1000)
    if batch.batch_id == 0:
        return batch.lake.events.rows(batch.versions[1]), batch.events().where(is_late)
    files = list(batch.lake.events.added_files(*batch.versions))
    late_before = datetime.fromtimestamp(batch.late_before_ms / 1000, timezone.utc)
    with_late = [f.path for f in files if f.rows and (f.min_timestamp is None or f.min_timestamp <= late_before)]
    late = some_of(batch.frame.sparkSession, batch.lake.events, with_late).where(is_late) if with_late else None
    return sum(file.rows for file in files), late
