"""When a session ends: the one place for it, for queries, contracts, the simulator and texts for people."""

from __future__ import annotations

from datetime import timedelta

SESSION_GAP = timedelta(minutes=30)
"""A pause of exactly this belongs to a session, a longer one ends it. Half an hour is usual in web analytics.

In whole seconds. Who changes it rebuilds the tables that have sessions: their checkpoints say so.
"""


def gap_in_words() -> str:
    """The gap as in a sentence, in the largest unit that gives a whole number: ``30 minutes``, ``1 day``."""
    units = {name: timedelta(**{f"{name}s": 1}) for name in ("day", "hour", "minute", "second")}
    name, unit = next((name, unit) for name, unit in units.items() if not SESSION_GAP % unit)
    return f"{SESSION_GAP // unit} {name}{'s' if unit != SESSION_GAP else ''}"
