"""What every kind of state must say: how its table streams, commits a batch, forgets a person, lets old events go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, TypeVar

from pyspark.sql import DataFrame, SparkSession

from clickstream_platform.streaming.batches.micro_batch import MicroBatch, Notify
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.state import State
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.amendments import count_keys, remove_keys
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import ERASURE
from clickstream_platform.streaming.lake.places import Lake

Kind = TypeVar("Kind", bound=State)


@dataclass(frozen=True)
class Strategy(ABC, Generic[Kind]):
    """How one table's micro-batches become commits. A new kind of state is one subclass and a line in ``strategies``.

    Attributes:
        table: the contract.
        state: its state.
        output_mode: Spark's: whether the stream gives rows once (``append``) or again when they change (``update``).
    """

    table: StreamingTable
    state: Kind

    output_mode: ClassVar[str] = "append"

    @abstractmethod
    def stream(self, spark: SparkSession, lake: Lake, checkpoint: Checkpoint) -> DataFrame:
        """The streaming query whose micro-batches :meth:`commit` takes. It moves the contract's watermark."""

    @abstractmethod
    def commit(self, batch: MicroBatch, notify: Notify) -> Entry | None:
        """Bring the table to where its query over ``events`` is, in one commit.

        Args:
            batch: the batch; its frame is always consumed, or Spark would not move the watermark.
            notify: called with the rows that are new to a table that announces them, *before* the commit: killed in
                between, it is called again with the same rows.

        Returns:
            The entry that this call committed; None if there was nothing to commit, or the batch's transaction was
            found in the table.
        """

    def complete(self, batch: MicroBatch) -> None:
        """Finish a replayed batch, whose own commit is in the table already: what a kill may have cut off after it."""
        batch.frame.count()  # a stateful frame that nobody reads fails, and the watermark would not move

    def covered_events(self, events: DataFrame, entry: Entry, lake: Lake) -> DataFrame:
        """The events over which the table's query gives the table's rows as of an entry."""
        return events

    def count_left_out(self, entry: Entry, lake: Lake) -> int:
        """How many events the generation of an entry has left out as too late. No JVM."""
        return 0

    def count_replaced_since(self, entry: Entry, lake: Lake) -> int:
        """How many events the rows are made of that were replaced since by copies at an earlier time. No JVM."""
        return 0

    def erase(self, persons: DataFrame, lake: Lake, run_id: str, rebuild: Callable[[], object]) -> int:
        """Take persons out of the table, and out of what is remembered of them.

        A table with a state store begins a new generation, so ``events`` must be rid of the persons before.

        Args:
            persons: one column, ``user_id``, each person once.
            lake: where the table lies.
            run_id: the run's name in the ledger.
            rebuild: begins the new generation.

        Returns:
            The rows that it had of them.
        """
        held = lake.table(self.table.name)
        if not self.state.is_stored:
            return remove_keys(persons, ("user_id",), held, ERASURE, run_id)
        rows = count_keys(persons, ("user_id",), held)
        rebuild()
        return rows

    @abstractmethod
    def expire(self, midnight: datetime, spark: SparkSession, lake: Lake, run_id: str) -> None:
        """Let go of what was made of events before a midnight (UTC), while ``events`` still holds them.

        Rows on both sides of it are computed anew from the events that stay.
        """
