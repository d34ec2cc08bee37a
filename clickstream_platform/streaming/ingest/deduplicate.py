"""Which events are duplicates: the same ``event_id`` and the same ``timestamp``. Exact, without state or time limit.

Events without an id, or with one that is only a placeholder (``null``), are never duplicates. An id that comes with
another time is kept, and counted: the producer reuses its ids, or has two clocks. Looked for by DuckDB, which needs a
tenth of what two jobs of Spark take.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from clickstream_platform.events.parsing import PLACEHOLDERS
from clickstream_platform.streaming.lake.hours import as_ranges, spans_of
from clickstream_platform.streaming.lake.tables import LakeTable, TimeSpan

# Few ids occur twice, and a hash of each is enough to find them: the exact look is at the suspects alone. A stored
# event has no place, and so comes before all copies of it.
_FOUND = """
WITH
  ids AS (
    SELECT event_id, timestamp, partition, "offset" FROM new WHERE {is_id}
    UNION ALL
    SELECT event_id, timestamp, NULL, NULL FROM stored WHERE {is_id} AND ({within})
  ),
  suspected AS (SELECT hash(event_id) AS hash FROM ids GROUP BY ALL HAVING count(*) > 1 AND count(partition) > 0),
  looked_at AS (
    SELECT
      partition,
      "offset",
      row_number() OVER (PARTITION BY event_id, timestamp ORDER BY partition NULLS FIRST, "offset") AS copy,
      min(timestamp) OVER (PARTITION BY event_id) < max(timestamp) OVER (PARTITION BY event_id) AS is_reused
    FROM ids WHERE hash(event_id) IN (FROM suspected)
  )
SELECT partition, "offset", copy > 1 AS is_copy FROM looked_at
WHERE partition IS NOT NULL AND (copy > 1 OR is_reused)
"""

# An id that is only a placeholder, or none, tells no two events apart.
_IS_ID = f"event_id IS NOT NULL AND lower(trim(event_id)) NOT IN ({', '.join(map(repr, PLACEHOLDERS))})"


class Duplicates(NamedTuple):
    """Which new events are duplicates: ``partition`` and ``offset`` of each; and how many others reuse an id."""

    places: pa.Table
    reused: int


def duplicates(new: pa.Table | ds.Dataset, events: LakeTable, hours: Collection[int]) -> Duplicates:
    """The new events that are stored already, or that come earlier among themselves.

    A duplicate has the same timestamp, so the hours of the new events are enough to look in. Of copies among them, the
    first by partition and offset stays. Reads the ids of those hours.

    Args:
        new: events: ``event_id``, ``timestamp`` and their places, ``partition`` and ``offset``.
        events: the table ``events``.
        hours: the hours since 1970 in which the new events lie.

    Raises:
        CheckpointError: there is more to the table than its files.
    """
    spans = spans_of(as_ranges(sorted(hours)))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("new", new)
        connection.register("stored", _stored(events, spans))
        found = connection.sql(_FOUND.format(within=_within(spans), is_id=_IS_ID)).to_arrow_table()
    places = found.filter(found["is_copy"]).select(["partition", "offset"])
    return Duplicates(places, found.num_rows - places.num_rows)


def _stored(events: LakeTable, spans: list[TimeSpan]) -> ds.Dataset:
    events.plain()  # or its files would not tell all
    files = events.files_within("timestamp", "timestamp", spans)
    schema = pa.schema([("event_id", pa.string()), ("timestamp", pa.timestamp("us", "UTC"))])
    return ds.dataset([str(events.path / file) for file in files], schema=schema, format="parquet")


def _within(spans: list[TimeSpan]) -> str:
    each = (f"epoch_us(timestamp) >= {span.since} AND epoch_us(timestamp) < {span.until}" for span in spans)
    return " OR ".join(each) or "false"
