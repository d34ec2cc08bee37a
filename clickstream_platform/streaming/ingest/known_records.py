"""Which records with the ids of a batch are stored already, in ``events`` or ``copies``: looked up by DuckDB.

A span may cover months, and only a few of its hours hold records of these ids. So ids and times are read first, and
whole rows only of those hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from clickstream_platform.streaming.ingest.deduplicate import spans_condition
from clickstream_platform.streaming.ingest.span_rule import subtract_spans
from clickstream_platform.streaming.lake.hours import HOUR_US, hour_ranges, time_spans
from clickstream_platform.streaming.lake.scan import same_place_condition, view_rows
from clickstream_platform.streaming.lake.tables import LakeTable, TimeSpan

if TYPE_CHECKING:  # types of DuckDB that a module holds are reported as leaked where a thread outlives the run
    from duckdb import DuckDBPyConnection

_THERE = """
CREATE TEMP TABLE there (
  known INT, event_id TEXT, "at" BIGINT, source TEXT, partition TEXT, "offset" BIGINT, "index" BIGINT,
  left_out_as TEXT, left_out_by TEXT
)
"""
_HOURS = "SELECT DISTINCT CAST(floor({at} / {hour}) AS BIGINT) FROM {rows}"
# A remembered record that is new, or an event, again is no other record.
_MORE = """
INSERT INTO there
WITH
  held AS (
    SELECT
      {known} AS known, event_id, epoch_us(timestamp) AS "at", source, partition, "offset",
      coalesce("index", 0) AS "index", {left_out}
    FROM {of_new}
  )
FROM held ANTI JOIN new ON {known} = 1 AND new.source = held.source AND new.of_source = held.partition
  AND new."offset" = held."offset" AND new."index" = held."index"
"""
_LEFT_OUT = "'' AS left_out_as, '' AS left_out_by", "left_out_as, left_out_by"
NO_RECORDS = pa.schema([]).empty_table()
_WHOLE = """
SELECT * FROM {table} SEMI JOIN wanted ON {same_place}
QUALIFY row_number() OVER (PARTITION BY source, partition, "offset", "index") = 1
"""


def create_lookup(connection: DuckDBPyConnection) -> None:
    """Make the table ``there``, without rows yet: :func:`look_up` puts into it what ``events`` and ``copies`` have."""
    connection.execute(_THERE)


def look_up(
    connection: DuckDBPyConnection, tables: Sequence[LakeTable], spans: Sequence[TimeSpan], looked: list[TimeSpan]
) -> list[int]:
    """Add the stored records of the new ids within some spans to the table ``there``.

    May be called again with wider spans: what was looked up before is not read again.

    Args:
        connection: has the tables ``there`` and ``new``.
        tables: ``events`` and ``copies``.
        spans: the times between which records are wanted.
        looked: the spans that were looked up before; it is extended by those that are new.

    Returns:
        The hours since 1970 of all records in ``there``.
    """
    more = subtract_spans(spans, looked)
    looked += more
    condition = f"({spans_condition(more)})"
    for known, (table, left_out) in enumerate(zip(tables, _LEFT_OUT, strict=True)):
        view_rows(connection, table, "timestamp", more)
        of_new = f"{table.name} SEMI JOIN new USING (event_id) WHERE {condition}"
        if hours := _hours(connection, of_new, "epoch_us(timestamp)"):
            view_rows(connection, table, "timestamp", time_spans(hour_ranges(hours)))
            connection.execute(_MORE.format(known=known, left_out=left_out, of_new=of_new))
    return _hours(connection, "there", '"at"')


def _hours(connection: DuckDBPyConnection, rows: str, at: str) -> list[int]:
    """The hours since 1970 in which some rows lie, in order."""
    return sorted(hour for (hour,) in connection.sql(_HOURS.format(at=at, hour=HOUR_US, rows=rows)).fetchall())


def hours_of(records: pa.Table) -> list[TimeSpan]:
    """The hours of some records."""
    return time_spans(hour_ranges(np.unique(records["at"].to_numpy() // HOUR_US).tolist()))


def rows_at(connection: DuckDBPyConnection, table: LakeTable, at: pa.Table) -> pa.Table:
    """The rows of a table at some places, with their date, which the files of a partitioned table do not have."""
    if not at.num_rows:
        return NO_RECORDS
    view_rows(connection, table, "timestamp", hours_of(at))
    connection.register("wanted", at)
    rows = connection.sql(
        _WHOLE.format(table=table.name, same_place=same_place_condition(table.name, "wanted"))
    ).to_arrow_table()
    days = rows["timestamp"].cast(pa.int64()).to_numpy() // (24 * HOUR_US)
    dates = pa.array(days.astype(np.int32), pa.int32()).cast(pa.date32())
    return rows.set_column(rows.schema.get_field_index("event_date"), "event_date", dates)
