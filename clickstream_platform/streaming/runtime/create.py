"""The Delta tables of a contract, made before its first batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pyspark.sql.types import StructType

from clickstream_platform.streaming.contract.side_tables import SideTable
from clickstream_platform.streaming.contract.sink import Append
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime.declared_types import require_same_types
from clickstream_platform.streaming.runtime.fingerprint import passed_on

if TYPE_CHECKING:
    from clickstream_platform.events.rules import Parse


def make_tables(table: StreamingTable, lake: Lake) -> None:
    """Make the empty Delta tables of a contract, if they are not there yet. Those that are get the columns they lack.

    A derived table gets only those that it passes on as ``events`` has them, which are null for all of before. Of
    others, null is not what its query gives: it gets them with the batch 0 of a rebuild.
    """
    if table.side_output:
        _make_side_table(table.side_output, table.side_output.schema.spark, lake)
    require_same_types(table, lake)
    if table.copies and (_remembers(table) or lake.table(table.copies.name).exists):
        declared = [field for field in table.schema if field.name in {each.name for each in table.declared}]
        _make_side_table(table.copies, StructType([*table.copies.schema.spark, *declared]), lake)
    path = lake.table(table.name).path
    if not lake.table(table.name).exists:
        writer.create(path, table.schema, table.partition_by, table.span, table.sink.file_size)
    else:
        gained = [field for field in table.schema if not table.derived or field.name in passed_on(table)]
        writer.add_columns(path, StructType(gained))


def _make_side_table(side: SideTable, schema: StructType, lake: Lake) -> None:
    path = lake.table(side.name).path
    if lake.table(side.name).exists:
        writer.add_columns(path, schema)
    else:
        writer.create(path, schema, (), (side.time,), Append.file_size)


def _remembers(table: StreamingTable) -> bool:
    return cast("Parse", table.query).rules.duplicate_span is not None
