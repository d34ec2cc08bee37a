"""The Delta tables of a contract, made before its first batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pyspark.sql.types import StructField, StructType

from clickstream_platform.streaming.contract.side_tables import SideTable
from clickstream_platform.streaming.contract.sink import Append
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime.declared_types import require_same_types
from clickstream_platform.streaming.runtime.fingerprint import inherited_columns

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
    if table.copies and (remembers_left_out(table) or lake.table(table.copies.name).exists):
        _make_side_table(table.copies, StructType([*table.copies.schema.spark, *_declared_columns(table, lake)]), lake)
    path = lake.table(table.name).path
    if not lake.table(table.name).exists:
        writer.create(path, table.schema, table.partition_by, table.span, table.sink.file_size)
    else:
        gained = [field for field in table.schema if not table.derived or field.name in inherited_columns(table)]
        writer.add_columns(path, StructType(gained))


def _declared_columns(table: StreamingTable, lake: Lake) -> list[StructField]:
    """The columns that are declared, and those that were once: a row is remembered with all that the table has."""
    held = lake.table(table.name)
    there = StructType.fromJson(held.schema()).fields if held.exists else []
    own = {each.name for each in table.columns}
    return [*{each.name: each for each in (*there, *table.schema) if each.name not in own}.values()]


def _make_side_table(side: SideTable, schema: StructType, lake: Lake) -> None:
    path = lake.table(side.name).path
    if lake.table(side.name).exists:
        writer.add_columns(path, schema)
    else:
        writer.create(path, schema, (), (side.time,), Append.file_size)


def remembers_left_out(table: StreamingTable) -> bool:
    """Whether its batches remember what they leave out, so that there is a table for that. Asks for no JVM."""
    return table.copies is not None and cast("Parse", table.query).rules.duplicate_span is not None
