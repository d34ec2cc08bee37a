"""How the report reads the lake: from a moment up to the newest event, counted in spans that can be told apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any

from duckdb import DuckDBPyConnection

from clickstream_platform.report.plots import OTHER, OverTime
from clickstream_platform.sql import ask, views
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.lake.places import Lake

KINDS = 3  # drawn with a colour of their own; the others together
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
UNITS = {MINUTE: "minute", HOUR: "hour", DAY: "day"}


@dataclass(frozen=True)
class Reading:
    """The lake as the report reads it: its tables, from a moment up to the newest event."""

    connection: DuckDBPyConnection
    lake: Lake
    since: datetime
    until: datetime

    @cached_property
    def names(self) -> set[str]:
        """What there is to read."""
        return set(views(self.connection))

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What a statement returns. It may name the views, ``$since`` and ``$until``."""
        for name in ("since", "until"):
            statement = statement.replace(f"${name}", f"TIMESTAMPTZ '{getattr(self, name).isoformat()}'")
        return list(ask(self.connection, statement).rows)

    def entries(self, name: str) -> list[Entry]:
        """The ledger of a table from the same moment on, oldest first."""
        since_ms = self.since.timestamp() * 1000
        return [entry for entry in entries(self.lake.table(name)) if entry.committed_at_ms >= since_ms][::-1]

    @property
    def unit(self) -> str:
        """The name of :attr:`span`."""
        return UNITS[self.span]

    @property
    def span(self) -> timedelta:
        """How long one column of a plot over time is: so long that the columns can be told apart."""
        length = self.until - self.since
        return MINUTE if length <= 3 * HOUR else HOUR if length <= 10 * DAY else DAY

    @staticmethod
    def clock(moment: datetime) -> str:
        """A moment to the minute, in UTC, which the page says once for all of them."""
        return f"{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M}"

    def time_of(self, start: datetime) -> str:
        """When a span began: a day has no time."""
        return f"{start:%Y-%m-%d}" if self.span == DAY else self.clock(start)

    def over_time(self, rows: Sequence[tuple[datetime, str, int]], what: str) -> OverTime:
        """Counts of something by start and kind, gaps filled; kinds by their total, the small ones together."""
        totals: dict[str, int] = defaultdict(int)
        for _, kind, count in rows:
            totals[kind] += count
        large = sorted(totals, key=lambda kind: (-totals[kind], kind))[: KINDS if len(totals) <= KINDS else KINDS - 1]
        first = _floor(self.since, self.span)
        starts = [first + n * self.span for n in range((self.until - first) // self.span + 1)]
        place = {start: number for number, start in enumerate(starts)}
        counts = {kind: [0] * len(starts) for kind in (*large, *([OTHER] if len(totals) > len(large) else []))}
        for start, kind, count in rows:
            counts[kind if kind in large else OTHER][place[start.astimezone(timezone.utc)]] += count
        return OverTime(starts, self.span, counts, what)

    def counted(self, table: str, time: str, kind: str) -> list[tuple[datetime, str, int]]:
        """Rows of a table by the span that a time column is in, and by kind."""
        rows = self.rows(
            f"SELECT date_trunc('{self.unit}', {time}), {kind}, count(*) FROM {table}"
            f" WHERE {time} BETWEEN $since AND $until GROUP BY ALL"
        )
        return [(start, str(of), count) for start, of, count in rows]


def _floor(moment: datetime, span: timedelta) -> datetime:
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    return epoch + (moment - epoch) // span * span
