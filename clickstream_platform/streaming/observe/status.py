"""Where every table stands, from files alone: no JVM, some tens of milliseconds a table.

What is *committed* counts. A batch that was killed before ``commits/<n>`` is still to be read, because the next run
reads it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import cast

from clickstream_platform.errors import ClickstreamError
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.lease import held_with
from clickstream_platform.streaming.lake.ledger import last_entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.outdated import outdated
from clickstream_platform.streaming.sources.apart import require_apart, require_not_read_before
from clickstream_platform.streaming.sources.source import Lag, RecordSource

# What there is to read, by :attr:`.StreamingTable.title`; of a source that cannot be looked at, why.
Lags = Mapping[str, Lag | ClickstreamError]


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


def status(contracts: Iterable[StreamingTable], lake: Lake) -> tuple[TableStatus, ...]:
    """Where these tables stand, in their order. A lag that cannot be found out is reported, not raised."""
    return tuple(_status(table, lake) for table in contracts)


def _status(table: StreamingTable, lake: Lake) -> TableStatus:
    target, entry = lake.table(table.name), last_entry(lake.table(table.name))
    named = [_named(each, lake) for each in table.by_source()]
    problems = [found.problem for found in named if found.problem]
    found = together(_lag_of(each) for each in named if each.lag is not None)
    return TableStatus(
        name=table.name,
        rows=target.rows(),
        delta_version=target.version(),
        watermark=min((each.watermark for each in named if each.watermark), default=None),
        batches=sum(each.batches for each in named),
        lag=None if problems else found.amount,
        lag_unit=None if problems else found.unit,
        generation=named[0].generation,
        last_run=LastRun(entry.run_id, iso(entry.committed_at_ms)) if entry else None,
        trigger=held_with(lake, table.name) or table.trigger.name,
        problem="; ".join(problems) or None,
        remarks=tuple(remark for each in named for remark in each.remarks),
        sources=() if table.derived else (*named, *_left_out(table, lake)),
    )


def _named(table: StreamingTable, lake: Lake) -> SourceStatus:
    source = table.offsets
    checkpoint = generations.current(lake, table.name, source.source_name)
    found, problem = _lag_or_problem(table, lake, checkpoint)
    known = _known(checkpoint, source.source_name, is_named=True)
    if found is None:
        return replace(known, source=source.address, problem=problem)
    return replace(known, source=source.address, lag=found.amount, lag_unit=found.unit, remarks=found.remarks)


def _lag_of(found: SourceStatus) -> Lag:
    return Lag(found.lag or 0, found.lag_unit or "")


def _left_out(table: StreamingTable, lake: Lake) -> list[SourceStatus]:
    """The sources that were read once and that the settings do not name."""
    named = {source.source_name for source in table.sources}
    others = [name for name in generations.sources(lake, table.name) if name not in named]
    return [_known(generations.current(lake, table.name, name), name, is_named=False) for name in others]


def _known(checkpoint: Checkpoint, name: str, *, is_named: bool) -> SourceStatus:
    begun, watermark = checkpoint.begun(), checkpoint.watermark_ms()
    topics = ", ".join(sorted(begun.topic_ids)) if begun else ""
    return SourceStatus(
        name=name,
        source=f"kafka {topics}" if topics else checkpoint.made_for(),
        is_named=is_named,
        generation=checkpoint.generation,
        batches=checkpoint.committed() + 1,
        watermark=iso(watermark) if watermark is not None else None,
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


def require_source(
    contracts: Iterable[StreamingTable], lake: Lake, look: Callable[[RecordSource], object] = lambda source: None
) -> Lags:
    """Raise what a run of these tables would raise of their sources, before a JVM starts.

    A source is listed once, which may take seconds: who asks for more of the same moment takes what this returns.

    Args:
        contracts: the tables.
        lake: where they lie.
        look: one more look at each source from outside; raises what is wrong.

    Returns:
        What each has to read. Of several sources, some may have an error: a run reads the others, and raises it then.

    Raises:
        SettingsError, SourceError: two sources have something in common, or one has what another one has read.
    """
    found: dict[str, Lag | ClickstreamError] = {}
    for table in contracts:
        if not table.derived:
            found |= _of_sources(table, lake, look)
    return found


def _of_sources(table: StreamingTable, lake: Lake, look: Callable[[RecordSource], object]) -> Lags:
    found: dict[str, Lag | ClickstreamError] = {}
    readable: list[RecordSource] = []
    for each in table.by_source():
        source = cast("RecordSource", each.offsets)
        try:
            found[each.title] = lag(each, lake)
            look(source)
            readable.append(source)
        except ClickstreamError as problem:
            if not table.further:
                raise
            found[each.title] = problem
    for problem in found.values():
        if isinstance(problem, ClickstreamError) and not readable:
            raise problem
    require_apart(readable, asking=True)
    for source in readable:
        require_not_read_before(source, table.name, lake)
    return found


def lags(table: StreamingTable, lake: Lake) -> Lags:
    """What the next run of a table would read of each of its sources.

    Raises what :func:`lag` does of an only source; of several, that is in its place.
    """
    found: dict[str, Lag | ClickstreamError] = {}
    for each in table.by_source():
        try:
            found[each.title] = lag(each, lake)
        except ClickstreamError as problem:
            if not table.further:
                raise
            found[each.title] = problem
    return found


def unread(found: Lag | ClickstreamError) -> int:
    """How much is there to read, as far as it is known."""
    return found.amount if isinstance(found, Lag) else 0


def said_of_lag(found: Lag | ClickstreamError) -> str:
    """What a run would read, in words; or why that is not known."""
    return f"{found} to read" if isinstance(found, Lag) else str(found)


def lag(table: StreamingTable, lake: Lake, checkpoint: Checkpoint | None = None) -> Lag:
    """What the next run of a table with one source would read. Raises what :meth:`.Source.unread` does.

    Of a table that has to be made anew, as declared columns have changed, that is all of ``events``.

    Args:
        table: the table.
        lake: where it lies.
        checkpoint: its current one, for a caller who has looked it up (2 ms).
    """
    current = checkpoint or generations.current(lake, table.name, table.offsets.source_name)
    if outdated(table, lake, current):
        return Lag(lake.events.rows(), "events")
    return table.offsets.unread(current, lake)


def together(lags: Iterable[Lag]) -> Lag:
    """What several sources have, in one sum; where they count different things, that is named: files and records."""
    found = list(lags)
    units = " and ".join(dict.fromkeys(each.unit for each in found))
    return Lag(sum(each.amount for each in found), units)
