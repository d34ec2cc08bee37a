"""What the next run of each table would read, from files alone; or why that cannot be told. No JVM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import cast

from clickstream_platform.errors import ClickstreamError
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.outdated import outdated_reason
from clickstream_platform.streaming.sources.overlap import require_apart, require_not_yet_read
from clickstream_platform.streaming.sources.source import Lag, RecordSource

# What there is to read, by :attr:`.StreamingTable.title`; of a source that cannot be looked at, why.
Lags = Mapping[str, Lag | ClickstreamError]


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
    by_title: dict[str, Lag | ClickstreamError] = {}
    for table in contracts:
        if not table.derived:
            by_title |= _of_sources(table, lake, look)
    return by_title


def _of_sources(table: StreamingTable, lake: Lake, look: Callable[[RecordSource], object]) -> Lags:
    by_title: dict[str, Lag | ClickstreamError] = {}
    readable: list[RecordSource] = []
    for each in table.by_source():
        source = cast("RecordSource", each.offsets)
        try:
            by_title[each.title] = lag(each, lake)
            look(source)
            readable.append(source)
        except ClickstreamError as problem:
            if not table.further:
                raise
            by_title[each.title] = problem
    for problem in by_title.values():
        if isinstance(problem, ClickstreamError) and not readable:
            raise problem
    require_apart(readable, asking=True)
    for source in readable:
        require_not_yet_read(source, table.name, lake)
    return by_title


def lags(table: StreamingTable, lake: Lake) -> Lags:
    """What the next run of a table would read of each of its sources.

    Raises what :func:`lag` does of an only source; of several, that is in its place.
    """
    by_title: dict[str, Lag | ClickstreamError] = {}
    for each in table.by_source():
        try:
            by_title[each.title] = lag(each, lake)
        except ClickstreamError as problem:
            if not table.further:
                raise
            by_title[each.title] = problem
    return by_title


def unread_amount(lag: Lag | ClickstreamError) -> int:
    """How much is there to read, as far as it is known."""
    return lag.amount if isinstance(lag, Lag) else 0


def describe_lag(lag: Lag | ClickstreamError) -> str:
    """What a run would read, in words; or why that is not known."""
    return f"{lag} to read" if isinstance(lag, Lag) else str(lag)


def lag(table: StreamingTable, lake: Lake, checkpoint: Checkpoint | None = None) -> Lag:
    """What the next run of a table with one source would read. Raises what :meth:`.Source.unread` does.

    Of a table that has to be made anew, as declared columns have changed, that is all of ``events``.

    Args:
        table: the table.
        lake: where it lies.
        checkpoint: its current one, for a caller who has looked it up (2 ms).
    """
    current = checkpoint or generations.current_checkpoint(lake, table.name, table.offsets.source_name)
    if outdated_reason(table, lake, current):
        return Lag(lake.events.rows(), "events")
    return table.offsets.unread(current, lake)


def sum_lags(lags: Iterable[Lag]) -> Lag:
    """What several sources have, in one sum; where they count different things, that is named: files and records."""
    all_lags = list(lags)
    units = " and ".join(dict.fromkeys(each.unit for each in all_lags))
    return Lag(sum(each.amount for each in all_lags), units)
