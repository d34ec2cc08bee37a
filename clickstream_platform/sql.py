"""SQL over the lake without Spark: delta-rs knows which files make up a table, DuckDB reads them and computes.

A connection sees every table as it is at one moment. It is a database in memory with views on files: it can change
neither the lake nor any other file. DuckDB reads the files itself, in threads that end with the connection: threads of
Arrow would outlive it, call Python back, and hang or crash a process that ends meanwhile.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
from deltalake.exceptions import TableNotFoundError
from duckdb import DuckDBPyConnection

from clickstream_platform.errors import CheckpointError, DamageError, QueryError
from clickstream_platform.export import Answer
from clickstream_platform.queries.revenue import revenue
from clickstream_platform.store.files import allow_store_reads
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.scan import quoted_name, text_literal

log = logging.getLogger(__name__)

REVENUE = "revenue"  # the view that adds purchases up
FINAL = "_final"  # ends the name of the view that shows a table's final rows only
PAGE = 10_000  # rows fetched at a time
NUMERIC = re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\)")
READS = ("SELECT", "MULTI")  # kinds of statement; also of DESCRIBE, SHOW, SUMMARIZE; MULTI: PIVOT
TYPES = {  # Delta's names, where DuckDB has another or may mean another
    "string": "VARCHAR",
    "long": "BIGINT",
    "short": "SMALLINT",
    "byte": "TINYINT",
    "binary": "BLOB",
    "timestamp": "TIMESTAMPTZ",
    "timestamp_ntz": "TIMESTAMP",
}


def connect(lake: Lake) -> DuckDBPyConnection:
    """A database with a view for every table of the lake, and a view ``<table>_final`` where rows have a ``final_at``.

    And a view ``revenue`` where ``purchases`` has an amount and a currency, unless a table has that name.
    A ``_final`` view shows the rows that the table's watermark has passed: only a late event, a replayed record or an
    erasure changes them still. Every other table only ever gains rows, so it needs none. No data is read yet; a
    statement reads the columns and the files that it needs. A table of which the files alone do not say what is in it,
    or that is damaged, is left out with a warning. Close the connection once its answers are read.

    Raises:
        QueryError: the lake has no table yet.
    """
    names = lake.names()
    if not names:
        remedy = "fill it with `clickstream run` or `clickstream demo`, or set CLICKSTREAM_HOME to another one"
        raise QueryError(str(lake.root), "there is no table in this lake yet", remedy)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    allow_store_reads(connection, lake.root)
    connection.execute("SET enable_progress_bar = false")  # it would be drawn into the answer
    files: list[str] = []
    for name in names:
        try:
            files += _add(connection, lake, name)
        except TableNotFoundError:  # removed since it was listed
            continue
        except (CheckpointError, DamageError) as unreadable:
            log.warning("%s: left out: %s", name, unreadable.finding)
        except duckdb.IOException as gone:
            log.warning("%s: left out: %s", name, str(gone).partition("\n")[0])
    connection.execute(f"SET allowed_paths = {_listed(files)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _add(connection: DuckDBPyConnection, lake: Lake, name: str) -> list[str]:
    """Make the views of a table. Returns the files that they read."""
    # First the watermark, then the rows: one that is older than the rows calls too few of them final, never too many.
    watermark = generations.current_checkpoint(lake, name).watermark_ms()
    table = lake.table(name)
    held = table.plain_table()
    columns = {field.name: _type(json.loads(field.type.to_json())) for field in held.schema().fields}
    files = [str(table.path / file) for file in table.files_by_age(held.version())]
    _view(connection, name, columns, files, held.metadata().partition_columns)
    if "final_at" in columns:
        passed = f"final_at <= epoch_ms({watermark}) AT TIME ZONE 'UTC'" if watermark else "false"
        connection.execute(
            f"CREATE TEMP VIEW {quoted_name(name + FINAL)} AS SELECT * FROM {quoted_name(name)} WHERE {passed}"
        )
    if name == "purchases" and not lake.table(REVENUE).exists and (added_up := revenue(columns)):
        connection.execute(f"CREATE TEMP VIEW {REVENUE} AS {added_up}")
    return files


def _view(
    connection: DuckDBPyConnection, name: str, columns: dict[str, str], files: list[str], partition_by: list[str]
) -> None:
    none = f"SELECT {', '.join(f'NULL::{of} AS {quoted_name(column)}' for column, of in columns.items())} WHERE false"
    if not files:
        _create(connection, name, columns, none)
        return
    partitions = ", ".join(f"{quoted_name(column)}: {columns[column]}" for column in partition_by)
    hive = f"hive_partitioning = true, hive_types = {{{partitions}}}" if partitions else "hive_partitioning = false"
    read = f"FROM read_parquet({_listed(files)}, {hive}"
    try:
        _create(connection, name, columns, f"{read})")
    except duckdb.BinderException:
        # The oldest file lacks a column that was added since; the footers of all must be read to find it.
        _create(connection, name, columns, f"{read}, union_by_name = true) UNION ALL BY NAME {none}")


def _create(connection: DuckDBPyConnection, name: str, columns: dict[str, str], source: str) -> None:
    typed = ", ".join(f"{quoted_name(column)}::{of} AS {quoted_name(column)}" for column, of in columns.items())
    connection.execute(f"CREATE TEMP VIEW {quoted_name(name)} AS SELECT {typed} FROM ({source})")


def _type(of: Any) -> str:
    """A type of Delta's, as its log writes it, in DuckDB's words."""
    if isinstance(of, str):
        return TYPES.get(of, of)
    if of["type"] == "array":
        return f"{_type(of['elementType'])}[]"
    if of["type"] == "map":
        return f"MAP({_type(of['keyType'])}, {_type(of['valueType'])})"
    fields = (f"{quoted_name(each['name'])} {_type(each['type'])}" for each in of["fields"])
    return f"STRUCT({', '.join(fields)})"


def _listed(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(text_literal, texts))}]"


def views(connection: DuckDBPyConnection) -> list[str]:
    """The names that a statement may read, in alphabetical order."""
    rows = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL").fetchall()
    return [name for (name,) in rows]


def ask(connection: DuckDBPyConnection, statement: str, page: int = PAGE) -> Answer:
    """Run one statement that reads. Its rows are computed as they are asked for, a page at a time.

    Raises:
        QueryError: it is no SQL, asks for what is not there, does something else than read, or fails while its rows
            are fetched.
    """
    with _translate_errors(connection, statement):
        kinds = [each.type.name for each in connection.extract_statements(statement)]
        if len(kinds) != 1 or kinds[0] not in READS:
            finding = "there is no statement" if not kinds else "this is not one statement that reads"
            raise QueryError("sql", finding, "give one SELECT, DESCRIBE, SHOW or SUMMARIZE; the lake cannot be changed")
        described = connection.execute(statement).description or []
    names = tuple(str(column[0]) for column in described)
    numeric = tuple(str(column[0]) for column in described if NUMERIC.fullmatch(str(column[1])))
    return Answer(names, numeric, _fetch_pages(connection, statement, page))


def _fetch_pages(connection: DuckDBPyConnection, statement: str, page: int) -> Iterator[tuple[Any, ...]]:
    while True:
        with _translate_errors(connection, statement):
            rows = connection.fetchmany(page)
        if not rows:
            return
        yield from rows


@contextmanager
def _translate_errors(connection: DuckDBPyConnection, statement: str) -> Generator[None]:
    """Say what DuckDB says in several lines in one, and below it, where it says so, the place in the statement."""
    try:
        yield
    except duckdb.Error as wrong:
        finding, mark, place = str(wrong).strip().partition("\nLINE ")
        finding = re.sub(r"[!.]?\s*\n\s*", ": ", finding.strip().rstrip("!.?"))
        raise QueryError("sql", finding, _remedy(connection, statement, wrong), f"{mark}{place}".strip()) from wrong


def _remedy(connection: DuckDBPyConnection, statement: str, wrong: duckdb.Error) -> str:
    if isinstance(wrong, duckdb.CatalogException):
        return f"the lake has {', '.join(views(connection))}"
    if isinstance(wrong, duckdb.ParserException) and (taken := _keywords(connection, statement)):
        quoted = " and ".join(map(quoted_name, taken))
        return f"{' and '.join(taken)} in SQL means something else than a column: write {quoted}, in double quotes"
    return '`clickstream sql "describe TABLE"` lists a table\'s columns'


def _keywords(connection: DuckDBPyConnection, statement: str) -> list[str]:
    """Columns of the lake that the statement names without quotes, though the name is a keyword of SQL."""
    rows = connection.execute(
        "SELECT DISTINCT column_name FROM duckdb_columns() JOIN duckdb_keywords() ON keyword_name = lower(column_name)"
        " WHERE keyword_category = 'reserved' AND NOT internal ORDER BY ALL"
    ).fetchall()
    bare = {word.lower() for word in re.findall(r"\w+", re.sub(r"\"[^\"]*\"|'[^']*'", " ", statement))}
    return [name for (name,) in rows if name.lower() in bare]
