"""SQL over the lake without Spark: delta-rs knows a table's files, Arrow reads them, DuckDB computes.

A connection sees every table as it is at one moment. It is a database in memory with views on files: it can change
neither the lake nor any other file.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
from deltalake.exceptions import DeltaError
from duckdb import DuckDBPyConnection

from clickstream_platform.errors import QueryError
from clickstream_platform.export import Answer
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.places import Lake

log = logging.getLogger(__name__)

FINAL = "_final"  # ends the name of the view that shows a table's final rows only
PAGE = 10_000  # rows fetched at a time
NUMERIC = re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\)")
READS = ("SELECT", "MULTI")  # kinds of statement; also of DESCRIBE, SHOW, SUMMARIZE; MULTI: PIVOT


def connect(lake: Lake) -> DuckDBPyConnection:
    """A database with a view for every table of the lake, and a view ``<table>_final`` where rows have a ``final_at``.

    A ``_final`` view shows the rows that the table's watermark has passed: only a late event, a replayed record or an
    erasure changes them still. Every other table only ever gains rows, so it needs none. No data file is read yet; a
    statement reads the columns and the files that it needs. What Arrow cannot read is left out with a warning.

    Raises:
        QueryError: the lake has no table yet.
    """
    names = lake.names()
    if not names:
        remedy = "fill it with `clickstream run` or `clickstream demo`, or set CLICKSTREAM_HOME to another one"
        raise QueryError(str(lake.root), "there is no table in this lake yet", remedy)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")  # it would be drawn into the answer
    for name in names:
        try:
            _add(connection, lake, name)
        except DeltaError as unreadable:
            log.warning("%s: left out, Arrow cannot read it: %s", name, unreadable)
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _add(connection: DuckDBPyConnection, lake: Lake, name: str) -> None:
    # First the watermark, then the rows: one that is older than the rows calls too few of them final, never too many.
    watermark = generations.current(lake, name).watermark_ms()
    table = lake.table(name).open()
    if table is None:  # removed since it was listed
        return
    connection.register(name, table.to_pyarrow_dataset())
    if any(field.name == "final_at" for field in table.schema().fields):
        passed = f"final_at <= epoch_ms({watermark}) AT TIME ZONE 'UTC'" if watermark else "false"
        connection.execute(f'CREATE TEMP VIEW "{name}{FINAL}" AS SELECT * FROM "{name}" WHERE {passed}')


def views(connection: DuckDBPyConnection) -> list[str]:
    """The names that a statement may read, in alphabetical order."""
    found = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL").fetchall()
    return [name for (name,) in found]


def ask(connection: DuckDBPyConnection, statement: str) -> Answer:
    """Run one statement that reads.

    Raises:
        QueryError: it is no SQL, asks for what is not there, does something else than read, or fails while its rows
            are fetched.
    """
    with _told(connection):
        kinds = [each.type.name for each in connection.extract_statements(statement)]
        if len(kinds) != 1 or kinds[0] not in READS:
            finding = "there is no statement" if not kinds else "this is not one statement that reads"
            raise QueryError("sql", finding, "give one SELECT, DESCRIBE, SHOW or SUMMARIZE; the lake cannot be changed")
        described = connection.execute(statement).description or []
    names = tuple(str(column[0]) for column in described)
    numeric = tuple(str(column[0]) for column in described if NUMERIC.fullmatch(str(column[1])))
    return Answer(names, numeric, _fetched(connection))


def _fetched(connection: DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while True:
        with _told(connection):
            page = connection.fetchmany(PAGE)
        if not page:
            return
        yield from page


@contextmanager
def _told(connection: DuckDBPyConnection) -> Generator[None]:
    """Say in one line what DuckDB says in several."""
    try:
        yield
    except duckdb.CatalogException as unknown:
        raise QueryError("sql", _first_line(unknown), f"the lake has {', '.join(views(connection))}") from unknown
    except duckdb.Error as wrong:
        remedy = '`clickstream sql "describe TABLE"` lists a table\'s columns'
        raise QueryError("sql", _first_line(wrong), remedy) from wrong


def _first_line(error: duckdb.Error) -> str:
    return str(error).strip().partition("\n")[0].rstrip("!.")
