"""Plots: what they show, as data, and how they are drawn. No data is read here."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from matplotlib.ticker import EngFormatter, MaxNLocator, NullLocator

# Of a plot in the page: 72 points an inch, so as wide as a card on a telephone, where its text is as large as it says.
INCHES, FONT = (4.2, 2.6), 10.5
PLAIN: Any = {"font.size": FONT, "text.parse_math": False}  # a dollar sign in a name is no formula
UNSAID = ("Date", "Creator", "Type", "Format")  # what matplotlib would write into every picture
SHOWN = 12  # bars of a ranking
OTHER = "other"  # the kind that the small ones are counted as, together
TICKS = 6  # of time, at most
STEPS = (
    *(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15, 30)),
    *(timedelta(hours=hours) for hours in (1, 2, 3, 6, 12)),
    *(timedelta(days=days) for days in (1, 2, 3, 7, 14, 28, 56, 84)),
)
LEGEND = 34  # letters of all kinds together that one line has room for
LETTER = 0.032  # of the width of a ranking's axes beside the longest name that there is, a table's


@dataclass(frozen=True)
class OverTime:
    """Counts of ``what`` in spans of equal length, one line of them for each kind, stacked. Times are in UTC."""

    starts: Sequence[datetime]
    span: timedelta
    counts: Mapping[str, Sequence[int]]
    what: str


@dataclass(frozen=True)
class Ranked:
    """One bar of ``what`` for each name, the name to the left of it, the value to the right."""

    values: Mapping[str, float]
    what: str
    labels: Mapping[str, str] = field(default_factory=dict)  # what is written for a value, where it is not the number


@dataclass(frozen=True)
class Spread:
    """One column of ``what`` for each class, in the order of the classes, which are measured in ``unit``."""

    values: Mapping[str, int]
    what: str
    unit: str


Plot = OverTime | Ranked | Spread


@dataclass(frozen=True)
class Palette:
    """The colours of a plot."""

    text: str
    muted: str
    lines: str
    kinds: tuple[str, str, str, str]


# On paper, and in a picture that cannot change its colours.
LIGHT = Palette("#1f2430", "#5b6472", "#e1e5ea", ("#2f6fde", "#d9731f", "#0b5d4a", "#8a94a3"))
# Stand-ins that matplotlib accepts; the page puts its own variables in their place, and so can be light or dark.
VARIABLES = Palette("#010101", "#020202", "#030303", ("#040404", "#050505", "#060606", "#070707"))
NAMES = dict(
    zip(
        (VARIABLES.text, VARIABLES.muted, VARIABLES.lines, *VARIABLES.kinds),
        ("--text", "--muted", "--lines", "--kind-1", "--kind-2", "--kind-3", "--kind-4"),
        strict=True,
    )
)


def svg(plot: Plot, name: str) -> str:
    """The plot as an ``<svg>`` to be put into a page that defines the variables of :data:`NAMES`.

    The same plot gives the same text. Its text stays text, in the page's own font.
    """
    settings: Any = {**PLAIN, "svg.fonttype": "none", "svg.hashsalt": name}
    with mpl.rc_context(settings):
        figure = Figure(figsize=_inches(plot), layout="constrained")
        draw(figure.subplots(), plot, VARIABLES)
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata=dict.fromkeys(UNSAID))
    text = written.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r' id="[\w.]+_\d+"| (?:width|height)="[\d.]+pt"', "", text)  # ids that every plot has
    return re.sub("|".join(NAMES), lambda match: f"var({NAMES[match[0]]})", text)


def _inches(plot: Plot) -> tuple[float, float]:
    """Bars are as thick however many they are."""
    return (INCHES[0], 0.5 + 0.32 * min(len(plot.values), SHOWN)) if isinstance(plot, Ranked) else INCHES


def png(plots: Mapping[str, Plot]) -> bytes:
    """Up to four plots with their titles in one picture, for where no page can be shown."""
    with mpl.rc_context(PLAIN):
        figure = Figure(figsize=(11, 7), layout="constrained", facecolor="white")
        parts: Any = figure.subfigures(2, 2, wspace=0.04, hspace=0.06)
        for part, (title, plot) in zip(parts.flat, plots.items(), strict=False):
            part.suptitle(title, x=0.02, ha="left", color=LIGHT.text, fontweight="bold")
            draw(part.subplots(), plot, LIGHT)
        written = io.BytesIO()
        figure.savefig(written, format="png", dpi=100)
    return written.getvalue()


def draw(axes: Axes, plot: Plot, palette: Palette) -> None:
    """Draw a plot on empty axes."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(palette.lines)
    axes.tick_params(length=0, labelsize=FONT, labelcolor=palette.muted)
    axes.tick_params(axis="x", pad=9)
    axes.set_axisbelow(True)
    if isinstance(plot, OverTime):
        _draw_over_time(axes, plot, palette)
    elif isinstance(plot, Ranked):
        _draw_ranked(axes, plot, palette)
    else:
        _draw_spread(axes, plot, palette)


