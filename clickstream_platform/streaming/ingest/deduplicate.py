"""Which events are duplicates: the same ``event_id`` and the same ``timestamp``. Exact, without state or time limit.

One that says the same as the event that is kept is a copy of it, and only counted. One that says something else, such
as another user's purchase under an id that was used twice, is a conflicting duplicate: its bytes must be kept. What an
event says are its fields, ``extra`` included, as they are stored; where and when it arrived, its key and its headers
are not.

Events without an id, or with one that is only a placeholder (``null``), are never duplicates. An id that comes with
another time is kept, and counted: the producer reuses its ids, or has two clocks. Looked for by DuckDB, which needs a
tenth of what two jobs of Spark take.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from clickstream_platform.events.contract.judging import with_declared
from clickstream_platform.events.placeholders import TO_END
from clickstream_platform.events.schema import CONTENT
from clickstream_platform.streaming.lake.hours import HOUR_US, hour_ranges, time_spans
from clickstream_platform.streaming.lake.scan import open_duckdb, rows_within, text_literal
from clickstream_platform.streaming.lake.tables import LakeTable, TimeSpan

# Few ids occur twice, and a hash of each is enough to find them: the exact look is at the suspects alone. A stored
# event has no place, and so comes before all copies of it.
_FOUND = """
WITH
  ids AS (
    SELECT event_id, timestamp, partition, "offset", "index" FROM new WHERE {is_id}
    UNION ALL
    SELECT event_id, timestamp, NULL, NULL, NULL FROM stored WHERE {is_id} AND ({within})
  ),
  suspected AS (SELECT hash(event_id) AS hash FROM ids GROUP BY ALL HAVING count(*) > 1 AND count(partition) > 0),
  looked_at AS (
    SELECT
      partition,
      "offset",
      "index",
      event_id,
      epoch_us(timestamp) AS at,
      row_number() OVER copies AS copy,
      first_value(partition) OVER copies AS kept_partition,
      first_value("offset") OVER copies AS kept_offset,
      first_value("index") OVER copies AS kept_index,
      min(timestamp) OVER (PARTITION BY event_id) < max(timestamp) OVER (PARTITION BY event_id) AS is_reused
    FROM ids WHERE hash(event_id) IN (FROM suspected)
    WINDOW copies AS (PARTITION BY event_id, timestamp ORDER BY partition NULLS FIRST, "offset", "index")
  )
SELECT * EXCLUDE (copy, is_reused), copy > 1 AS is_copy FROM looked_at
WHERE partition IS NOT NULL AND (copy > 1 OR is_reused)
"""

# The kept event of a copy is stored, or it is the first of them in its batch.
_DIFFERING = """
WITH
  kept AS (
    SELECT event_id, epoch_us(timestamp) AS at, {content} FROM held
    SEMI JOIN copied ON held.event_id = copied.event_id AND epoch_us(held.timestamp) = copied.at
    UNION ALL
    SELECT event_id, epoch_us(timestamp) AS at, {content} FROM contents
    SEMI JOIN copied ON contents.partition = copied.kept_partition AND contents."offset" = copied.kept_offset
      AND contents."index" = copied.kept_index
  )
