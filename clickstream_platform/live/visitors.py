"""What there is to be seen at one moment: queries from the journal, tables from their logs, visitors from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from clickstream_platform.sql import ask, connect, views
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.query_status import QueryStatus, queries
from clickstream_platform.streaming.observe.status import TableStatus, status

SPAN = timedelta(minutes=30)  # of the newest events, by their own time
SHOWN = 5  # rows of each list


@dataclass(frozen=True)
class Minute:
    """What visitors did in one minute."""

    events: int
    visitors: int
    purchases: int


Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class Activity:
    """What visitors did in the last minutes, by the time of the events.

    Attributes:
        until: the newest event.
        minutes: every minute of :data:`SPAN`, oldest first; what nobody did anything in is all zero.
        visitors: how many different ones there were.
        active: who did most in a five-minute window: user, events, pages, clicks, purchases.
        pages: the pages with most events, and how many.
        purchases: the newest: time, product, user.
        alerts: the newest: start of the window, rule, value, user.
    """

    until: datetime
    minutes: Sequence[Minute]
    visitors: int
    active: Rows
    pages: Rows
    purchases: Rows
    alerts: Rows


@dataclass(frozen=True)
class DashboardState:
    """Everything that the dashboard shows.

    Attributes:
        at: when it was looked (UTC).
        lake: where.
        queries: what every query said, by its last word, newest first.
        tables: where every table stands.
        activity: what visitors did; None before there is an event.
    """

    at: datetime
    lake: str
    queries: Sequence[Sequence[QueryStatus]]
    tables: Sequence[TableStatus]
    activity: Activity | None

    @property
    def active(self) -> dict[str, Sequence[QueryStatus]]:
        """The queries that are at work, by the table that they fill."""
        return {history[-1].table: history for history in reversed(self.queries) if history[-1].is_active}


def observe(
    contracts: Sequence[StreamingTable], lake: Lake, journal: Path, before: DashboardState | None = None
) -> DashboardState:
    """Look at everything. Rows are read again only if a table has changed since ``before``.

    Costs some tens of milliseconds a table; a source that does not answer is reported with the table, after some
    seconds.
    """
    tables = status(contracts, lake)
    is_same = before is not None and _versions(tables) == _versions(before.tables)
    is_damaged = any(table.damage for table in tables if table.name == lake.events.name)
    activity = None if is_damaged else before.activity if before and is_same else recent_activity(lake)
    return DashboardState(datetime.now(timezone.utc), str(lake.root), queries(journal), tables, activity)


def _versions(tables: Sequence[TableStatus]) -> list[int | None]:
    return [table.delta_version for table in tables]


def recent_activity(lake: Lake) -> Activity | None:
    """What visitors did in the last minutes; None if there is no event."""
    dates = lake.events.dates()
    if not dates:
        return None
    connection = connect(lake)
    newest = _rows(connection, f"SELECT max(timestamp) FROM events WHERE event_date = DATE '{max(dates)}'")[0][0]
    if newest is None:  # every event of that date was erased
        return None
    until = newest.astimezone(timezone.utc)
    since = until.replace(second=0, microsecond=0) - SPAN + timedelta(minutes=1)
    recent = f"FROM events WHERE event_date >= DATE '{since.date()}' AND timestamp >= TIMESTAMPTZ '{since.isoformat()}'"
    return Activity(
        until=until,
        minutes=_minutes(connection, recent, since),
        visitors=_rows(connection, f"SELECT count(DISTINCT user_id) {recent}")[0][0],
        active=_of(
            connection,
            "user_activity",
            "SELECT user_id, total_events, unique_pages, click_count, purchase_count FROM user_activity"
            f" WHERE window_start >= TIMESTAMPTZ '{since.isoformat()}' ORDER BY total_events DESC, user_id",
        ),
        pages=_rows(
            connection,
            f"SELECT page_url, count(*) {recent} AND page_url IS NOT NULL GROUP BY page_url ORDER BY 2 DESC, 1",
        ),
        purchases=_of(
            connection,
            "purchases",
            "SELECT timestamp, product_id, user_id FROM purchases ORDER BY timestamp DESC, user_id",
        ),
        alerts=_of(
            connection,
            "alerts",
            "SELECT window_start, rule, value, user_id FROM alerts ORDER BY window_start DESC, rule, user_id",
        ),
    )


def _minutes(connection: DuckDBPyConnection, recent: str, since: datetime) -> list[Minute]:
    counts = "count(*), count(DISTINCT user_id), count(*) FILTER (event_type = 'purchase')"
    rows = list(ask(connection, f"SELECT date_trunc('minute', timestamp), {counts} {recent} GROUP BY ALL").rows)
    counted = {row[0].astimezone(timezone.utc): Minute(*row[1:]) for row in rows}
    return [counted.get(since + timedelta(minutes=n), Minute(0, 0, 0)) for n in range(SPAN // timedelta(minutes=1))]


def _of(connection: DuckDBPyConnection, table: str, statement: str) -> Rows:
    """The first rows of a table that may not be there yet."""
    return _rows(connection, statement) if table in views(connection) else []


def _rows(connection: DuckDBPyConnection, statement: str) -> Rows:
    return list(ask(connection, f"{statement} LIMIT {SHOWN}").rows)
