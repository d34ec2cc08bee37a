"""Whether a run would find anything to do, told without a JVM; and the run that finds nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from clickstream_platform.errors import CheckpointError, ClickstreamError
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.lease import lease
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.lag import Lags
from clickstream_platform.streaming.runtime import admission, fingerprint
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.report import RunReport, report_without_batches
from clickstream_platform.streaming.sources.source import Lag


def has_nothing_to_do(tables: Iterable[StreamingTable], lake: Lake, known_lags: Lags | None = None) -> bool:
    """Whether every table has read all there is, completely, by the query that it has now.

    False where it cannot be told without a JVM: before a first batch, after a batch that was interrupted, after any
    change of code, settings or versions, or where a table or a checkpoint has to begin anew. Costs what a look at the
    lag costs, and a read of this package's code.

    Raises what a run would raise of an only source, and a CheckpointError where table and checkpoint do not belong
    together.

    Args:
        tables: the tables.
        lake: where they lie.
        known_lags: what is known already of what some of them have to read; they are not asked again.
    """
    return all(_all_done(table, lake, known_lags or {}) for table in tables)


def _all_done(table: StreamingTable, lake: Lake, known_lags: Lags) -> bool:
    try:
        return all(_is_done(each, lake, known_lags.get(each.title)) for each in table.by_source())
    except ClickstreamError:
        if not table.further:
            raise
        return False  # the run reads the other sources, and says it then


def idle_run(table: StreamingTable, lake: Lake, hooks: Hooks, run_id: str, known_lags: Lags) -> RunReport | None:
    """Run a table that has nothing to do: what a run would report, under the same lease, without a JVM.

    What was known before there was a lease still holds: what was committed then stays committed.

    Returns:
        The report, after ``hooks.ended``; None if the table has something to do, and nothing was done.

    Raises:
        TableBusyError: another run is at it. And what :func:`has_nothing_to_do` does.
    """
    started = time.monotonic()
    with lease(lake, table.name, run_id):
        if not _all_done(table, lake, known_lags):
            return None
        checkpoint = generations.current_checkpoint(lake, table.name, table.offsets.source_name)
        duration = timedelta(seconds=time.monotonic() - started)
        report = replace(report_without_batches(table, lake, checkpoint, run_id, duration), is_idle=True)
    hooks.ended(table)
    return report


def _is_done(table: StreamingTable, lake: Lake, known_lag: Lag | ClickstreamError | None) -> bool:
    checkpoint = generations.current_checkpoint(lake, table.name, table.offsets.source_name)
    committed = checkpoint.committed()
    if committed < 0 or checkpoint.planned() > committed:
        return False
    if not fingerprint.is_plan_checked(checkpoint, table) or _is_behind(table, lake, checkpoint, known_lag):
        return False
    return admission.admit_checkpoint(lake, table) == checkpoint


def _is_behind(
    table: StreamingTable, lake: Lake, checkpoint: Checkpoint, known_lag: Lag | ClickstreamError | None
) -> bool:
    """Whether the table has something to read. Raises the error that is known, or what a look raises."""
    try:
        lag = known_lag or table.offsets.unread(checkpoint, lake)
        if isinstance(lag, ClickstreamError):
            raise lag
    except CheckpointError:
        if table.derived:
            return True  # the log of what it has not read is gone: a run begins a new generation
        raise
    return lag.amount > 0