SELECT contents.partition, contents."offset", contents."index" FROM contents
SEMI JOIN copied USING (partition, "offset", "index")
ANTI JOIN kept ON kept.event_id = contents.event_id AND kept.at = epoch_us(contents.timestamp) AND {same}
"""

WITHIN = ["partition", "offset", "index"]  # an event's place among those of one source

# An id that is only a placeholder, or none, tells no two events apart.
IS_ID = f"event_id IS NOT NULL AND NOT regexp_matches(event_id, {text_literal(TO_END)})"

if TYPE_CHECKING:  # types of DuckDB that a module holds are reported as leaked where a thread outlives the run
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

    from clickstream_platform.events.contract.model import Contract

    Rows = Callable[[DuckDBPyConnection], DuckDBPyRelation]
    RowsAt = Callable[[DuckDBPyConnection, pa.Table], DuckDBPyRelation]


class Duplicates(NamedTuple):
    """Which new events are duplicates.

    Attributes:
        places: ``partition``, ``offset`` and ``index`` of each.
        conflicting: the same of those among them that say something else than the event that is kept.
        reused: how many of the others reuse an id.
    """

    places: pa.Table
    conflicting: pa.Table
    reused: int

    @property
    def exact(self) -> int:
        """How many say the same as the event that is kept."""
        return self.places.num_rows - self.conflicting.num_rows


def find_duplicates(
    new: Rows, contents: RowsAt, events: LakeTable, hours: Collection[int], contract: Contract | None = None
) -> Duplicates:
    """The new events that are stored already, or that come earlier among themselves.

    A duplicate has the same timestamp, so the hours of the new events are enough to look in. Of copies among them, the
    first by partition, offset and index stays. Reads the ids of those hours; of copies and of what they are copies of,
    all.

    Args:
        new: gives the events: ``event_id``, ``timestamp`` and their places, ``partition``, ``offset`` and ``index``.
        contents: gives them with all that they say, at least those at some places. Not called if there are no copies.
        events: the table ``events``.
        hours: the hours since 1970 in which the new events lie.
        contract: the columns that are declared; events that were there before say the same in ``extra``.

    Raises:
        CheckpointError: there is more to the table than its files.
    """
    spans = time_spans(hour_ranges(sorted(hours)))
    with open_duckdb() as connection:
        new(connection).create_view("new")
        rows_within(connection, events, "timestamp", spans).create_view("stored")
        rows = connection.sql(_FOUND.format(within=spans_condition(spans), is_id=IS_ID)).to_arrow_table()
        copies = rows.filter(rows["is_copy"])
        of_stored = copies["at"].filter(copies["kept_partition"].is_null()).to_numpy()
        near = time_spans(hour_ranges(np.unique(of_stored // HOUR_US).tolist()))
        differ = conflicting_copies(connection, copies, contents, [events], near, contract)
    places = [each.select(WITHIN) for each in (copies, differ)]
    return Duplicates(places[0], places[1], rows.num_rows - copies.num_rows)


def conflicting_copies(
    connection: DuckDBPyConnection,
    copies: pa.Table,
    contents: RowsAt,
    stored: Sequence[LakeTable],
    spans: Sequence[TimeSpan],
    contract: Contract | None,
) -> pa.Table:
    """The copies that say something else than the record that is kept: their places.

    Args:
        connection: where they are compared.
        copies: ``event_id``, ``at``, their places and those of what is kept, as ``kept_...``; null if it is stored.
        contents: as of :func:`find_duplicates`.
        stored: the tables that have it then.
        spans: between which times it lies.
        contract: the columns that are declared.
    """
    if not copies.num_rows:
        return copies.select(WITHIN)
    connection.register("copied", copies)
    kept = copies.select([f"kept_{name}" for name in WITHIN]).rename_columns(WITHIN)
    places = pa.concat_tables([copies.select(WITHIN), kept.drop_null()])
    contents(connection, places).create_view("contents")
    for table in stored:
        rows_within(connection, table, "timestamp", spans).create_view(f"kept_in_{table.name}")
    rows = " UNION ALL BY NAME ".join(f"FROM kept_in_{table.name}" for table in stored)
    connection.execute(f"CREATE VIEW {'held' if contract is None else 'as_read'} AS {rows}")
    if contract:
        of_copies = "FROM as_read SEMI JOIN copied ON as_read.event_id = copied.event_id"
        held = connection.sql(f"{of_copies} AND epoch_us(as_read.timestamp) = copied.at").to_arrow_table()
        connection.register("held", with_declared(contract, held))
    names = [*CONTENT, *(each.name for each in contract.columns)] if contract else [*CONTENT]
    same = " AND ".join(f"kept.{name} IS NOT DISTINCT FROM contents.{name}" for name in names)
    return connection.sql(_DIFFERING.format(content=", ".join(names), same=same)).to_arrow_table()


def spans_condition(spans: Sequence[TimeSpan]) -> str:
    """The condition that a timestamp lies in one of some spans."""
    each = (f"epoch_us(timestamp) >= {span.since} AND epoch_us(timestamp) < {span.until}" for span in spans)
    return " OR ".join(each) or "false"
