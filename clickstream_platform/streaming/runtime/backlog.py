"""How much a run has before it, told from files before a JVM starts: which compilers it has depends on it."""

from __future__ import annotations

from collections.abc import Iterable

from clickstream_platform.errors import CheckpointError
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.status import lag

RECORD = 200  # bytes of a click in JSON, about; a packed file has more records than this makes of it


def backlog(tables: Iterable[StreamingTable], lake: Lake) -> int:
    """About how many records or events the table with the most of them has to read.

    Tables that are run together read the same events, so they are not added up. A table that has to begin anew reads
    all events. Raises what a run would raise of the source.
    """
    return max((_of(table, lake) for contract in tables for table in contract.by_source()), default=0)


def _of(table: StreamingTable, lake: Lake) -> int:
    try:
        found = lag(table, lake)
    except CheckpointError:  # the run begins anew, or says itself what is wrong
        return lake.events.rows() if table.derived else 0
    return found.bytes // RECORD if found.unit == "files" else found.amount
