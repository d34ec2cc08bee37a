"""One micro-batch of a table whose rows a stateful function of our own finds (:class:`.state.Processor`).

The function handles events in their order, up to the watermark. Events that come behind it are left out, and land in
``late_events`` with their batch. Batch 0 of a generation has no watermark, so it is told beforehand how far to go: as
far as the watermark will be once the batch is read. That makes a first run or a rebuild one overwrite here too, and
only what waits behind it goes into the state store.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from clickstream_platform.events.schema import LATE, PLACE
from clickstream_platform.streaming.batches.micro_batch import MicroBatch, described, late_of
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.side_tables import LATE_EVENTS
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import reader, writer
from clickstream_platform.streaming.lake.hours import moment
from clickstream_platform.streaming.lake.ledger import Entry, last_entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import snapshot
from clickstream_platform.streaming.lake.tables import select


def land_processed(batch: MicroBatch) -> Entry | None:
    """Append what the function found to the table, after the batch's late events to ``late_events``.

    Batch 0 overwrites both, the table first: until then the old rows serve, with the old late events.

    Returns:
        The entry committed; None if the batch had read nothing and found nothing, so that there was nothing to write.
    """
    with batch.keep:
        rows = batch.keep(batch.frame.select(described(batch.table)))
        rows_out = rows.count()
        rows_in, late = late_of(batch)
        if not rows_in and not rows_out and batch.batch_id:
            return None
        late_rows = 0 if late is None else batch.keep(late).count()
        entry = batch.entry(
            events_version=batch.versions[1],
            rows_in=rows_in,
            rows_out=rows_out,
            late_rows=late_rows,
            revisions=0,
            handled_ms=handled_ms(batch.checkpoint, batch.batch_id),
        )
        path = batch.lake.table(batch.table.name).path
        if batch.batch_id == 0:
            writer.overwrite(rows, rows_out, path, batch.commit(entry))
        if late is not None and (late_rows or batch.batch_id == 0):
            _land_late(batch, entry, late)
        if batch.batch_id > 0:
            writer.append(rows, rows_out, path, batch.commit(entry))
        return entry


def mend(batch: MicroBatch) -> None:
    """Write what may be missing of a batch that is in the table already: batch 0 may have been killed in between."""
    if batch.batch_id == 0:
        entry, late = last_entry(batch.lake.table(batch.table.name)), late_of(batch)[1]
        assert entry is not None
        assert late is not None
        _land_late(batch, entry, late)


def _land_late(batch: MicroBatch, entry: Entry, late: DataFrame) -> None:
    """One commit of ``late_events``, unless a killed attempt has made it already (Delta knows the transaction)."""
    listed = late.select(
        *late.columns,
        F.lit(entry.generation).cast("bigint").alias("generation"),
        F.lit(entry.batch_id).cast("bigint").alias("batch_id"),
        moment(entry.late_before_ms * 1000).alias("watermark"),
    ).to(LATE)
    commit = writer.Commit(entry.to_json(), (f"{LATE_EVENTS}/{entry.generation}", entry.batch_id))
    write = writer.append if batch.batch_id else writer.overwrite
    write(writer.few_files(listed), entry.late_rows, batch.lake.table(LATE_EVENTS).path, commit)


def handled_ms(checkpoint: Checkpoint, batch_id: int) -> int:
    """The event time up to which, included, events are handled once this batch is done."""
    plan = checkpoint.plan(batch_id)
    assert plan is not None
    return max(plan.watermark_ms, checkpoint.head_start_ms() or 0)


def head_start(table: StreamingTable, spark: SparkSession, lake: Lake, checkpoint: Checkpoint) -> int:
    """How far batch 0 of this generation goes. Decided once, and written down before Spark plans it.

    It is never ahead of the watermark that batch 0 leaves behind: events are only added until then.
    """
    known = checkpoint.head_start_ms()
    if known is not None:
        return known
    newest = snapshot(spark, lake.events.path).agg(F.unix_millis(F.max(table.watermark.column))).first()
    assert newest is not None
    delay_ms = round(table.watermark.delay.total_seconds() * 1000)
    return checkpoint.write_head_start(max((newest[0] or 0) - delay_ms, 0))


def left_out(entry: Entry, lake: Lake) -> int:
    """How many events a generation has left out as too late. No JVM."""
    count = f"SELECT count(*) AS rows FROM held WHERE generation = {entry.generation}"
    return select(lake.table(LATE_EVENTS).plain(), count)[0]["rows"]


def handled(events: DataFrame, entry: Entry, lake: Lake) -> DataFrame:
    """Of all events those that a generation has handled by this entry: up to the watermark, less those too late."""
    late = snapshot(events.sparkSession, lake.table(LATE_EVENTS).path).where(F.col("generation") == entry.generation)
    in_time = events.where(F.col("timestamp") <= moment(entry.handled_ms * 1000)).alias("t")
    return in_time.join(late.alias("s"), reader.matches(PLACE, "t", "s"), "left_anti")
