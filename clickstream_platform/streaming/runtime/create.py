"""The Delta tables of a contract, made before its first batch."""

from __future__ import annotations

from pyspark.sql.types import DataType, StructField, StructType

from clickstream_platform.streaming.contract.sink import Append
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.places import Lake


def create(lake: Lake, table: StreamingTable) -> None:
    """Make the empty Delta tables of a contract, if they are not there yet. A side table gets the columns it lacks."""
    if beside := table.beside:
        path = lake.table(beside.name).path
        if lake.table(beside.name).exists:
            writer.add_columns(path, beside.schema)
        else:
            writer.create(path, beside.schema, (), (beside.time,), Append.file_size)
    if not lake.table(table.name).exists:
        path = lake.table(table.name).path
        writer.create(path, _schema(table), table.partition_by, table.span, table.sink.file_size)


def _schema(table: StreamingTable) -> StructType:
    return StructType(
        [StructField(c.name, DataType.fromDDL(c.type), metadata={"comment": c.description}) for c in table.columns]
    )
