"""The rows of a table for DuckDB, which reads its files itself and skips what it is not asked for."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from clickstream_platform.events.schema import RECORD
from clickstream_platform.store.files import allow_store_reads
from clickstream_platform.streaming.lake.tables import LakeTable, TimeSpan

if TYPE_CHECKING:
    from deltalake import DeltaTable

    # types of DuckDB that a module holds are reported as leaked where a thread outlives the run
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

# No row, with the columns of a place. `UNION ALL BY NAME` with it gives rows of before records held several events the
# column `index`, null.
NO_PLACE = """
SELECT NULL::VARCHAR AS source, NULL::VARCHAR AS partition, NULL::BIGINT AS "offset", NULL::BIGINT AS "index"
WHERE false
"""


def quoted_name(column: str) -> str:
    """A name as DuckDB's SQL has it, whatever is in it."""
    return '"' + column.replace('"', '""') + '"'


def text_literal(text: str) -> str:
    """A text as DuckDB's SQL has it."""
    return "'" + text.replace("'", "''") + "'"


def same_place_condition(rows: str, places: str, prefix: str = "") -> str:
    """The condition, in DuckDB's SQL, that a row of one table lies at a place that a row of another one names.

    Args:
        rows: the table of records or events. Those of before there were envelopes have no index, which is 0.
        places: the table of places.
        prefix: what the names of its columns begin with.
    """
    same = [f"{rows}.{quoted_name(name)} = {places}.{quoted_name(prefix + name)}" for name in RECORD]
    return " AND ".join([*same, f'coalesce({rows}."index", 0) = {places}.{quoted_name(f"{prefix}index")}'])


@contextmanager
def open_duckdb() -> Generator[DuckDBPyConnection]:
    """A database of its own in memory, closed in the end. Its time zone is UTC, whatever this machine's is."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def rows_within(
    connection: DuckDBPyConnection, table: LakeTable, time: str, spans: Sequence[TimeSpan]
) -> DuckDBPyRelation:
    """The rows whose time may lie in one of some spans, and others of the same files.

    Args:
        connection: as :func:`open_duckdb` gives it.
        table: a table that exists.
        time: the column of a row's time.
        spans: in microseconds since 1970.

    Raises:
        CheckpointError: there is more to the table than its files.
    """
    return _rows_of_files(connection, table, table.plain_table(), time, spans)


def view_rows(connection: DuckDBPyConnection, table: LakeTable, time: str, spans: Sequence[TimeSpan]) -> None:
    """Make a view, under the table's name, of the rows of :func:`rows_within`, with all columns that the table has.

    A file that was written before a column was added does not have it: the column is null there. A view that is there
    is replaced. Raises what :func:`rows_within` does.
    """
    import pyarrow as pa  # noqa: PLC0415 - as below

    held = table.plain_table()
    _rows_of_files(connection, table, held, time, spans).create_view(f"{table.name}_files")
    connection.register(f"{table.name}_columns", pa.schema(held.schema()).empty_table())
    both = f"FROM {table.name}_files UNION ALL BY NAME FROM {table.name}_columns"
    connection.execute(f"CREATE OR REPLACE VIEW {table.name} AS {both}")


def _rows_of_files(
    connection: DuckDBPyConnection, table: LakeTable, held: DeltaTable, time: str, spans: Sequence[TimeSpan]
) -> DuckDBPyRelation:
    files = [str(table.path / file) for file in table.files_within(time, time, spans, held.version())]
    if files:
        return read_files(connection, table, files)
    import pyarrow as pa  # noqa: PLC0415 - who only asks how a name is quoted needs no Arrow

    return connection.from_arrow(pa.schema(held.schema()).empty_table())


def read_files(connection: DuckDBPyConnection, table: LakeTable, files: Sequence[str]) -> DuckDBPyRelation:
    """The rows of some data files of a table, which are named by whole paths. One at least.

    The files need not have the same columns: one that a file lacks is null there.
    """
    allow_store_reads(connection, table.path)
    return connection.read_parquet([*files], hive_partitioning=False, union_by_name=True)
