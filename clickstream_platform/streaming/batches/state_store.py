"""A table whose open groups Spark's state store keeps. What that drops as late is computed anew from ``events``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from clickstream_platform.streaming.batches.changes import Changes, RevisingStrategy
from clickstream_platform.streaming.batches.first_batch import overwrite
from clickstream_platform.streaming.batches.late_events import late_events
from clickstream_platform.streaming.batches.micro_batch import MicroBatch, Notify
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.state import StateStore
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.hours import moment
from clickstream_platform.streaming.lake.ledger import Entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.tables import TimeSpan


@dataclass(frozen=True)
class StateStoreBatches(RevisingStrategy[StateStore]):
    """A batch's frame: the rows that the state store gives, each with all its values, because an event changed them."""

    output_mode: ClassVar[str] = "update"

    def stream(self, spark: SparkSession, lake: Lake, checkpoint: Checkpoint) -> DataFrame:
        """The query over the new events."""
        return self.table.query(self.table.watermark.of(self.table.offsets.read(spark, lake, checkpoint)))

    def commit(self, batch: MicroBatch, notify: Notify) -> Entry | None:
        """Merge what the store gave, and what late events change of the rows that it has let go."""
        if batch.batch_id == 0:
            return overwrite(batch, *self._all(batch), notify)
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
        found = None if late is None else self.recomputed(batch, late)
        if found is None:
            return Changes(rows_in, 0, given)
        # A row that ended later than that is still the state's, and it has counted the event.
        let_go = found.rows.where(F.col(self.table.span[1]) <= moment(batch.late_before_ms * 1000))
        return Changes(rows_in, found.late_rows, given.unionByName(let_go))
