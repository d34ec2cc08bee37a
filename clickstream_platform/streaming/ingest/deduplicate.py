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

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from clickstream_platform.events.contract.judging import with_declared
from clickstream_platform.events.schema import CONTENT, PLACEHOLDERS
from clickstream_platform.streaming.lake.hours import HOUR_US, as_ranges, spans_of
from clickstream_platform.streaming.lake.scan import connected, rows_within
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
    SEMI JOIN copies ON held.event_id = copies.event_id AND epoch_us(held.timestamp) = copies.at
    UNION ALL
    SELECT event_id, epoch_us(timestamp) AS at, {content} FROM contents
    SEMI JOIN copies ON contents.partition = copies.kept_partition AND contents."offset" = copies.kept_offset
      AND contents."index" = copies.kept_index
  )
SELECT contents.partition, contents."offset", contents."index" FROM contents
SEMI JOIN copies USING (partition, "offset", "index")
ANTI JOIN kept ON kept.event_id = contents.event_id AND kept.at = epoch_us(contents.timestamp) AND {same}
"""

WITHIN = ["partition", "offset", "index"]  # an event's place among those of one source

# An id that is only a placeholder, or none, tells no two events apart.
_IS_ID = f"event_id IS NOT NULL AND lower(trim(event_id)) NOT IN ({', '.join(map(repr, PLACEHOLDERS))})"

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


def duplicates(
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
    spans = spans_of(as_ranges(sorted(hours)))
    with connected() as connection:
        new(connection).create_view("new")
        rows_within(connection, events, "timestamp", spans).create_view("stored")
        found = connection.sql(_FOUND.format(within=_within(spans), is_id=_IS_ID)).to_arrow_table()
        copies = found.filter(found["is_copy"])
        differing = _differing(connection, copies, contents, events, contract) if copies.num_rows else copies
    places = [each.select(WITHIN) for each in (copies, differing)]
    return Duplicates(places[0], places[1], found.num_rows - copies.num_rows)


def _differing(
    connection: DuckDBPyConnection,
    copies: pa.Table,
    contents: RowsAt,
    events: LakeTable,
    contract: Contract | None,
) -> pa.Table:
    """The copies that say something else."""
    connection.register("copies", copies)
    kept = copies.select([f"kept_{name}" for name in WITHIN]).rename_columns(WITHIN)
    places = pa.concat_tables([copies.select(WITHIN), kept.drop_null()])
    contents(connection, places).create_view("contents")
    of_stored = copies["at"].filter(copies["kept_partition"].is_null()).to_numpy()
    spans = spans_of(as_ranges(np.unique(of_stored // HOUR_US).tolist()))
    rows_within(connection, events, "timestamp", spans).create_view("held" if contract is None else "as_read")
    if contract:
        of_copies = "FROM as_read SEMI JOIN copies ON as_read.event_id = copies.event_id"
        held = connection.sql(f"{of_copies} AND epoch_us(as_read.timestamp) = copies.at").to_arrow_table()
        connection.register("held", with_declared(contract, held))
    names = [*CONTENT, *(each.name for each in contract.columns)] if contract else [*CONTENT]
    same = " AND ".join(f"kept.{name} IS NOT DISTINCT FROM contents.{name}" for name in names)
    return connection.sql(_DIFFERING.format(content=", ".join(names), same=same)).to_arrow_table()


def _within(spans: list[TimeSpan]) -> str:
    each = (f"epoch_us(timestamp) >= {span.since} AND epoch_us(timestamp) < {span.until}" for span in spans)
    return " OR ".join(each) or "false"
