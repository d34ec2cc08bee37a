"""The Delta tables of a contract, made before its first batch."""

from __future__ import annotations

from clickstream_platform.streaming.contract.sink import Append
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.places import Lake


def make_tables(table: StreamingTable, lake: Lake) -> None:
    """Make the empty Delta tables of a contract, if they are not there yet. Those that are get the columns they lack.

    A derived table does not: null is not what its query gives. It gets them with the batch 0 of a rebuild.
    """
    if beside := table.beside:
        path = lake.table(beside.name).path
        if lake.table(beside.name).exists:
            writer.add_columns(path, beside.schema.spark)
        else:
            writer.create(path, beside.schema.spark, (), (beside.time,), Append.file_size)
    path = lake.table(table.name).path
    if not lake.table(table.name).exists:
        writer.create(path, table.schema, table.partition_by, table.span, table.sink.file_size)
    elif not table.derived:
        writer.add_columns(path, table.schema)
