"""Trigger decides WHEN to process.

"When" has two levels: Dagster (a schedule, a sensor, a person) starts a *run*; the trigger starts the *micro-batches*
in it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AvailableNow:
    """Process what is there when the run starts, in as many micro-batches as the source's limits ask for, then stop."""

    def options(self) -> dict[str, bool]:
        """The keyword arguments of ``DataStreamWriter.trigger``."""
        return {"availableNow": True}

    def __str__(self) -> str:
        """The sentence's second half."""
        return "everything available when a run starts, then it stops"


Trigger = AvailableNow
