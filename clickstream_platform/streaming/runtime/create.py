"""The Delta tables of a contract, made before its first batch."""

from __future__ import annotations

from pyspark.sql.types import StructType

from clickstream_platform.streaming.contract.sink import Append
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime.declared_types import require_same_types
from clickstream_platform.streaming.runtime.fingerprint import passed_on


def make_tables(table: StreamingTable, lake: Lake) -> None:
    """Make the empty Delta tables of a contract, if they are not there yet. Those that are get the columns they lack.

    A derived table gets only those that it passes on as ``events`` has them, which are null for all of before. Of
    others, null is not what its query gives: it gets them with the batch 0 of a rebuild.
    """
    if beside := table.beside:
        path = lake.table(beside.name).path
        if lake.table(beside.name).exists:
            writer.add_columns(path, beside.schema.spark)
        else:
            writer.create(path, beside.schema.spark, (), (beside.time,), Append.file_size)
    require_same_types(table, lake)
    path = lake.table(table.name).path
    if not lake.table(table.name).exists:
        writer.create(path, table.schema, table.partition_by, table.span, table.sink.file_size)
    else:
        gained = [field for field in table.schema if not table.derived or field.name in passed_on(table)]
        writer.add_columns(path, StructType(gained))
