"""``run``: the only caller of ``writeStream``. One streaming query, from start to stop."""

from __future__ import annotations

import logging
import time
import uuid
from collections import deque
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING, Any, cast

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from clickstream_platform.errors import CheckpointError, ClickstreamError
from clickstream_platform.source_list import MAIN
from clickstream_platform.streaming.batches.micro_batch import MicroBatch
from clickstream_platform.streaming.batches.strategies import strategy_of
from clickstream_platform.streaming.batches.strategy import Strategy
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.state import comes_near
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.contract.trigger import ending
from clickstream_platform.streaming.ingest.ingest import Ingest
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.lease import lease
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.store_lease import require_held
from clickstream_platform.streaming.observe import listener
from clickstream_platform.streaming.runtime import admission, fingerprint, report
from clickstream_platform.streaming.runtime.create import make_tables
from clickstream_platform.streaming.runtime.hooks import Hooks, if_held
from clickstream_platform.streaming.runtime.report import RunReport
from clickstream_platform.streaming.sources.overlap import require_not_read_before

if TYPE_CHECKING:
    from clickstream_platform.events.rules import Parse
    from clickstream_platform.streaming.contract.state import Stateless
    from clickstream_platform.streaming.sources.source import RecordSource

log = logging.getLogger(__name__)

LOOKED_AT = 0.5  # seconds between two looks at whether a query is to stop
LAST_BATCH = 5.0  # seconds a batch may still take then


