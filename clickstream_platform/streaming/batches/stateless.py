"""A table whose query handles each event by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from clickstream_platform.events.schema import PLACE
from clickstream_platform.streaming.batches.first_batch import overwrite_with_query
from clickstream_platform.streaming.batches.micro_batch import MicroBatch, Notify
from clickstream_platform.streaming.batches.recomputation import row_changes
from clickstream_platform.streaming.batches.replaced_events import replaced_events
from clickstream_platform.streaming.batches.strategy import Strategy
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.state import Stateless
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.amendments import remove_before
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.hours import timestamp_literal
from clickstream_platform.streaming.lake.ledger import RETENTION
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import rows_at_places


@dataclass(frozen=True)
class StatelessBatches(Strategy[Stateless]):
    """A batch's frame: the events that it read. Their rows are appended."""

    def stream(self, spark: SparkSession, lake: Lake, checkpoint: Checkpoint) -> DataFrame:
        """The new events."""
        return self.table.watermark.declare_on(self.table.offsets.read(spark, lake, checkpoint))

    def commit(self, batch: MicroBatch, notify: Notify) -> Entry | None:
        """Append the query over the new events; batch 0 overwrites with the query over all."""
        if batch.batch_id == 0:
            return overwrite_with_query(batch, batch.frame.count(), self.table.query(batch.events()), notify)
        seen = Observation()
        is_late = F.col("timestamp") <= timestamp_literal(batch.late_before_ms * 1000)
        events = batch.frame.observe(seen, F.count("*").alias("events"), F.count_if(is_late).alias("late"))
        gone = replaced_events(batch)
        if gone is not None:
            return self._commit_changes(batch, events, seen, gone)
        rows = batch.persist(self.table.query(events))
        rows_out = rows.count()
        if not seen.get["events"]:
            return None
        entry = self._entry(batch, seen, rows_out)
        return entry if writer.append(rows, rows_out, batch.target.path, batch.commit(entry)) else None

    def _commit_changes(self, batch: MicroBatch, events: DataFrame, seen: Observation, gone: DataFrame) -> Entry | None:
        """Append, and take out the rows of events that were replaced, in one MERGE.

        An event that was replaced may be there again by the end of the batch, and the stream may have given it twice.
        """
        places = batch.persist(gone.select(*PLACE).distinct())
        fresh = self.table.query(rows_at_places(places, events, "left_anti")).withColumn(writer.CHANGE, F.lit("insert"))
        wanted = self.table.query(rows_at_places(places, batch.events(), "left_semi"))
        held = rows_at_places(places, batch.table_rows(), "left_semi").select(*wanted.columns)
        changes = fresh.unionByName(row_changes(wanted, held, self.table.key)).toArrow()
        if not seen.get["events"] and not changes.num_rows:
            return None
        return batch.merge(changes, self._entry(batch, seen, changes.num_rows))

    @staticmethod
    def _entry(batch: MicroBatch, seen: Observation, rows_out: int) -> Entry:
        return batch.entry(
            events_version=batch.versions[1],
            rows_in=seen.get["events"],
            rows_out=rows_out,
            late_rows=seen.get["late"],
            revisions=0,
        )

    def expire(self, midnight: datetime, spark: SparkSession, lake: Lake, run_id: str) -> None:
        """Delete the rows of old events."""
        remove_before(midnight, self.table.watermark.column, lake.table(self.table.name), RETENTION, run_id)
