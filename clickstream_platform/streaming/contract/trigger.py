"""Trigger decides WHEN to process.

"When" has two levels: Dagster (a schedule, a sensor, a person) starts a *run*; the trigger starts the *micro-batches*
in it. Which trigger works with what, and which command takes it, is for :mod:`.trigger_support` to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from clickstream_platform.errors import SettingsError
from clickstream_platform.streaming.contract import durations as intervals


@dataclass(frozen=True)
class AvailableNow:
    """Process what is there when the run starts, in as many micro-batches as the source's limits ask for, then stop."""

    ends: ClassVar[bool] = True

    def options(self) -> dict[str, Any]:
        """The keyword arguments of ``DataStreamWriter.trigger``."""
        return {"availableNow": True}

    @property
    def name(self) -> str:
        """As a person writes it."""
        return "available now"

    def __str__(self) -> str:
        """What a table with this trigger processes in a run or stream, in words, for ``clickstream explain``."""
        return "everything available when a run starts, then it stops"


@dataclass(frozen=True)
class Once:
    """Process what is there when the run starts, in one micro-batch whatever its size, then stop.

    Deprecated in Spark: it ignores the source's limits, so a long backlog becomes one batch that may not fit.
    """

    ends: ClassVar[bool] = True

    def options(self) -> dict[str, Any]:
        """The keyword arguments of ``DataStreamWriter.trigger``."""
        return {"once": True}

    @property
    def name(self) -> str:
        """As a person writes it."""
        return "once"

    def __str__(self) -> str:
        """What a table with this trigger processes in a run or stream, in words, for ``clickstream explain``."""
        return "everything available when a run starts, in one micro-batch, then it stops"


@dataclass(frozen=True)
class _Interval:
    interval: timedelta
    ends: ClassVar[bool] = False
    shortest: ClassVar = timedelta(milliseconds=1)  # what Spark counts in

    def __post_init__(self) -> None:
        """Refuse no time at all."""
        if self.interval < self.shortest:
            shortest = intervals.in_words(self.shortest)
            msg = f"an interval must be at least {shortest} here; say {shortest}"
            raise ValueError(msg)


class ProcessingTime(_Interval):
    """Process what is there, in one micro-batch up to the source's limits; again each ``interval``, until stopped.

    A micro-batch that takes longer than the interval delays the next one, which then reads what has come since. A run
    of such a table, which has to end, reads everything available.
    """

    def options(self) -> dict[str, Any]:
        """The keyword arguments of ``DataStreamWriter.trigger``."""
        return {"processingTime": intervals.for_spark(self.interval)}

    @property
    def name(self) -> str:
        """As a person writes it."""
        return f"every {intervals.in_words(self.interval)}"

    def __str__(self) -> str:
        """What a table with this trigger processes in a run or stream, in words, for ``clickstream explain``."""
        return f"what is there, every {intervals.in_words(self.interval)}, until it is stopped"


class Continuous(_Interval):
    """Process each record as it comes, without micro-batches; write down how far it came each ``interval``."""

    def options(self) -> dict[str, Any]:
        """The keyword arguments of ``DataStreamWriter.trigger``."""
        return {"continuous": intervals.for_spark(self.interval)}

    @property
    def name(self) -> str:
        """As a person writes it."""
        return f"continuous {intervals.in_words(self.interval)}"

    def __str__(self) -> str:
        """What a table with this trigger processes in a run or stream, in words, for ``clickstream explain``."""
        return f"each record as it comes; offsets noted every {intervals.in_words(self.interval)}"


class RealTime(_Interval):
    """Process each record as it comes, in micro-batches that are each kept open for ``interval``: 5 s or more."""

    shortest: ClassVar = timedelta(seconds=5)  # spark.sql.streaming.realTimeMode.minBatchDuration

    def options(self) -> dict[str, Any]:
        """The keyword arguments of ``DataStreamWriter.trigger``."""
        return {"realTime": intervals.for_spark(self.interval)}

    @property
    def name(self) -> str:
        """As a person writes it."""
        return f"real-time {intervals.in_words(self.interval)}"

    def __str__(self) -> str:
        """What a table with this trigger processes in a run or stream, in words, for ``clickstream explain``."""
        return f"each record as it comes, in micro-batches of {intervals.in_words(self.interval)}"


Trigger = AvailableNow | Once | ProcessingTime | Continuous | RealTime


def run_trigger(trigger: Trigger) -> Trigger:
    """The trigger of a run, which ends: a contract's own, or ``AvailableNow`` where that never would."""
    return trigger if trigger.ends else AvailableNow()


def stream_trigger(trigger: Trigger, usual: ProcessingTime) -> Trigger:
    """The trigger of a stream, which does not end: a contract's own interval, or the usual one if it has none."""
    return trigger if isinstance(trigger, ProcessingTime) else usual


_BY_WORD: dict[str, Callable[[], Trigger]] = {"available now": AvailableNow, "once": Once}
_BY_KIND: dict[str, Callable[[timedelta], Trigger]] = {
    "every": ProcessingTime,
    "continuous": Continuous,
    "real-time": RealTime,
}


def trigger_from(text: str, subject: str = "trigger") -> Trigger:
    """``2 minutes``, ``available now``, ``once``, ``continuous 1 second``, ``real-time 5 seconds``.

    Args:
        text: as a person writes it.
        subject: what the error is about: an option of a command.

    Raises:
        SettingsError: it is none of them; says what is wrong and what is allowed.
    """
    written = " ".join(text.lower().split())
    if written in _BY_WORD:
        return _BY_WORD[written]()
    kind = next((kind for kind in _BY_KIND if written.startswith(f"{kind} ")), "")
    try:
        return _BY_KIND.get(kind, ProcessingTime)(intervals.from_words(written.removeprefix(kind)))
    except ValueError as wrong:
        finding, _, remedy = str(wrong).partition("; ")
        raise SettingsError(subject, f"{text!r}: {finding}", remedy) from wrong
