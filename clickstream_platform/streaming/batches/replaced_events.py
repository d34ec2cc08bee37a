"""Events that were replaced by copies at an earlier time, for the tables that have read them.

A stream skips the commit that removes them. So a batch looks whether there is one among the commits that it reads, and
takes the rows from ``copies``, which had them before they were removed.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from clickstream_platform.events.schema import OF_COPIES, REPLACED
from clickstream_platform.streaming.batches.micro_batch import MicroBatch
from clickstream_platform.streaming.lake.ledger import REPLACEMENT, Amendment, versioned_lines
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import read_snapshot


def replaced_events(batch: MicroBatch) -> DataFrame | None:
    """The events that commits have replaced among those that a batch reads; None if none has. Reads no row."""
    first, last = batch.versions
    return replaced_between(batch.frame.sparkSession, batch.lake, first - 1, last)


def replaced_between(spark: SparkSession, lake: Lake, after: int, until: int) -> DataFrame | None:
    """The events that were replaced after a version of ``events``, up to another; one as often as it was."""
    by = replacing_labels(lake, after, until)
    return _remembered(spark, lake, F.col("left_out_by").isin(by)) if by else None


def replacing_labels(lake: Lake, after: int, until: int) -> list[str]:
    """Who has replaced events after a version of ``events``, up to another, as ``left_out_by`` says it. No JVM."""
    if not lake.copies.exists:
        return []
    made = [each.line for each in versioned_lines(lake.events, after) if each.version <= until]
    return [line.by for line in made if isinstance(line, Amendment) and line.kind == REPLACEMENT]


def replaced_since(spark: SparkSession, lake: Lake, since: Column) -> DataFrame | None:
    """All events of after a moment that were ever replaced; None if nothing is remembered."""
    if not lake.copies.exists:
        return None
    return _remembered(spark, lake, F.col("timestamp") > since)


def _remembered(spark: SparkSession, lake: Lake, which: Column) -> DataFrame:
    rows = read_snapshot(spark, lake.copies.path)
    own = [name for name in rows.columns if name not in OF_COPIES]
    return rows.where((F.col("left_out_as") == REPLACED) & which).select(*own)
