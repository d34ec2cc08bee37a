"""State decides WHAT to remember."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import DataFrame

from clickstream_platform.errors import StateError

NEAR = 0.8  # of its limit: from there on a state store is warned of


@dataclass(frozen=True)
class Stateless:
    """Nothing: each event is handled by itself."""

    def __str__(self) -> str:
        """The sentence's second half."""
        return "nothing between micro-batches"


@dataclass(frozen=True)
class StateStore:
    """Spark's state store keeps the open groups; what it drops as late is recomputed from ``events``.

    Attributes:
        by: the columns that the query is local to: restricted to one of their values it gives the same rows.
        reach: how far from an event's time a row that it touches may begin or end (the length of a window).
    """

    by: tuple[str, ...]
    reach: timedelta

    def __str__(self) -> str:
        """The sentence's second half."""
        return f"the open groups of ({', '.join(self.by)}), in Spark's state store"


@dataclass(frozen=True)
class Recompute:
    """Nothing but the lake: the rows a micro-batch touches are computed anew from ``events``.

    Attributes:
        by: the columns that the query is local to: restricted to one of their values it gives the same rows.
        reach: how far from an event's time a row that it touches may begin or end (a window's length, a session's gap).
        joins_rows: whether an event can join two rows into one, as it does with sessions. The table's own rows within
            reach are then looked at first.
    """

    by: tuple[str, ...]
    reach: timedelta
    joins_rows: bool = False

    def __str__(self) -> str:
        """The sentence's second half."""
        minutes = self.reach / timedelta(minutes=1)
        rows = f"rows of ({', '.join(self.by)}) within {minutes:g} min of a new event"
        return f"nothing: {rows} are computed anew from events"


@dataclass(frozen=True)
class Processor:
    """Spark's state store keeps what a function of our own remembers of each key. It handles events in their order.

    Every event waits until the watermark has passed it, so the rows do not depend on how the input was cut. What comes
    behind the watermark is left out, and listed in ``late_events``.

    Attributes:
        by: the columns that the function is local to.
        forget_after: so long without an event, and a key is forgotten.
        update: the table's query as a stream: it takes the events and the event time, in milliseconds since 1970, that
            the first batch of a generation handles them to.
        key: the columns that tell rows apart.
        span: the two columns between whose times all events of a row lie.
    """

    by: tuple[str, ...]
    forget_after: timedelta
    update: Callable[[DataFrame, int], DataFrame]
    key: tuple[str, ...]
    span: tuple[str, str]

    def __str__(self) -> str:
        """The sentence's second half."""
        minutes = self.forget_after / timedelta(minutes=1)
        held = f"each ({', '.join(self.by)})'s last steps and the events that wait for the watermark"
        return f"{held}, in Spark's state store; forgotten after {minutes:g} min without an event"


State = Stateless | StateStore | Recompute | Processor


def comes_near(table: str, rows: int, limit: int) -> bool:
    """Whether a state store comes near the rows that it may hold.

    Raises:
        StateError: it holds more.
    """
    if rows > limit:
        finding = f"its state store holds {rows:,} rows, {limit:,} are allowed"
        remedy = (
            "give Spark more memory and raise CLICKSTREAM_MAX_STATE_ROWS, or look for what opens so many windows: "
            f"`clickstream status {table}`"
        )
        raise StateError(table, finding, remedy)
    return rows >= NEAR * limit
