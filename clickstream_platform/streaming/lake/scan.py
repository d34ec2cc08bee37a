"""The rows of a table for DuckDB, which reads its files itself and skips what it is not asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from clickstream_platform.streaming.lake.tables import LakeTable, TimeSpan

if TYPE_CHECKING:  # types of DuckDB that a module holds are reported as leaked where a thread outlives the run
    from duckdb import DuckDBPyConnection, DuckDBPyRelation


def rows_within(
    connection: DuckDBPyConnection, table: LakeTable, time: str, spans: Sequence[TimeSpan]
) -> DuckDBPyRelation:
    """The rows whose time may lie in one of some spans, and others of the same files.

    Args:
        connection: a connection whose time zone is UTC.
        table: a table that exists.
        time: the column of a row's time.
        spans: in microseconds since 1970.

    Raises:
        CheckpointError: there is more to the table than its files.
    """
    held = table.plain()
    files = [str(table.path / file) for file in table.files_within(time, time, spans, held.version())]
    if files:
        return connection.read_parquet(files, hive_partitioning=False, union_by_name=True)
    return connection.from_arrow(pa.schema(held.schema()).empty_table())
