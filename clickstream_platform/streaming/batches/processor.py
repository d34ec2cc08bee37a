"""A table whose rows a stateful function of our own finds, in the order of a key's events.

The function handles events up to the watermark. Events that come behind it are left out, and listed in the contract's
side table with their batch. Batch 0 of a generation has no watermark, so it is told beforehand how far to go: as far as
the watermark will be once the batch is read. That makes a first run or a rebuild one overwrite here too, and only what
waits behind it goes into the state store.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from clickstream_platform.events.schema import PLACE, REPLACED
from clickstream_platform.streaming.batches.first_batch import commented_columns
from clickstream_platform.streaming.batches.late_events import late_events
from clickstream_platform.streaming.batches.micro_batch import MicroBatch, Notify
from clickstream_platform.streaming.batches.persisted import Persisted
from clickstream_platform.streaming.batches.recomputation import row_changes
from clickstream_platform.streaming.batches.replaced_events import replaced_between, replacing_labels
from clickstream_platform.streaming.batches.strategy import Strategy
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.side_tables import SideTable
from clickstream_platform.streaming.contract.state import Processor
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.amendments import apply_changes
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.hours import timestamp_literal
from clickstream_platform.streaming.lake.ledger import RETENTION, entries, last_entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import keys_match, read_snapshot, rows_at_places
from clickstream_platform.streaming.lake.scan import text_literal
from clickstream_platform.streaming.lake.tables import query_rows, timestamp_sql


@dataclass(frozen=True)
class ProcessorBatches(Strategy[Processor]):
    """A batch's frame: the rows that the function found in the events it has handled."""

    def stream(self, spark: SparkSession, lake: Lake, checkpoint: Checkpoint) -> DataFrame:
        """The function over the new events."""
        events = self.table.watermark.declare_on(self.table.offsets.read(spark, lake, checkpoint))
        return self.state.update(events, self._initial_watermark_ms(spark, lake, checkpoint))

    def _initial_watermark_ms(self, spark: SparkSession, lake: Lake, checkpoint: Checkpoint) -> int:
        """How far batch 0 of this generation goes. Decided once, and written down before Spark plans it.

        It is never ahead of the watermark that batch 0 leaves behind: events are only added until then.
        """
        known = checkpoint.initial_watermark_ms()
        if known is not None:
            return known
        newest = read_snapshot(spark, lake.events.path).agg(F.unix_millis(F.max(self.table.watermark.column))).first()
        assert newest is not None
        delay_ms = round(self.table.watermark.delay.total_seconds() * 1000)
        return checkpoint.write_initial_watermark(max((newest[0] or 0) - delay_ms, 0))

    def commit(self, batch: MicroBatch, notify: Notify) -> Entry | None:
        """Append what the function found to the table, after the batch's late events to the side table.

        Batch 0 overwrites both, the table first: until then the old rows serve, with the old late events.
        """
        rows = batch.persist(batch.frame.select(commented_columns(self.table)))
        rows_out = rows.count()
        rows_in, late = late_events(batch)
        if not rows_in and not rows_out and batch.batch_id:
            return None
        late_rows = 0 if late is None else batch.persist(late).count()
        entry = batch.entry(
            events_version=batch.versions[1],
            rows_in=rows_in,
            rows_out=rows_out,
            late_rows=late_rows,
            revisions=0,
            handled_ms=max(batch.plan.watermark_ms, batch.checkpoint.initial_watermark_ms() or 0),
        )
        path, commit = batch.target.path, batch.commit(entry)
        if batch.batch_id == 0:
            written = writer.overwrite(rows, rows_out, path, commit)
            self._list_late(batch, entry, late)
        else:
            if late_rows:
                self._list_late(batch, entry, late)
            written = writer.append(rows, rows_out, path, commit)
        return entry if written else None

    def complete(self, batch: MicroBatch) -> None:
        """List the late events of batch 0, which may have been killed right after the table's own commit."""
        if batch.batch_id == 0:
            entry, late = last_entry(batch.target), late_events(batch)[1]
            assert entry is not None
            self._list_late(batch, entry, late)
        super().complete(batch)

    @property
    def _late_events(self) -> SideTable:
        assert self.table.side_output is not None  # the contract refuses to be without
        return self.table.side_output

    def _list_late(self, batch: MicroBatch, entry: Entry, late: DataFrame | None) -> None:
        """One commit of the side table, unless a killed attempt has made it already (Delta knows the transaction)."""
        assert late is not None
        listed = late.select(
            *late.columns,
            F.lit(entry.generation).cast("bigint").alias("generation"),
            F.lit(entry.batch_id).cast("bigint").alias("batch_id"),
            timestamp_literal(entry.late_before_ms * 1000).alias("watermark"),
        ).to(self._late_events.schema.spark)
        commit = writer.Commit(entry.to_json(), (f"{self._late_events.name}/{entry.generation}", entry.batch_id))
        write = writer.append if batch.batch_id else writer.overwrite
        write(writer.limit_files(listed), entry.late_rows, batch.lake.table(self._late_events.name).path, commit)

    def covered_events(self, events: DataFrame, entry: Entry, lake: Lake) -> DataFrame:
        """The events that a generation has handled by this entry: up to the watermark, less those too late.

        Those that were replaced since it read them are among them, as often as it has read them in time.
        """
        late = read_snapshot(events.sparkSession, lake.table(self._late_events.name).path)
        late = late.where(F.col("generation") == entry.generation)
        is_handled = F.col("timestamp") <= timestamp_literal(entry.handled_ms * 1000)
        in_time = rows_at_places(late, events.where(is_handled), "left_anti")
        gone = replaced_between(events.sparkSession, lake, self._began_at(entry, lake), entry.events_version)
        if gone is None:
            return in_time
        gone = gone.where(is_handled).select(*(name for name in events.columns if name in gone.columns))
        places = gone.select(*PLACE).distinct()
        there = rows_at_places(places, events.where(is_handled), "left_semi")
        read = gone.unionByName(there, allowMissingColumns=True).select(*events.columns)
        times = Window.partitionBy(*PLACE).orderBy("arrived_at")
        left_out = late.groupBy(*PLACE).agg(F.count("*").alias("left_out")).alias("s")
        numbered = (
            read.withColumn("time", F.row_number().over(times))
            .alias("t")
            .join(left_out, keys_match(PLACE, "t", "s"), "left")
        )
        handled = numbered.where(F.col("time") > F.coalesce("left_out", F.lit(0)))
        others = rows_at_places(places, in_time, "left_anti")
        return others.unionByName(handled.select(*(F.col(f"t.{name}") for name in events.columns)))

    def _began_at(self, entry: Entry, lake: Lake) -> int:
        """The version of ``events`` that the generation of an entry began with."""
        of_generation = (e for e in entries(lake.table(self.table.name)) if e.generation == entry.generation)
        *_, first = of_generation
        return first.events_version

    def count_left_out(self, entry: Entry, lake: Lake) -> int:
        """How many events the side table lists of the entry's generation; 0 without one. No JVM."""
        listed = lake.table(self._late_events.name)
        if not listed.exists:
            return 0
        count = f"SELECT count(*) AS rows FROM held WHERE generation = {entry.generation}"
        return query_rows(listed.plain_table(), count)[0]["rows"]

    def count_replaced_since(self, entry: Entry, lake: Lake) -> int:
        """How many events were replaced since the entry's generation has handled them. No JVM."""
        by = replacing_labels(lake, self._began_at(entry, lake), entry.events_version)
        if not by:
            return 0
        those = f"left_out_as = '{REPLACED}' AND left_out_by IN ({', '.join(map(text_literal, by))})"
        handled = f'"timestamp" <= {timestamp_sql(entry.handled_ms * 1000)}'
        count = f"SELECT count(*) AS rows FROM held WHERE {those} AND {handled}"
        return query_rows(lake.copies.plain_table(), count)[0]["rows"]

    def expire(self, midnight: datetime, spark: SparkSession, lake: Lake, run_id: str) -> None:
        """Let go of rows that began before the midnight; what it cuts is handled anew from the events that stay.

        Nothing of that is still open in the state store, unless it had no pause for as long as events are kept.
        """
        held, into = lake.table(self.table.name), self.table.key
        entry = last_entry(held)
        assert entry is not None
        time, start, cut_at = F.col(self.table.watermark.column), F.col(self.table.span[0]), F.lit(midnight)
        pause = F.make_dt_interval(secs=F.lit(self.state.forget_after.total_seconds()))
        with Persisted() as persist:
            events = self.covered_events(read_snapshot(spark, lake.events.path), entry, lake)
            rows = read_snapshot(spark, held.path)
            just_before = (time < cut_at) & (time >= cut_at - pause)
            cut = persist(events.where(just_before).select(*self.state.by).distinct())
            later = rows.where(start >= cut_at).join(cut, [*self.state.by], "left_semi")
            wanted = self.table.query(events.where(time >= cut_at).join(cut, [*self.state.by], "left_semi"))
            changes = row_changes(wanted, rows.where(start < cut_at).unionByName(later), into)
            apply_changes(changes.toArrow(), into, self.table.span[0], held, RETENTION, run_id, midnight)
