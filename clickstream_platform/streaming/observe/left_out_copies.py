"""What ``copies`` remembers: records that are no events as their id came earlier, each beside its event. No JVM."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from clickstream_platform.events.contract.judging import with_declared
from clickstream_platform.events.schema import CONTENT, COPIES
from clickstream_platform.settings import LONGEST_SPAN
from clickstream_platform.streaming.lake.hours import HOUR_US
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.scan import open_duckdb, rows_within, same_place_condition
from clickstream_platform.streaming.lake.tables import EVER, TimeSpan

if TYPE_CHECKING:
    import pyarrow as pa

    from clickstream_platform.events.contract.model import Contract

# Of files from before there were such columns, null.
_VIEWS = """
CREATE VIEW remembered AS
FROM remembered_files UNION ALL BY NAME SELECT NULL::BLOB AS value, NULL::BIGINT AS "index" WHERE false;
CREATE VIEW all_events AS FROM events_files UNION ALL BY NAME SELECT NULL::BIGINT AS "index" WHERE false
"""
_PLACE = 'source, partition, "offset", coalesce("index", 0)'
_NOW = f"""
CREATE TEMP TABLE copied AS
SELECT DISTINCT ON ({_PLACE})
  {_PLACE} AS "index", arrived_at, event_id, timestamp, left_out_as
FROM remembered ORDER BY left_out_as DESC
"""
_NEAR = f"""
CREATE TEMP TABLE near AS
SELECT event_id, timestamp, {_PLACE} AS "index" FROM all_events SEMI JOIN copied USING (event_id)
"""
# The event of a copy: the last one of its id that is not later.
_SHOWN = """
CREATE TEMP TABLE shown AS
SELECT copied.*, near.timestamp AS event_time, near.source AS event_source, near.partition AS event_partition,
  near."offset" AS event_offset, near."index" AS event_index
FROM copied ASOF LEFT JOIN near ON copied.event_id = near.event_id AND copied.timestamp >= near.timestamp
WHERE (copied.source, copied.partition, copied."offset", copied."index")
  IS DISTINCT FROM (near.source, near.partition, near."offset", near."index")
ORDER BY copied.arrived_at DESC, copied.partition, copied."offset", copied."index" {limit}
"""
# Of `remembered` the rows that are shown, or of `all_events` those beside them.
_AT = "SELECT {rows}.* FROM {rows} SEMI JOIN shown ON {same_place}"
_COPIES = _AT.format(rows="remembered", same_place=same_place_condition("remembered", "shown"))
_EVENTS = _AT.format(rows="all_events", same_place=same_place_condition("all_events", "shown", "event_"))

Place = tuple[Any, ...]  # source, partition, offset, index
Row = dict[str, Any]


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
        differs: the columns in which the two differ, but for the time, those included that are declared.
        value: its bytes; None of one that was an event, and of one that was left out before bytes were kept.
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
    value: bytes | None = None


def left_out_copies(lake: Lake, limit: int = 0, contract: Contract | None = None) -> list[LeftOutCopy]:
    """The newest remembered records that are no events now, each beside its event; with a limit of 0, all.

    Args:
        lake: the tables.
        limit: how many.
        contract: the columns that are declared; what was read before says the same in ``extra``.
    """
    copies = lake.copies
    if not copies.exists or not copies.rows():
        return []
    with open_duckdb() as connection:
        rows_within(connection, copies, "timestamp", [EVER]).create_view("remembered_files")
        bounds = "SELECT epoch_us(min(timestamp)), epoch_us(max(timestamp)) FROM remembered_files"
        ((first, last),) = connection.sql(bounds).fetchall()
        near = TimeSpan(first - LONGEST_SPAN // timedelta(microseconds=1), last + HOUR_US)
        rows_within(connection, lake.events, "timestamp", [near]).create_view("events_files")
        for statement in (_VIEWS, _NOW, _NEAR):
            connection.execute(statement)
        connection.execute(_SHOWN.format(limit=f"LIMIT {limit:d}" if limit else ""))
        shown = connection.sql("FROM shown").to_arrow_table().to_pylist()
        copied, events = (_by_place(connection.sql(query).to_arrow_table(), contract) for query in (_COPIES, _EVENTS))
    return [_beside(row, copied, events) for row in shown]


def _by_place(rows: pa.Table, contract: Contract | None) -> dict[Place, Row]:
    """Rows by their places. One that was left out twice has the bytes of the first time."""
    if contract:
        rows = with_declared(contract, rows)
    by_place: dict[Place, Row] = {}
    for row in rows.to_pylist():
        place = (row["source"], row["partition"], row["offset"], row["index"] or 0)
        values = (each.get("value") for each in (by_place.get(place) or {}, row))
        by_place[place] = {**row, "value": next((each for each in values if each is not None), None)}
    return by_place


def _beside(shown: Row, copied: dict[Place, Row], events: dict[Place, Row]) -> LeftOutCopy:
    names = ("source", "partition", "offset", "index")
    copy = copied[tuple(shown[name] for name in names)]
    event = events.get(tuple(shown[f"event_{name}"] for name in names), copy)
    further = [name for name in copy if name not in COPIES.names]
    differs = [name for name in (*CONTENT, *further) if copy[name] != event.get(name)]
    fields = {each.name: shown[each.name] for each in dataclasses.fields(LeftOutCopy) if each.name in shown}
    return LeftOutCopy(**fields, differs=tuple(differs), value=copy["value"])
