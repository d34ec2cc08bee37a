"""How much a run has before it, told from files before a JVM starts: which compilers it has depends on it."""

from __future__ import annotations

from collections.abc import Iterable

from clickstream_platform.errors import CheckpointError
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.lag import Lags, lag
from clickstream_platform.streaming.sources.source import Lag

RECORD = 200  # bytes of a click in JSON, about; a packed file has more records than this makes of it


def estimate_backlog(tables: Iterable[StreamingTable], lake: Lake, known_lags: Lags | None = None) -> int:
    """About how many records or events the table with the most of them has to read.

    Tables that are run together read the same events, so they are not added up. A table that has to begin anew reads
    all events. Raises what a run would raise of the source.

    Args:
        tables: the tables.
        lake: where they lie.
        known_lags: what is known already of what some of them have to read; they are not asked again.
    """
    return max((_of(each, lake, known_lags or {}) for table in tables for each in table.by_source()), default=0)


def _of(table: StreamingTable, lake: Lake, known_lags: Lags) -> int:
    try:
        lag_now = known_lags.get(table.title) or lag(table, lake)
    except CheckpointError:  # the run begins anew, or says itself what is wrong
        return lake.events.rows() if table.derived else 0
    if not isinstance(lag_now, Lag):  # one of several sources, which the run cannot read either
        return 0
    return lag_now.bytes // RECORD if lag_now.unit == "files" else lag_now.amount
