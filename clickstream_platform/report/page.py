"""The page: one HTML file without anything to be fetched, and one picture for where no page can be shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from html import escape
from typing import Any

from duckdb import DuckDBPyConnection
from jinja2 import Environment, PackageLoader, StrictUndefined

from clickstream_platform.errors import QueryError
from clickstream_platform.report import plots
from clickstream_platform.report.alternative import describe_plot
from clickstream_platform.report.figures import Reading
from clickstream_platform.report.notices import notices, without_events
from clickstream_platform.report.section import Section
from clickstream_platform.report.sections import sections
from clickstream_platform.sql import ask, connect, views
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.wording import length

# What is counted beside events, by which time.
TIMES = {
    "sessions": "session_start",
    "purchases": "timestamp",
    "alerts": "window_start",
    "user_patterns": "detected_at",
}
NAMES = {"user_patterns": "patterns"}
QUARANTINE, REJECTED = "quarantine", "records in quarantine"  # the table, and what is counted of it
WHOLE = re.compile(r"(\d{4}-\d\d-\d\d(?: \d\d:\d\d)?(?: UTC)?|(?:&[lg]t; )?[\d.]+ %|[\d,.]+ (?:days|h|min|m?s)\b)")


@dataclass(frozen=True)
class Report:
    """What is known of some days. Every time is in UTC.

    Attributes:
        since: the first moment, the beginning of a day.
        until: the newest event; in a lake without one, the newest arrival of a rejected record.
        made_at: when the tables were read.
        totals: what there is of everything, by name.
        sections: the cards of the page, in their order.
        notices: what a reader must know before the figures.
    """

    since: datetime
    until: datetime
    made_at: datetime
    totals: dict[str, int]
    sections: list[Section]
    notices: Sequence[str] = ()

    def html(self) -> str:
        """The page. The same report gives the same text."""
        environment = Environment(
            loader=PackageLoader("clickstream_platform.report", "."), autoescape=True, undefined=StrictUndefined
        )
        filters: Any = environment.filters
        filters.update(singular=_singular, prose=_prose, value=_value)
        pictures = {s.title: plots.svg(s.plot, s.title) for s in self.sections if s.plot}
        descriptions = {s.title: describe_plot(s.plot) for s in self.sections if s.plot}
        template = environment.get_template("page.html.j2")
        return template.render(report=self, pictures=pictures, descriptions=descriptions)

    @property
    def times(self) -> str:
        """Which time the page covers, when it was made, and that all times are in UTC."""
        newest = "event" if self.totals.get("events") else "record"
        return (
            f"From {self.since:%Y-%m-%d %H:%M} to the newest {newest}, {self.until:%Y-%m-%d %H:%M}."
            f" Made at {self.made_at:%Y-%m-%d %H:%M} UTC, {length(self.made_at - self.until)} later."
            " All times are in UTC."
        )

    def png(self) -> bytes:
        """The first four plots in one picture."""
        drawn = [(section.title, section.plot) for section in self.sections if section.plot]
        return plots.png(dict(drawn[:4]))


def _singular(name: str, count: int) -> str:
    return re.sub(r"^(\w+)s\b", r"\1", name) if count == 1 else name


def _prose(text: str) -> str:
    """A sentence as HTML: what stands between backticks is a command, and no line ends within a time or before a %."""
    marked = re.sub("`([^`]*)`", r"<code>\1</code>", escape(text))
    return WHOLE.sub(r'<span class="whole">\1</span>', marked)


def _value(value: object) -> str:
    """A value as HTML: numbers with separators; a line may end after an underscore of a name."""
    return f"{value:,}" if isinstance(value, int) else escape(str(value)).replace("_", "_<wbr>")


def report(lake: Lake, days: int, made_at: datetime) -> Report:
    """What happened in the last days: the day of the newest event, and those before it.

    Records and batches count from the same moment on, by when they arrived and were committed. Reads the files of these
    days; the lateness of events needs two columns of all of them. A lake in which every record was rejected has a
    report too, of what was rejected.

    Raises:
        QueryError: the lake has neither an event nor a rejected record.
    """
    connection = connect(lake)
    newest = _newest(connection, "events", "timestamp")
    until = newest or _newest(connection, QUARANTINE, "arrived_at")
    if until is None:
        raise QueryError(
            str(lake.root), "there is no event in this lake yet", "run `clickstream run`, or land some events"
        )
    first = datetime.combine(until.date() - timedelta(days=days - 1), time(), timezone.utc)
    reading = Reading(connection, lake, first, until)
    totals = _totals(reading)
    notes = list(notices(reading)) if newest else [without_events(totals[REJECTED])]
    return Report(first, until, made_at, totals, sections(reading), notes)


def _newest(connection: DuckDBPyConnection, table: str, column: str) -> datetime | None:
    if table not in views(connection):
        return None
    ((newest,),) = ask(connection, f"SELECT max({column}) FROM {table}").rows
    return newest and newest.astimezone(timezone.utc)


def _totals(reading: Reading) -> dict[str, int]:
    totals = {"events": 0, "visitors": 0}
    if "events" in reading.names:
        counts = "count(*), count(DISTINCT user_id)"
        counted = reading.rows(f"SELECT {counts} FROM events WHERE timestamp BETWEEN $since AND $until")
        totals = dict(zip(totals, counted[0], strict=True))
    for table, column in TIMES.items():
        if table in reading.names:
            ((count,),) = reading.rows(f"SELECT count(*) FROM {table} WHERE {column} BETWEEN $since AND $until")
            totals[NAMES.get(table, table)] = count
    if QUARANTINE in reading.names:  # a record arrives after what happened, so also after the newest event
        ((count,),) = reading.rows(f"SELECT count(*) FROM {QUARANTINE} WHERE arrived_at >= $since")
        totals[REJECTED] = count
    return totals
