"""How the command line prints anything: plain values, in columns, on one line each, with or without a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from clickstream_platform.wording import length

WIDTH = 100  # columns where there is no terminal to ask: a pipe, a log of CI
NONE = "-"
LEAST = 8  # columns that a value has at least which gives way


def show(*pictures: RenderableType, stderr: bool = False) -> None:
    """Print pictures, one below the other. They are data, so nothing in them is taken for markup or an emoji."""
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    console.print(Group(*pictures), crop=False)


def cell(value: object) -> str:
    """Any value on one line: numbers with separators, times in UTC, nothing that would steer a terminal."""
    if value is None:
        return NONE
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, datetime):
        return _moment(value)
    text = value.decode(errors="replace") if isinstance(value, bytes | bytearray) else str(value)
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _moment(value: datetime) -> str:
    """A time as Spark hands it over: without a zone, in this machine's."""
    try:
        return clock(value.timestamp() * 1000, "milliseconds")
    except (ValueError, OverflowError):  # at either end of what a datetime can say, where there is no other zone
        return value.isoformat(" ", "milliseconds")


def clock(milliseconds: float, timespec: str = "minutes") -> str:
    """A moment in UTC, without the zone."""
    moment = datetime.fromtimestamp(milliseconds / 1000, timezone.utc).replace(tzinfo=None)
    return moment.isoformat(" ", timespec)


def ago(milliseconds: float, now: float | None = None) -> str:
    """How long a moment lies back, in the largest unit that it has two of: ``3 min ago``. Both are in milliseconds."""
    seconds = round((time.time() * 1000 if now is None else now) / 1000 - milliseconds / 1000)
    if seconds < 0:
        return f"in {length(timedelta(seconds=-seconds))}"
    return f"{length(timedelta(seconds=seconds))} ago"


def dated(milliseconds: float) -> str:
    """A moment to the minute, with its zone and its age: ``2026-11-25 14:03 UTC, 3 min ago``."""
    return f"{clock(milliseconds)} UTC, {ago(milliseconds)}"


def milliseconds_of(iso: str | None) -> float | None:
    """An ISO 8601 moment in milliseconds since 1970. Without a zone it is in UTC."""
    if iso is None:
        return None
    moment = datetime.fromisoformat(iso.replace("Z", "+00:00"))  # Python 3.10 does not know the Z
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() * 1000


def minute(iso: str | None) -> str | None:
    """An ISO 8601 moment to the minute, in UTC: for a column whose head names the zone."""
    moment = milliseconds_of(iso)
    return None if moment is None else clock(moment)


def grid(
    *columns: str,
    rows: Iterable[Sequence[object]],
    right: Sequence[str] = (),
    wrap: Sequence[str] = (),
    cut: Sequence[str] = (),
    title: str = "",
    gap: int = 2,
) -> Table:
    """A table of values. Where there is no room, columns in ``wrap`` take several lines, those in ``cut`` are cut.

    Where not even that is enough for the others, each row is a list of its values by name.
    """
    table = _Grid(box=SIMPLE_HEAD, show_edge=False, padding=(0, gap - 1, 0, 0))
    table.title, table.title_justify, table.title_style = title or None, "left", "bold"
    for name in columns:
        justify, gives_way = ("right" if name in right else "left"), name in wrap or name in cut
        table.add_column(name, justify=justify, overflow="fold" if gives_way else "ellipsis", no_wrap=not gives_way)
    for row in rows:
        table.add(*(_text(value, whole=name not in cut) for name, value in zip(columns, row, strict=True)))
    return table


class _Grid(Table):
    """A table, or one record below the other where its columns have no room beside each other."""

    def __init__(self, *headers: Any, **options: Any) -> None:
        super().__init__(*headers, **options)
        self._values: list[tuple[Text, ...]] = []

    def add(self, *row: Text) -> None:
        """Add a row."""
        self._values.append(row)
        self.add_row(*row)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, if there is room for it; else the records."""
        if self._values and self._least() > options.max_width:
            yield from self._records()
        else:
            yield from super().__rich_console__(console, options)

    def _least(self) -> int:
        """The columns of a terminal that it takes, if what gives way does."""
        width = 0
        for nth, column in enumerate(self.columns):
            texts = (str(column.header), *(line for row in self._values for line in row[nth].plain.split("\n")))
            widest = max(map(cell_len, texts))
            width += widest if column.no_wrap else min(widest, LEAST)
        _, right, *_ = self.padding
        return width + len(self.columns) * (right + 1) - right - 1

    def _records(self) -> Iterator[RenderableType]:
        names = [Text(str(column.header)) for column in self.columns]
        if self.title:
            yield Text(str(self.title), "bold")
        for row in self._values:
            yield Text.assemble((row[0] if row[0].plain.strip() else names[0]).plain, style="bold")
            for name, value in zip(names[1:], row[1:], strict=True):
                named = f"  {name.plain}: " if name.plain else "  "  # a bar has no head
                yield Text.assemble((named, "dim"), Text(value.plain.strip(), value.style))


def _text(value: object, *, whole: bool) -> Text:
    text = value if isinstance(value, Text) else Text(cell(value))
    if not whole:
        text.no_wrap, text.overflow = True, "ellipsis"
    return text


@dataclass(frozen=True)
class Fitting:
    """A picture where there is room for all of it, and another one where there is not."""

    wide: RenderableType
    narrow: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the one that there is room for."""
        unlimited = options.update(max_width=100_000)
        yield self.wide if Measurement.get(console, unlimited, self.wide).maximum <= options.max_width else self.narrow


def line(text: str, style: str = "") -> Text:
    """Text that is not broken: where a terminal is too narrow, it does that itself."""
    return Text(text, style, no_wrap=True, overflow="ignore")


def verdict(is_good: bool, bad: str = "FAILED") -> Text:
    """``ok``, or what is wrong, in colour where there is one."""
    return Text("ok", "green") if is_good else Text(bad, "bold red")
