"""``run`` and ``rebuild``: bring a table up to date, or begin it anew, under its lease; then stop."""

from __future__ import annotations

import logging
import uuid
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, cast

from pyspark.sql import SparkSession

from clickstream_platform.errors import CheckpointError, ClickstreamError
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.contract.trigger import run_trigger
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.lease import lease
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime import admission, fingerprint
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.report import RunReport, combine_reports
from clickstream_platform.streaming.runtime.streaming_query import Run
from clickstream_platform.streaming.sources.overlap import require_not_yet_read

if TYPE_CHECKING:
    from clickstream_platform.streaming.sources.source import RecordSource

log = logging.getLogger(__name__)


def run(
    table: StreamingTable,
    spark: SparkSession,
    lake: Lake,
    hooks: Hooks | None = None,
    *,
    run_id: str | None = None,
    stop: Event | None = None,
) -> RunReport:
    """Process what is there for a table, then stop. A run with nothing new writes no commit.

    A table with several sources reads one after another. One that cannot be read does not hold up the others: what is
    wrong with it is logged, and raised once they are read.

    After every batch the table equals its query over ``events`` at the version in the batch's entry. Killed anywhere,
    the next run goes on from the checkpoint.

    Args:
        table: the table's contract.
        spark: the session; it is neither configured nor stopped.
        lake: where tables and checkpoints lie.
        hooks: what to call on the way.
        run_id: the run's name in leases and entries; made up if not given.
        stop: set by whoever wants it to stop before all is read: the batch that is on gets
            :data:`.GRACE_PERIOD` to end.

    Raises:
        TableBusyError: another run is at it.
        CheckpointError: checkpoint and table, or checkpoint and contract, do not belong together.
        SourceError: the source cannot be read, or ``events`` does not exist yet.
        UnreachableError: Kafka does not answer, or stopped answering.
        StateError: the state store has outgrown its limit. What is committed stays.
    """
    run_id, hooks = run_id or uuid.uuid4().hex[:12], hooks or Hooks()
    with lease(lake, table.name, run_id):
        report = run_leased(table, spark, lake, hooks, run_id, stop)
    hooks.ended(table)
    return report


def run_leased(
    table: StreamingTable, spark: SparkSession, lake: Lake, hooks: Hooks, run_id: str, stop: Event | None = None
) -> RunReport:
    """As :func:`run`, for a caller that holds the table's lease; ``hooks.ended`` is left to it."""
    done: dict[str, RunReport] = {}
    failed: list[ClickstreamError] = []
    is_cut_short = False
    for of_source in admission.sources_in_order(replace(table, trigger=run_trigger(table.trigger)), lake):
        if is_cut_short := bool(stop and stop.is_set() and done):
            break
        try:
            done[of_source.offsets.source_name] = prepare_run(of_source, spark, lake, hooks, run_id).complete(stop)
        except ClickstreamError as failure:
            if table.further:
                log.error("%s: %s", of_source.title, failure)
            failed.append(failure)
    if failed:
        raise failed[0]
    report = combine_reports(done)
    return replace(report, is_cut_short=report.is_cut_short or is_cut_short)


def prepare_run(table: StreamingTable, spark: SparkSession, lake: Lake, hooks: Hooks, run_id: str) -> Run:
    """The query of a table with one source, with the table's own trigger, ready to start. Call it under the lease.

    Raises what :func:`run` does, but for the lease.
    """
    table.offsets.require_there(table.name, lake)
    if not table.derived:
        require_not_yet_read(cast("RecordSource", table.offsets), table.name, lake)
    checkpoint = admission.admit_checkpoint(lake, table)
    fingerprint.check_fingerprint(checkpoint, table, spark, lake)
    fingerprint.note_plan_checked(checkpoint, table)
    checkpoint.sweep()
    checkpoint.rebase()
    source = table.offsets.begin(checkpoint, goes_on=not table.trigger.ends)
    return Run(replace(table, offsets=source), spark, lake, checkpoint, hooks, run_id)


def rebuild(
    table: StreamingTable, spark: SparkSession, lake: Lake, hooks: Hooks | None = None, *, run_id: str | None = None
) -> RunReport:
    """Begin a new generation: batch 0 reads all of ``events`` and overwrites the table in one commit.

    Killed before that commit, nothing has changed. Raises what :func:`run` does, and a CheckpointError for
    ``events``, which has nothing to be rebuilt from.
    """
    require_rebuildable(table, lake)
    run_id, hooks = run_id or uuid.uuid4().hex[:12], hooks or Hooks()
    with lease(lake, table.name, run_id):
        report = rebuild_leased(table, spark, lake, hooks, run_id)
    hooks.ended(table)
    return report


def require_rebuildable(table: StreamingTable, lake: Lake) -> None:
    """Refuse what :func:`rebuild` would refuse without looking at a checkpoint. No JVM.

    Raises:
        CheckpointError: it is ``events``.
        SourceError: there is no ``events`` to make it of.
    """
    if not table.derived:
        raise CheckpointError(
            table.name, "it is read from the source, which may have moved on", "rebuild the tables that read it"
        )
    table.offsets.require_there(table.name, lake)


def rebuild_leased(table: StreamingTable, spark: SparkSession, lake: Lake, hooks: Hooks, run_id: str) -> RunReport:
    """As :func:`rebuild`, for a caller that holds the table's lease; ``hooks.ended`` is left to it."""
    table.offsets.require_there(table.name, lake)
    checkpoint = generations.next_checkpoint(lake, table.name)
    fingerprint.begin_fingerprint(checkpoint, table, spark, lake)
    table = replace(table, trigger=run_trigger(table.trigger))
    return Run(table, spark, lake, checkpoint, hooks, run_id).complete()
