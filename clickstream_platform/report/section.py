"""One card of the page, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clickstream_platform.report.plots import Plot


@dataclass(frozen=True)
class Grid:
    """A table of the page."""

    head: tuple[str, ...]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True)
class Section:
    """What one card of the page says.

    Attributes:
        title: what it is about.
        finding: what was found, in a few sentences.
        plot: the picture of it.
        grid: the figures of it.
        note: what the figures leave out, and what can be done about it.
    """

    title: str
    finding: str
    plot: Plot | None = None
    grid: Grid | None = None
    note: str = ""
