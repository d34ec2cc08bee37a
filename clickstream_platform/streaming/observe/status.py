"""Where every table stands, from files alone: no JVM, some tens of milliseconds a table.

What is *committed* counts. A batch that was killed before ``commits/<n>`` is still to be read, because the next run
reads it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from clickstream_platform.errors import ClickstreamError
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.lease import held_with
from clickstream_platform.streaming.lake.ledger import last_entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.sources.source import Lag


@dataclass(frozen=True)
class LastRun:
    """The run that committed the newest batch, and when (ISO 8601, UTC)."""

    run_id: str
    at: str


@dataclass(frozen=True)
class TableStatus:
    """Where one table stands.

    Attributes:
        name: the table's name.
        rows: its rows; 0 if it does not exist yet.
        delta_version: its newest version; None if it does not exist yet.
        watermark: event time before which its state is forgotten (ISO 8601, UTC); None before there is one.
        batches: committed batches of this generation, those that had nothing to write included.
        lag: what is left to read; None if that cannot be found out: see ``problem``.
        lag_unit: files, events or records; None with ``lag``.
        generation: of its checkpoint; 1 before the first run.
        last_run: what committed its newest entry; None before the first.
        trigger: of the query that a process of this host runs on it now; of the contract, if none does.
        problem: why ``lag`` is not known, in the words of the error; None if it is.
        remarks: what lies in the source and will not be read, with the reason.
    """

    name: str
    rows: int
    delta_version: int | None
    watermark: str | None
    batches: int
    lag: int | None
    lag_unit: str | None
    generation: int
    last_run: LastRun | None
    trigger: str
    problem: str | None = None
    remarks: tuple[str, ...] = ()


def status(contracts: Iterable[StreamingTable], lake: Lake) -> tuple[TableStatus, ...]:
    """Where these tables stand, in their order. A lag that cannot be found out is reported, not raised."""
    return tuple(_status(table, lake) for table in contracts)


def _status(table: StreamingTable, lake: Lake) -> TableStatus:
    target, entry = lake.table(table.name), last_entry(lake.table(table.name))
    checkpoint = generations.checkpoint_of(lake, table.name, entry.generation if entry else 1)
    watermark = checkpoint.watermark_ms()
    found, problem = _lag_or_problem(table, lake, checkpoint)
    return TableStatus(
        name=table.name,
        rows=target.rows(),
        delta_version=target.version(),
        watermark=iso(watermark) if watermark is not None else None,
        batches=checkpoint.committed() + 1,
        lag=found.amount if found else None,
        lag_unit=found.unit if found else None,
        generation=checkpoint.generation,
        last_run=LastRun(entry.run_id, iso(entry.committed_at_ms)) if entry else None,
        trigger=held_with(lake, table.name) or table.trigger.name,
        problem=problem,
        remarks=found.remarks if found else (),
    )


def iso(milliseconds: float, timespec: str = "milliseconds") -> str:
    """A moment since 1970 as ISO 8601, in UTC."""
    moment = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")


def _lag_or_problem(table: StreamingTable, lake: Lake, checkpoint: Checkpoint) -> tuple[Lag | None, str | None]:
    try:
        return lag(table, lake, checkpoint), None
    except ClickstreamError as error:
        return None, str(error)


def require_source(contracts: Iterable[StreamingTable], lake: Lake) -> None:
    """Raise what a run of these tables would raise of their sources, before a JVM starts."""
    for table in contracts:
        table.offsets.look(generations.current(lake, table.name))


def lag(table: StreamingTable, lake: Lake, checkpoint: Checkpoint | None = None) -> Lag:
    """What the next run of a table would read. Raises what :meth:`.Source.unread` does.

    Args:
        table: the table.
        lake: where it lies.
        checkpoint: its current one, for a caller who has looked it up (2 ms).
    """
    return table.offsets.unread(checkpoint or generations.current(lake, table.name), lake)
