"""State decides WHAT to remember."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

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


State = Stateless | StateStore | Recompute
