"""Whether a run would find anything to do, told without a JVM; and the run that finds nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import timedelta

from clickstream_platform.errors import ClickstreamError
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.lease import lease
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime import admission, fingerprint
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.report import RunReport


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


def idle_run(table: StreamingTable, lake: Lake, hooks: Hooks, run_id: str) -> RunReport | None:
    """Run a table that has nothing to do: what a run would report, under the same lease, without a JVM.

    Returns:
        The report, after ``hooks.ended``; None if the table has something to do, and nothing was done.

    Raises:
        TableBusyError: another run is at it. And what :func:`nothing_to_do` does.
    """
    started = time.monotonic()
    with lease(lake, table.name, run_id):
        if not _all_done(table, lake):
            return None
        report = _report(table, lake, run_id, timedelta(seconds=time.monotonic() - started))
    hooks.ended(table)
    return report


def _report(table: StreamingTable, lake: Lake, run_id: str, duration: timedelta) -> RunReport:
    checkpoint, target = generations.current(lake, table.name, table.offsets.source_name), lake.table(table.name)
    planned = checkpoint.plan(checkpoint.committed())
    return RunReport(
        table=table.name,
        run_id=run_id,
        generation=checkpoint.generation,
        batches=(),
        replayed=0,
        start=planned.end if planned else None,
        end=planned.end if planned else None,
        watermark_ms=checkpoint.watermark_ms(),
        state_rows=None,
        dropped_by_watermark=0,
        rows=target.rows(),
        delta_version=target.version() or 0,
        duration=duration,
        is_idle=True,
    )


def _is_done(table: StreamingTable, lake: Lake) -> bool:
    checkpoint = generations.current(lake, table.name, table.offsets.source_name)
    if checkpoint.committed() < 0 or checkpoint.planned() > checkpoint.committed():
        return False
    if not fingerprint.is_looked_at(checkpoint, table) or table.offsets.unread(checkpoint, lake).amount:
        return False
    return admission.admitted(lake, table) == checkpoint
