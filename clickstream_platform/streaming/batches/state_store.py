"""A table whose open groups Spark's state store keeps. What that drops as late is computed anew from ``events``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from clickstream_platform.streaming.batches.changes import Changes, RevisingStrategy
from clickstream_platform.streaming.batches.first_batch import overwrite_with_query
from clickstream_platform.streaming.batches.late_events import late_events
from clickstream_platform.streaming.batches.micro_batch import MicroBatch, Notify
from clickstream_platform.streaming.batches.replaced_events import replaced_events, replaced_since
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.state import StateStore
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.hours import timestamp_literal
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import keys_match
from clickstream_platform.streaming.lake.tables import TimeSpan


@dataclass(frozen=True)
class StateStoreBatches(RevisingStrategy[StateStore]):
    """A batch's frame: the rows that the state store gives, each with all its values, because an event changed them."""

    output_mode: ClassVar[str] = "update"

    def stream(self, spark: SparkSession, lake: Lake, checkpoint: Checkpoint) -> DataFrame:
        """The query over the new events."""
        return self.table.query(self.table.watermark.declare_on(self.table.offsets.read(spark, lake, checkpoint)))

    def commit(self, batch: MicroBatch, notify: Notify) -> Entry | None:
        """Merge what the store gave, and what late events change of the rows that it has let go."""
        if batch.batch_id == 0:
            return overwrite_with_query(batch, *self._all(batch), notify)
        return self.commit_changes(batch, self._changes(batch), notify)

    def _all(self, batch: MicroBatch) -> tuple[int, DataFrame]:
        """How many events there are, and the query over all of them.

        A first batch reads all events, so what the store gives is the query over them: making it once more would
        double the time. Only what lies before 1970, where Spark's watermark begins, may be late for it.
        """
        events, version = batch.lake.events, batch.versions[1]
        late = TimeSpan(-(2**63), batch.late_before_ms * 1000 + 1)
        if events.files_within("timestamp", "timestamp", [late], version):
            batch.frame.count()
            return events.rows(version), self.table.query(batch.events())
        return events.rows(version), batch.frame

    def _changes(self, batch: MicroBatch) -> Changes:
        given = batch.frame.withColumn(writer.CHANGE, F.lit("upsert"))
        rows_in, late = late_events(batch)
        gone = self._replaced(batch)
        recomputed = None if late is None and gone is None else self.recomputed(batch, late, gone)
        if recomputed is None:
            return Changes(rows_in, 0, given)
        # A row that ended later than that is still the state's, and it has counted the event.
        let_go = F.col(self.table.span[1]) <= timestamp_literal(batch.late_before_ms * 1000)
        if gone is None:
            return Changes(rows_in, recomputed.late_rows, given.unionByName(recomputed.rows.where(let_go)))
        rows = recomputed.rows.withColumn("_let_go", let_go)
        ours = rows.where("_let_go").unionByName(self._around(gone, rows.where("NOT _let_go"), "left_semi"))
        return Changes(
            rows_in, recomputed.late_rows, self._around(gone, given, "left_anti").unionByName(ours.drop("_let_go"))
        )

    def _replaced(self, batch: MicroBatch) -> DataFrame | None:
        """Events that were replaced and that the store may have counted: rows of these windows are not its own."""
        now = replaced_events(batch)
        open_since = batch.late_before_ms * 1000 - self.state.reach // timedelta(microseconds=1)
        ever = replaced_since(batch.frame.sparkSession, batch.lake, timestamp_literal(open_since))
        if now is None or ever is None:
            return now or ever
        return now.unionByName(ever)

    def _around(self, gone: DataFrame, rows: DataFrame, how: str) -> DataFrame:
        """The rows in whose windows one of some events lies; by a join of another kind, the others."""
        start, end = self.table.span
        at = gone.select(*self.state.by, "timestamp").distinct().alias("s")
        inside = F.col("s.timestamp").between(F.col(f"t.{start}"), F.col(f"t.{end}"))
        return rows.alias("t").join(at, keys_match(self.state.by, "t", "s") & inside, how)
