"""Batch 0 of a generation: the query over the whole snapshot of ``events``, as one overwrite.

So a first run, a rebuild and the recovery of a lost checkpoint are one thing.
"""

from __future__ import annotations

from math import ceil

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.streaming.batches.micro_batch import MicroBatch, Notify
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.reader import keys_match

ROWS_A_FILE = 100_000


def overwrite_with_query(batch: MicroBatch, rows_in: int, wanted: DataFrame, notify: Notify) -> Entry | None:
    """Replace the table by the rows of its query.

    Args:
        batch: batch 0. Its frame is consumed already, or ``wanted`` is made of it.
        rows_in: how many events there are.
        wanted: the query over all of them.
        notify: is told the rows that the table did not have, before the commit.

    Returns:
        The entry committed; None if the batch's transaction was found in the table.
    """
    table = batch.table
    rows = batch.persist(wanted.select(commented_columns(table)))
    rows_out = rows.count()
    if table.announces:
        new = rows.alias("n").join(batch.table_rows().alias("b"), keys_match(table.key, "n", "b"), "left_anti")
        notify(table, [row.asDict() for row in new.collect()])
    entry = batch.entry(events_version=batch.versions[1], rows_in=rows_in, rows_out=rows_out, late_rows=0, revisions=0)
    written = writer.overwrite(_by_time(rows, rows_out, table), rows_out, batch.target.path, batch.commit(entry))
    return entry if written else None


def commented_columns(table: StreamingTable) -> list[Column]:
    """The table's columns with their comments, which an overwrite replaces too."""
    return [F.col(c.name).alias(c.name, metadata=c.metadata) for c in (*table.columns, *table.declared)]


def _by_time(rows: DataFrame, count: int, table: StreamingTable) -> DataFrame:
    """Where rows are revised, files that each hold a stretch of time: a MERGE rewrites each file it has to do with."""
    files = ceil(count / ROWS_A_FILE)
    return rows.repartitionByRange(files, table.span[0]) if table.sink.revises and files > 1 else rows
