"""State decides WHAT to remember.

A kind of state is declared here; how its batches are streamed, committed, erased and expired is its strategy's
(:mod:`clickstream_platform.streaming.batches.strategies`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from clickstream_platform.errors import StateError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

NEAR = 0.8  # of its limit: from there on a state store is warned of


class _Kind:
    """What every kind of state says of itself; by default what a query says that keeps nothing between batches.

    Attributes:
        key: the columns that tell rows apart, where the sink does not say it.
        span: the columns between whose times the events of a row lie, where the sink does not say it.
        revises: whether a row may change after it was written.
        is_stored: whether Spark's state store keeps something between micro-batches.
        drops_late: whether Spark drops an event that is late for the watermark of the batch before.
        lists_late: whether late events are left out, and listed in the contract's side table.
        joins_rows: whether an event can join two rows into one.
        whole_because: why the table can be rebuilt as a whole alone, and not in stretches; empty where it can.
        sink_rule: why the sink must be what it must be.
    """

    key: ClassVar[tuple[str, ...]] = ()
    span: ClassVar[tuple[str, ...]] = ()
    revises: ClassVar[bool] = False
    is_stored: ClassVar[bool] = False
    drops_late: ClassVar[bool] = False
    lists_late: ClassVar[bool] = False
    whole_because: ClassVar[str] = ""
    sink_rule: ClassVar[str]


@dataclass(frozen=True)
class Stateless(_Kind):
    """Nothing: each event is handled by itself."""

    by: ClassVar[tuple[str, ...]] = ()
    reaches: ClassVar[timedelta] = timedelta(0)
    joins_rows: ClassVar[bool] = False
    sink_rule: ClassVar[str] = "a stateless query only adds rows, so the sink must be Append"

    def __str__(self) -> str:
        """What is remembered, in words."""
        return "nothing between micro-batches"


@dataclass(frozen=True)
class StateStore(_Kind):
    """Spark's state store keeps the open groups; what it drops as late is recomputed from ``events``.

    Attributes:
        by: the columns that the query is local to: restricted to one of their values it gives the same rows.
        reach: how far from an event's time a row that it touches may begin or end (the length of a window).
    """

    by: tuple[str, ...]
    reach: timedelta

    joins_rows: ClassVar[bool] = False
    revises: ClassVar[bool] = True
    is_stored: ClassVar[bool] = True
    drops_late: ClassVar[bool] = True
    sink_rule: ClassVar[str] = "StateStore revises rows, so the sink must be Upsert"

    @property
    def reaches(self) -> timedelta:
        """How far from an event's time a row that it touches may begin or end."""
        return self.reach

    def __str__(self) -> str:
        """What is remembered, in words."""
        return f"the open groups of ({', '.join(self.by)}), in Spark's state store"


@dataclass(frozen=True)
class Recompute(_Kind):
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

    revises: ClassVar[bool] = True
    sink_rule: ClassVar[str] = "Recompute revises rows, so the sink must be Upsert"

    @property
    def reaches(self) -> timedelta:
        """How far from an event's time a row that it touches may begin or end."""
        return self.reach

    def __str__(self) -> str:
        """What is remembered, in words."""
        minutes = self.reach / timedelta(minutes=1)
        rows = f"rows of ({', '.join(self.by)}) within {minutes:g} min of a new event"
        return f"nothing: {rows} are computed anew from events"


@dataclass(frozen=True)
class Processor:
    """Spark's state store keeps what a function of our own remembers of each key. It handles events in their order.

    Every event waits until the watermark has passed it, so the rows do not depend on how the input was cut. What comes
    behind the watermark is left out, and listed in the contract's side table.

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

    revises: ClassVar[bool] = False
    is_stored: ClassVar[bool] = True
    drops_late: ClassVar[bool] = False
    joins_rows: ClassVar[bool] = False
    lists_late: ClassVar[bool] = True
    whole_because: ClassVar[str] = (
        "what it finds there depends on what it remembered before, which its state store alone knows"
    )
    sink_rule: ClassVar[str] = "a row that a Processor gives is never revised, so the sink must be Append"

    @property
    def reaches(self) -> timedelta:
        """How long after its last event a key is remembered."""
        return self.forget_after

    def __str__(self) -> str:
        """What is remembered, in words."""
        minutes = self.forget_after / timedelta(minutes=1)
        held = f"each ({', '.join(self.by)})'s last steps and the events that wait for the watermark"
        return f"{held}, in Spark's state store; forgotten after {minutes:g} min without an event"


State = Stateless | StateStore | Recompute | Processor


def state_facts(state: State) -> dict[str, Any]:
    """What a checkpoint depends on: another value asks for a rebuild."""
    reach_ms = round(state.reaches.total_seconds() * 1000)
    return {"state": type(state).__name__, "by": list(state.by), "reach_ms": reach_ms}


def is_near_limit(table: str, rows: int, limit: int) -> bool:
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