def _draw_over_time(axes: Axes, plot: OverTime, palette: Palette) -> None:
    edges = date2num([*plot.starts, plot.starts[-1] + plot.span])
    below = [0] * len(plot.starts)
    for number, (kind, counts) in enumerate(plot.counts.items()):
        above = [low + count for low, count in zip(below, counts, strict=True)]
        colour = palette.kinds[-1 if kind == OTHER else number]
        base: Any = below  # a float, or one for each step
        # `stairs` would also look for the limits, which are set below: 0.1 s a page.
        axes.add_artist(StepPatch(above, edges, baseline=base, facecolor=colour, label=kind, linewidth=0))
        below = above
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, max(below) * 1.08 or 1)
    _time_axis(axes, plot)
    axes.set_xlabel(_days(plot), color=palette.muted, fontsize=FONT)
    _count_axis(axes, plot.what, palette)
    if len(plot.counts) > 1:
        columns = 4 if sum(map(len, plot.counts)) <= LEGEND else 2
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, fontsize=FONT,
            labelcolor=palette.text, handlelength=0.8, handleheight=0.8, borderpad=0, columnspacing=1.2,
        )  # fmt: skip


def _draw_ranked(axes: Axes, plot: Ranked, palette: Palette) -> None:
    names = list(plot.values)[:SHOWN][::-1]
    values = [plot.values[name] for name in names]
    bars = axes.barh(names, values, color=palette.kinds[0], height=0.62)
    written = [plot.labels.get(name, f"{value:,.0f}") for name, value in zip(names, values, strict=True)]
    axes.bar_label(bars, written, padding=4, color=palette.text, fontsize=FONT)
    for_labels = min(0.7, LETTER * max(map(len, written)))  # of the width, to the right of the longest bar
    axes.set_xlim(0, max(values) / (1 - for_labels) or 1)
    axes.set_xlabel(plot.what, color=palette.muted, fontsize=FONT)
    axes.xaxis.set_major_locator(NullLocator())
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", labelcolor=palette.text)


def _draw_spread(axes: Axes, plot: Spread, palette: Palette) -> None:
    axes.bar(list(plot.values), list(plot.values.values()), color=palette.kinds[0], width=0.8)
    axes.set_xlabel(plot.unit, color=palette.muted, fontsize=FONT)
    axes.set_ylim(0, max(plot.values.values()) * 1.08 or 1)
    _count_axis(axes, plot.what, palette)


def _time_axis(axes: Axes, plot: OverTime) -> None:
    """Ticks at one distance, from the first start on; one at midnight is told by its day, if there are several."""
    length = plot.starts[-1] + plot.span - plot.starts[0]
    step = next(step for step in STEPS if step >= plot.span and length <= TICKS * step)
    ticks = [start for start in plot.starts if not (start - plot.starts[0]) % step]
    by_day = step >= timedelta(days=1) or ticks[0].date() != ticks[-1].date()
    labels = [f"{tick:%d %b}" if by_day and tick.hour == tick.minute == 0 else f"{tick:%H:%M}" for tick in ticks]
    axes.set_xticks(date2num(ticks), labels)


def _days(plot: OverTime) -> str:
    """What the axis of time shows, with the year, which its ticks leave out."""
    first, last = f"{plot.starts[0]:%Y-%m-%d}", f"{plot.starts[-1]:%Y-%m-%d}"
    return f"UTC, {first}" if first == last else f"UTC, {first} to {last}"


def _count_axis(axes: Axes, what: str, palette: Palette) -> None:
    axes.set_ylabel(what, color=palette.muted, fontsize=FONT)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    axes.grid(axis="y", color=palette.lines, linewidth=0.8)
