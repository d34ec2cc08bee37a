"""Whether a run would find anything to do, told without a JVM."""

from __future__ import annotations

from collections.abc import Iterable

from clickstream_platform.errors import ClickstreamError
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime import admission, fingerprint


def nothing_to_do(tables: Iterable[StreamingTable], lake: Lake) -> bool:
    """Whether every table has read all there is, completely, by the query that it has now.

    False where it cannot be told without a JVM: before a first batch, after a batch that was interrupted, after any
    change of code, settings or versions, or where a table or a checkpoint has to begin anew. Costs what a look at the
    lag costs, and a read of this package's code.

    Raises what a run would raise of an only source, and a CheckpointError where table and checkpoint do not belong
    together.
    """
    return all(_all_done(table, lake) for table in tables)


def _all_done(table: StreamingTable, lake: Lake) -> bool:
    try:
        return all(_is_done(each, lake) for each in table.by_source())
    except ClickstreamError:
        if not table.further:
            raise
        return False  # the run reads the other sources, and says it then


def _is_done(table: StreamingTable, lake: Lake) -> bool:
    checkpoint = generations.current(lake, table.name, table.offsets.source_name)
    if checkpoint.committed() < 0 or checkpoint.planned() > checkpoint.committed():
        return False
    if not fingerprint.is_looked_at(checkpoint, table) or table.offsets.unread(checkpoint, lake).amount:
        return False
    return admission.admitted(lake, table) == checkpoint
