"""Small plots out of letters."""

from __future__ import annotations

from collections.abc import Sequence

LEVELS = "▁▂▃▄▅▆▇█"
EIGHTHS = " ▏▎▍▌▋▊▉█"


def spark(values: Sequence[float | None], width: int = 30) -> str:
    """One column a value, of the newest ``width``: the largest is full, zero is flat, None leaves a gap."""
    shown = values[-width:] if width else []
    largest = max((value for value in shown if value is not None), default=0)
    return "".join(" " if value is None else _level(value, largest) for value in shown)


def _level(value: float, largest: float) -> str:
    if value <= 0 or largest <= 0:
        return LEVELS[0]
    # What is not zero does not look like it.
    return LEVELS[max(1, round(value / largest * (len(LEVELS) - 1)))]


def bar(value: float, largest: float, width: int = 12) -> str:
    """A bar, full for the largest value; an eighth of a letter for the least that is not zero."""
    eighths = max(round(value / largest * width * 8), 1) if value > 0 and largest > 0 else 0
    whole, rest = divmod(min(eighths, width * 8), 8)
    return EIGHTHS[-1] * whole + (EIGHTHS[rest] if rest else "")
