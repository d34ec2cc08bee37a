"""What ``copies`` remembers: records that are no events as their id came earlier, each beside its event. No JVM."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from clickstream_platform.events.schema import CONTENT
from clickstream_platform.streaming.lake.hours import HOUR_US
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.scan import connected, rows_within
from clickstream_platform.streaming.lake.tables import TimeSpan

LONGEST = timedelta(days=366)  # a span that can be set

_EVER = TimeSpan(-(2**62), 2**62)
_NOW = """
CREATE TEMP TABLE copied AS
SELECT DISTINCT ON (source, partition, "offset", coalesce("index", 0)) * FROM remembered
ORDER BY left_out_as DESC
"""
# The event of a copy: the last one of its id that is not later.
_BESIDE = """
SELECT
  copied.source, copied.partition, copied."offset", copied.arrived_at, copied.event_id, copied.timestamp,
  copied.left_out_as, events.timestamp AS event_time, events.partition AS event_partition,
  events."offset" AS event_offset, {differs}
FROM copied ASOF LEFT JOIN events ON copied.event_id = events.event_id AND copied.timestamp >= events.timestamp
WHERE NOT (events.partition IS NOT DISTINCT FROM copied.partition
  AND events."offset" IS NOT DISTINCT FROM copied."offset" AND events.timestamp IS NOT DISTINCT FROM copied.timestamp)
ORDER BY copied.arrived_at DESC, copied.partition, copied."offset" {limit}
"""


@dataclass(frozen=True)
class LeftOutCopy:
    """A record that is no event, as its ``event_id`` came at an earlier time.

    Attributes:
        source: where it is from.
        partition: where there.
        offset: where in that.
        arrived_at: when it arrived.
        event_id: its id.
        timestamp: its time.
        left_out_as: ``copy``, or ``replaced`` if it was an event before.
        event_time: the time of the event that it is a copy of; None if that has left ``events``.
        event_partition: where that is from.
        event_offset: where there.
        differs: the columns in which the two differ, but for the time.
    """

    source: str
    partition: str
    offset: int
    arrived_at: datetime
    event_id: str
    timestamp: datetime
    left_out_as: str
    event_time: datetime | None
    event_partition: str | None
    event_offset: int | None
    differs: tuple[str, ...]


def left_out_copies(lake: Lake, limit: int = 0) -> list[LeftOutCopy]:
    """The newest remembered records that are no events now, each beside its event; with a limit of 0, all."""
    copies = lake.copies
    if not copies.exists or not copies.rows():
        return []
    with connected() as connection:
        rows_within(connection, copies, "timestamp", [_EVER]).create_view("remembered")
        connection.execute(_NOW)
        bounds = "SELECT epoch_us(min(timestamp)), epoch_us(max(timestamp)) FROM copied"
        ((first, last),) = connection.sql(bounds).fetchall()
        near = TimeSpan(first - LONGEST // timedelta(microseconds=1), last + HOUR_US)
        rows_within(connection, lake.events, "timestamp", [near]).create_view("all_events")
        connection.execute("CREATE TEMP TABLE events AS FROM all_events SEMI JOIN copied USING (event_id)")
        cases = (f"CASE WHEN copied.{c} IS DISTINCT FROM events.{c} THEN '{c}' END" for c in CONTENT)
        differs = f"list_filter([{', '.join(cases)}], lambda x: x IS NOT NULL) AS differs"
        query = _BESIDE.format(differs=differs, limit=f"LIMIT {limit:d}" if limit else "")
        rows = connection.sql(query).to_arrow_table().to_pylist()
    return [LeftOutCopy(**_named(row)) for row in rows]


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "differs": tuple(row["differs"]) if row["event_time"] else ()}
