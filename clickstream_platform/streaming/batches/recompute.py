"""A table that remembers nothing but the lake: the rows that a batch touches are computed anew."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession

from clickstream_platform.streaming.batches.changes import RevisingStrategy
from clickstream_platform.streaming.batches.first_batch import overwrite_with_query
from clickstream_platform.streaming.batches.micro_batch import MicroBatch, Notify
from clickstream_platform.streaming.batches.replaced_events import replaced_events
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.state import Recompute
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.places import Lake


@dataclass(frozen=True)
class RecomputeBatches(RevisingStrategy[Recompute]):
    """A batch's frame: keys and times of the events that it read."""

    def stream(self, spark: SparkSession, lake: Lake, checkpoint: Checkpoint) -> DataFrame:
        """The keys and times of the new events, which say which rows they touch."""
        events = self.table.watermark.declare_on(self.table.offsets.read(spark, lake, checkpoint))
        return events.select(*dict.fromkeys((*self.state.by, "timestamp")))

    def commit(self, batch: MicroBatch, notify: Notify) -> Entry | None:
        """Merge the rows that differ; batch 0 overwrites with the query over all events."""
        if batch.batch_id == 0:
            return overwrite_with_query(batch, batch.frame.count(), self.table.query(batch.events()), notify)
        return self.commit_changes(batch, self.recomputed(batch, batch.frame, replaced_events(batch)), notify)
