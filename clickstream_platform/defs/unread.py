"""What nothing has read yet, and where the tables stand: what the sensor goes by. No Spark, no Dagster."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from clickstream_platform.errors import ClickstreamError
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.lease import holder_trigger
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.lag import lag
from clickstream_platform.streaming.sources.source import Lag


@dataclass(frozen=True)
class UnreadState:
    """What no committed batch has read.

    Attributes:
        position: a name for what is committed, of all tables together.
        lags: for each table, and of several sources for each, what it has not read: by :attr:`.StreamingTable.title`.
        problems: why that is not known.
    """

    position: str
    lags: dict[str, Lag]
    problems: dict[str, ClickstreamError]

    def idle_reason(self) -> str | None:
        """Why there is nothing to run for; None if there is something.

        Raises:
            ClickstreamError: nothing is known to be unread, but not everything is known.
        """
        if any(each.amount for each in self.lags.values()):
            return None
        for problem in self.problems.values():
            raise problem
        return "every table has read all there is"

    def is_there_for(self, table: str) -> bool:
        """Whether a table has something to read, of whichever source."""
        return any(lag.amount for name, lag in self.lags.items() if name.split(" ")[0] == table)

    def describe(self) -> dict[str, str]:
        """What each table has not read, in words; or why that is not known."""
        known = {name: str(each) for name, each in self.lags.items()}
        return known | {name: str(problem) for name, problem in self.problems.items()}


def unread_state(contracts: Iterable[StreamingTable], lake: Lake) -> UnreadState:
    """Look at every table: one that failed while ``events`` went on has something to read, too."""
    lags: dict[str, Lag] = {}
    problems: dict[str, ClickstreamError] = {}
    places: list[str] = []
    for table in (each for contract in contracts for each in contract.by_source()):
        checkpoint = generations.current_checkpoint(lake, table.name, table.offsets.source_name)
        places.append(f"{table.title} {checkpoint.generation}/{checkpoint.committed()}")
        try:
            lags[table.title] = lag(table, lake, checkpoint)
        except ClickstreamError as problem:
            problems[table.title] = problem
    return UnreadState(hashlib.sha256(" ".join(places).encode()).hexdigest()[:12], lags, problems)


def stream_reason(contracts: Iterable[StreamingTable], lake: Lake) -> str | None:
    """Why a run would be refused: a stream of this host holds tables, and reads what is unread. None if none does."""
    triggers = {table.name: holder_trigger(lake, table.name) for table in contracts}
    held = [name for name, trigger in triggers.items() if trigger]
    return f"`clickstream stream` keeps {', '.join(held)} up to date ({triggers[held[0]]})" if held else None
