"""The page: one HTML file without anything to be fetched, and one picture for where no page can be shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from clickstream_platform.errors import QueryError
from clickstream_platform.report import plots
from clickstream_platform.report.figures import Reading
from clickstream_platform.report.sections import Section, sections
from clickstream_platform.sql import ask, connect, views
from clickstream_platform.streaming.lake.places import Lake

# What is counted beside events, by which time.
TIMES = {
    "sessions": "session_start",
    "purchases": "timestamp",
    "alerts": "window_start",
    "user_patterns": "detected_at",
    "quarantine": "arrived_at",
}
NAMES = {"quarantine": "rejected records", "user_patterns": "patterns"}


@dataclass(frozen=True)
class Report:
    """What is known of some days.

    Attributes:
        since: the first moment, the beginning of a day in UTC.
        until: the newest event.
        totals: what there is of everything, by name.
        sections: the cards of the page, in their order.
    """

    since: datetime
    until: datetime
    totals: dict[str, int]
    sections: list[Section]

    def html(self) -> str:
        """The page. The same report gives the same text."""
        environment = Environment(
            loader=PackageLoader("clickstream_platform.report", "."), autoescape=True, undefined=StrictUndefined
        )
        environment.filters["number"] = lambda value: f"{value:,}" if isinstance(value, int) else value
        pictures = {s.title: plots.svg(s.plot, s.title) for s in self.sections if s.plot}
        return environment.get_template("page.html.j2").render(report=self, pictures=pictures)

    def png(self) -> bytes:
        """The first four plots in one picture."""
        drawn = [(section.title, section.plot) for section in self.sections if section.plot]
        return plots.png(dict(drawn[:4]))


def report(lake: Lake, days: int) -> Report:
    """What happened in the last days: the day of the newest event, and those before it.

    Records and batches count from the same moment on, by when they arrived and were committed. Reads the files of these
    days; the lateness of events needs two columns of all of them.

    Raises:
        QueryError: the lake has no event.
    """
    connection = connect(lake)
    newest = None
    if "events" in views(connection):
        ((newest,),) = ask(connection, "SELECT max(timestamp) FROM events").rows
    if newest is None:
        raise QueryError(
            str(lake.root), "there is no event in this lake yet", "run `clickstream run`, or land some events"
        )
    until = newest.astimezone(timezone.utc)
    first: date = until.date() - timedelta(days=days - 1)
    reading = Reading(connection, lake, datetime.combine(first, time(), timezone.utc), until)
    return Report(reading.since, until, _totals(reading), sections(reading))


def _totals(reading: Reading) -> dict[str, int]:
    found = reading.rows(
        "SELECT count(*), count(DISTINCT user_id) FROM events WHERE timestamp BETWEEN $since AND $until"
    )
    totals: dict[str, int] = dict(zip(("events", "visitors"), found[0], strict=True))
    for table, column in TIMES.items():
        if table in reading.names:
            ((count,),) = reading.rows(f"SELECT count(*) FROM {table} WHERE {column} >= $since")
            totals[NAMES.get(table, table)] = count
    return totals


def write(path: Path, text: str) -> None:
    """Put the page in its place: whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(text)
    unfinished.replace(path)