def run(
    table: StreamingTable,
    spark: SparkSession,
    lake: Lake,
    hooks: Hooks | None = None,
    *,
    run_id: str | None = None,
    take_over: bool = False,
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
        take_over: take a lease that another host has left behind.
        stop: set by whoever wants it to stop before all is read: the batch that is on gets :data:`LAST_BATCH` to end.

    Raises:
        TableBusyError: another run is at it.
        CheckpointError: checkpoint and table, or checkpoint and contract, do not belong together.
        SourceError: the source cannot be read, or ``events`` does not exist yet.
        UnreachableError: Kafka does not answer, or stopped answering.
        StateError: the state store has outgrown its limit. What is committed stays.
    """
    run_id, hooks = run_id or uuid.uuid4().hex[:12], hooks or Hooks()
    with lease(lake, table.name, run_id, take_over=take_over):
        report = run_leased(table, spark, lake, hooks, run_id, stop)
    hooks.ended(table)
    return report


def run_leased(
    table: StreamingTable, spark: SparkSession, lake: Lake, hooks: Hooks, run_id: str, stop: Event | None = None
) -> RunReport:
    """As :func:`run`, for a caller that holds the table's lease; ``hooks.ended`` is left to it."""
    done: dict[str, RunReport] = {}
    failed: list[ClickstreamError] = []
    for each in admission.in_turn(replace(table, trigger=ending(table.trigger)), lake):
        if stop and stop.is_set() and done:
            break
        try:
            done[each.offsets.source_name] = admitted(each, spark, lake, hooks, run_id).complete(stop)
        except ClickstreamError as failure:
            if table.further:
                log.error("%s: %s", each.title, failure)
            failed.append(failure)
    if failed:
        raise failed[0]
    return report.together(done)


def admitted(table: StreamingTable, spark: SparkSession, lake: Lake, hooks: Hooks, run_id: str) -> Run:
    """A run of a table with one source and with the table's own trigger, not started, for who holds the lease.

    Raises what :func:`run` does, but for the lease.
    """
    table.offsets.require_there(table.name, lake)
    if not table.derived:
        require_not_read_before(cast("RecordSource", table.offsets), table.name, lake)
    checkpoint = admission.admitted(lake, table)
    fingerprint.check(checkpoint, table, spark, lake)
    fingerprint.note(checkpoint, table)
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
    checkpoint = generations.following(lake, table.name)
    fingerprint.begin(checkpoint, table, spark, lake)
    table = replace(table, trigger=ending(table.trigger))
    return Run(table, spark, lake, checkpoint, hooks, run_id).complete()


@dataclass
class Run:
    """One streaming query of a table, and what its batches did.

    Attributes:
        turn: held while a batch is on, where several queries of one table run at once: batches of two sources would not
            see each other's events, and so not the duplicates among them.
    """

    table: StreamingTable
    spark: SparkSession
    lake: Lake
    checkpoint: Checkpoint
    hooks: Hooks
    run_id: str
    committed: deque[Entry] = field(default_factory=deque[Entry])  # since the last report
    replayed: int = 0
    failure: Exception | None = None
    query: StreamingQuery | None = None
    is_near_limit: bool = False
    turn: AbstractContextManager[object] = field(default_factory=nullcontext[None])
    started: float = field(default_factory=time.monotonic)

    def complete(self, stop: Event | None = None) -> RunReport:
        """Start it and wait for its end, or until it is to stop; of a trigger that never ends, for ever."""
        with self.going_on() as query:
            if stop is None:
                query.awaitTermination()
            while stop and not query.awaitTermination(LOOKED_AT):  # pyright: ignore[reportArgumentType] - takes parts of a second
                if stop.is_set():
                    let_end(query)
                    break
        self._require_room(query.recentProgress)
        return self.report(query)

    @contextmanager
    def going_on(self) -> Generator[StreamingQuery]:
        """Start it; what ends the query ends the block, and the other way round. Raises its failure, typed."""
        with self.turn:
            make_tables(self.table, self.lake)
        query = self.query = self._start()
        try:
            yield query
        except Exception as stopped:
            raise (self.failure or self.table.offsets.explained(stopped, self.checkpoint)) from stopped
        finally:
            query.stop()

    def _start(self) -> StreamingQuery:
        stream = self.strategy.stream(self.spark, self.lake, self.checkpoint)
        listener.listen(stream.sparkSession)  # the source may have a session of its own
        return (
            stream.writeStream.queryName(self._query_name)
            .outputMode(self.strategy.output_mode)
            .option("checkpointLocation", str(self.checkpoint.path))
            .trigger(**self.table.trigger.options())
            .foreachBatch(self._micro_batch)
            .start()
        )

    @property
    def _query_name(self) -> str:
        source = self.checkpoint.source
        return f"{self.table.name}-{self.run_id}" if source == MAIN else f"{self.table.name}-{source}-{self.run_id}"

    @cached_property
    def strategy(self) -> Strategy[Any]:
        """How its batches are handled: those of records by ``ingest``, those of events by the kind of state."""
        table = self.table
        if table.derived:
            return strategy_of(table)
        source, parse, state = table.offsets, table.query, table.state
        return Ingest(table, cast("Stateless", state), cast("RecordSource", source), cast("Parse", parse))

    def _micro_batch(self, frame: DataFrame, batch_id: int) -> None:
        with self.turn:
            self._batch(frame, batch_id)

    def _batch(self, frame: DataFrame, batch_id: int) -> None:
        batch = MicroBatch(self.table, self.lake, self.checkpoint, self.run_id, batch_id, frame)
        try:
            require_held(self.lake.root)
            if batch.replays:
                self.strategy.complete(batch)
                self.replayed += 1
                return
            if self.query and not batch.is_empty:  # one that is empty only lets the state store forget
                self._require_room([self.query.lastProgress])
            with batch.persist:
                entry = self.strategy.commit(batch, if_held(self.hooks.notify, self.lake))
            if entry:
                self.committed.append(entry)
                self.hooks.committed(entry)
        except Exception as failure:
            self.failure = failure if isinstance(failure, ClickstreamError) else None
            raise
        except BaseException as failure:
            # A panic of Rust's is no Exception. Raised, it would end the thread that the JVM waits for, for ever.
            finding = f"batch {batch_id} was stopped by {type(failure).__name__}: {failure}"
            remedy = "run it again: what is committed stays; if it happens again, report it with this text"
            self.failure = CheckpointError(self.table.name, finding, remedy)
            raise self.failure from failure

    def _require_room(self, reported: list[Any]) -> None:
        """Look at the state store as the last batch left it, by what Spark has reported of the batches so far."""
        if not self.table.state.is_stored:
            return
        rows, limit = report.state_rows([each for each in reported if each]), self.table.max_state_rows
        if rows is not None and comes_near(self.table.name, rows, limit) and not self.is_near_limit:
            self.is_near_limit = True
            log.warning("%s: its state store holds %s of %s rows allowed", self.table.name, f"{rows:,}", f"{limit:,}")

    def report(self, query: StreamingQuery) -> RunReport:
        """What it did since it was started or, in a stream, since it last reported."""
        batches, started = tuple(self.committed.popleft() for _ in range(len(self.committed))), self.started
        self.started = time.monotonic()
        first = batches[0].batch_id if batches else 0
        records = [record for record in query.recentProgress if record["batchId"] >= first]
        target = self.lake.table(self.table.name)
        planned = self.checkpoint.plan(committed := self.checkpoint.committed())
        return RunReport(
            table=self.table.name,
            run_id=self.run_id,
            generation=self.checkpoint.generation,
            batches=batches,
            replayed=self.replayed,
            start=batches[0].start if batches else (planned.end if planned else None),
            end=planned.end if planned else None,
            watermark_ms=self.checkpoint.watermark_ms(committed),
            state_rows=report.state_rows(records),
            dropped_by_watermark=report.dropped_by_watermark(records),
            rows=target.rows(),
            delta_version=target.version() or 0,
            duration=timedelta(seconds=self.started - started),
        )


def let_end(query: StreamingQuery) -> None:
    """Give the batch that is on the time to end that it may have when its query is told to stop."""
    deadline = time.monotonic() + LAST_BATCH
    while query.isActive and query.status["isTriggerActive"] and time.monotonic() < deadline:
        time.sleep(0.1)
