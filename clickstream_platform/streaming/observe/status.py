"""Where every table stands, from files alone: no JVM, some tens of milliseconds a table.

What is *committed* counts. A batch that was killed before ``commits/<n>`` is still to be read, because the next run
reads it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from clickstream_platform.errors import ClickstreamError, DamageError
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.lease import holder_trigger
from clickstream_platform.streaming.lake.ledger import last_entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.lag import lag, sum_lags
from clickstream_platform.streaming.sources.source import Lag
from clickstream_platform.wording import iso


@dataclass(frozen=True)
class LastRun:
    """The run that committed the newest batch, and when (ISO 8601, UTC)."""

    run_id: str
    at: str


@dataclass(frozen=True)
class SourceStatus:
    """How far one source of ``events`` has been read.

    Attributes:
        name: what the settings call it, or called it.
        source: what it is, as its checkpoint was made for; the settings' words before there is one.
        is_named: whether the settings name it. One that they leave out is not read; named again, it goes on where it
            was.
        generation: of its checkpoint.
        batches: committed batches, those that had nothing to write included.
        watermark: of its own records (ISO 8601, UTC); None before there is one.
        lag: what is left to read; None if it is not named, or that cannot be found out: see ``problem``.
        lag_unit: files or records; None with ``lag``.
        problem: why ``lag`` is not known of a source that is named; None if it is.
        remarks: what lies in the source and will not be read, with the reason.
    """

    name: str
    source: str
    is_named: bool
    generation: int
    batches: int
    watermark: str | None
    lag: int | None = None
    lag_unit: str | None = None
    problem: str | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableStatus:
    """Where one table stands.

    Attributes:
        name: the table's name.
        rows: its rows; 0 if it does not exist yet.
        delta_version: its newest version; None if it does not exist yet.
        watermark: event time before which its state is forgotten (ISO 8601, UTC); None before there is one. Of several
            sources the earliest.
        batches: committed batches of this generation, those that had nothing to write included.
        lag: what is left to read; None if that cannot be found out: see ``problem``.
        lag_unit: files, events or records, or two of these; None with ``lag``.
        generation: of its checkpoint; 1 before the first run.
        last_run: what committed its newest entry; None before the first.
        trigger: of the query that a process of this host runs on it now; of the contract, if none does.
        problem: why ``lag`` is not known, in the words of the error; None if it is.
        remarks: what lies in the source and will not be read, with the reason.
        sources: ``events`` only: each of its sources, those that the settings leave out after those that they name.
        damage: what is damaged of it and what to do, in the words of the error: then nothing else is known; else None.
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
    sources: tuple[SourceStatus, ...] = ()
    damage: str | None = None


def status(contracts: Iterable[StreamingTable], lake: Lake) -> tuple[TableStatus, ...]:
    """Where these tables stand, in their order. A lag that cannot be found out, and damage, is reported, not raised."""
    return tuple(_status_or_damage(table, lake) for table in contracts)


def unknown_lags(statuses: Iterable[TableStatus]) -> list[str]:
    """Of which tables it is not known what is left to read, and why; but not where that is damage that is told."""
    tables = [*statuses]
    told = {None, *(table.damage for table in tables)}
    return [f"{table.name}: lag unknown: {table.problem}" for table in tables if table.problem not in told]


def _status_or_damage(table: StreamingTable, lake: Lake) -> TableStatus:
    try:
        return _status(table, lake)
    except DamageError as error:
        return TableStatus(table.name, 0, None, None, 0, None, None, 1, None, table.trigger.name, damage=str(error))


def _status(table: StreamingTable, lake: Lake) -> TableStatus:
    target, entry = lake.table(table.name), last_entry(lake.table(table.name))
    named = [_only_source(source, lake) for source in table.by_source()]
    problems = [source.problem for source in named if source.problem]
    total = sum_lags(_lag_of(source) for source in named if source.lag is not None)
    return TableStatus(
        name=table.name,
        rows=target.rows(),
        delta_version=target.version(),
        watermark=min((source.watermark for source in named if source.watermark), default=None),
        batches=sum(source.batches for source in named),
        lag=None if problems else total.amount,
        lag_unit=None if problems else total.unit,
        generation=named[0].generation,
        last_run=LastRun(entry.run_id, iso(entry.committed_at_ms)) if entry else None,
        trigger=holder_trigger(lake, table.name) or table.trigger.name,
        problem="; ".join(problems) or None,
        remarks=tuple(remark for source in named for remark in source.remarks),
        sources=() if table.derived else (*named, *_left_out(table, lake)),
    )


def _only_source(table: StreamingTable, lake: Lake) -> SourceStatus:
    source = table.offsets
    checkpoint = generations.current_checkpoint(lake, table.name, source.source_name)
    lag_now, problem = _lag_or_problem(table, lake, checkpoint)
    known = _known(checkpoint, source.source_name, is_named=True)
    if lag_now is None:
        return replace(known, source=source.address, problem=problem)
    return replace(known, source=source.address, lag=lag_now.amount, lag_unit=lag_now.unit, remarks=lag_now.remarks)


def _lag_of(status: SourceStatus) -> Lag:
    return Lag(status.lag or 0, status.lag_unit or "")


def _left_out(table: StreamingTable, lake: Lake) -> list[SourceStatus]:
    """The sources that were read once and that the settings do not name."""
    named = {source.source_name for source in table.sources}
    others = [name for name in generations.checkpointed_sources(lake, table.name) if name not in named]
    return [_known(generations.current_checkpoint(lake, table.name, name), name, is_named=False) for name in others]


def _known(checkpoint: Checkpoint, name: str, *, is_named: bool) -> SourceStatus:
    begun, watermark = checkpoint.starting_point(), checkpoint.watermark_ms()
    topics = ", ".join(sorted(begun.topic_ids)) if begun else ""
    return SourceStatus(
        name=name,
        source=f"kafka {topics}" if topics else checkpoint.source_identity(),
        is_named=is_named,
        generation=checkpoint.generation,
        batches=checkpoint.committed() + 1,
        watermark=iso(watermark) if watermark is not None else None,
    )


def _lag_or_problem(table: StreamingTable, lake: Lake, checkpoint: Checkpoint) -> tuple[Lag | None, str | None]:
    try:
        return lag(table, lake, checkpoint), None
    except ClickstreamError as error:
        return None, str(error)
