"""The late events of a micro-batch: which of the events that it read lie behind the watermark."""

from __future__ import annotations

from datetime import datetime, timezone

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.streaming.batches.micro_batch import MicroBatch
from clickstream_platform.streaming.lake.hours import timestamp_literal
from clickstream_platform.streaming.lake.reader import read_files


def late_events(batch: MicroBatch) -> tuple[int, DataFrame | None]:
    """How many events a batch has read, and those among them that are late; None if the log knows that none is.

    Looking for them costs no job where there are none: the log has the earliest time of every file.
    """
    is_late = F.col("timestamp") <= timestamp_literal(batch.late_before_ms * 1000)
    if batch.batch_id == 0:
        return batch.lake.events.rows(batch.versions[1]), batch.events().where(is_late)
    files = list(batch.lake.events.log.added_files(*batch.versions))
    late_before = datetime.fromtimestamp(batch.late_before_ms / 1000, timezone.utc)
    with_late = [f.path for f in files if f.rows and (f.min_timestamp is None or f.min_timestamp <= late_before)]
    late = read_files(batch.frame.sparkSession, batch.lake.events, with_late).where(is_late) if with_late else None
    return sum(file.rows for file in files), late
