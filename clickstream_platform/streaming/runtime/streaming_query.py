"""One streaming query of a table: how it is started and stopped, what becomes of its batches, and what it did.

The only caller of ``writeStream`` for tables. :mod:`.run` and :mod:`.stream` say when there is one.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from threading import Event
from traceback import format_exc
from typing import TYPE_CHECKING, Any, cast

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from clickstream_platform.errors import CheckpointError, ClickstreamError
from clickstream_platform.source_list import MAIN
from clickstream_platform.streaming.batches.micro_batch import MicroBatch
from clickstream_platform.streaming.batches.strategies import strategy_of
from clickstream_platform.streaming.batches.strategy import Strategy
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.state import is_near_limit
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.ingest.ingest import Ingest
from clickstream_platform.streaming.ingest.interrupted_batch import interrupted_entry
from clickstream_platform.streaming.ingest.interrupted_replay import settle_replay
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.store_lease import require_held
from clickstream_platform.streaming.observe import listener
from clickstream_platform.streaming.runtime.create import make_tables
from clickstream_platform.streaming.runtime.hooks import Hooks, notify_if_lease_held
from clickstream_platform.streaming.runtime.report import (
    RunReport,
    dropped_by_watermark,
    report_without_batches,
    state_rows,
)

if TYPE_CHECKING:
    from clickstream_platform.events.rules import Parse
    from clickstream_platform.streaming.contract.state import Stateless
    from clickstream_platform.streaming.sources.source import RecordSource

log = logging.getLogger(__name__)

POLLED_EVERY = 0.5  # seconds between two looks at whether a query is to stop
GRACE_PERIOD = 5.0  # seconds that the batch which is on gets to end, once its query is to stop


class BatchFailure(Exception):  # noqa: N818 - the traceback of an error, for the JVM
    """What failed within a batch, as a text."""


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
    is_cut_short: bool = False
    turn: AbstractContextManager[object] = field(default_factory=nullcontext[None])
    started: float = field(default_factory=time.monotonic)

    def complete(self, stop: Event | None = None) -> RunReport:
        """Start it and wait for its end, or until it is to stop; of a trigger that never ends, for ever."""
        with self.running() as query:
            if stop is None:
                query.awaitTermination()
            while stop and not query.awaitTermination(POLLED_EVERY):  # pyright: ignore[reportArgumentType] - takes parts of a second
                if stop.is_set():
                    await_batch(query)
                    self.is_cut_short = query.isActive
                    break
        self._require_room(query.recentProgress)
        return self.report(query)

    @contextmanager
    def running(self) -> Generator[StreamingQuery]:
        """Start it; what ends the query ends the block, and the other way round. Raises its failure, typed."""
        with self.turn:
            make_tables(self.table, self.lake)
            if not self.table.derived:
                settle_replay(self.table, self.lake, self.run_id)
        query = self.query = self._start()
        try:
            yield query
        except Exception as stopped:
            raise (self.failure or self.table.offsets.explain_failure(stopped, self.checkpoint)) from stopped
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
        of_batch = interrupted_entry(table, self.lake, self.checkpoint)
        return Ingest(table, cast("Stateless", state), cast("RecordSource", source), cast("Parse", parse), of_batch)

    def _micro_batch(self, frame: DataFrame, batch_id: int) -> None:
        try:
            with self.turn:
                self._batch(frame, batch_id)
        except Exception:
            failure = BatchFailure(format_exc())
        else:
            return
        # PySpark keeps what is raised until the process ends: with the exception itself, all that its frames hold.
        raise failure

    def _batch(self, frame: DataFrame, batch_id: int) -> None:
        batch = MicroBatch(self.table, self.lake, self.checkpoint, self.run_id, batch_id, frame)
        try:
            require_held(self.lake.root)
            if batch.is_replay:
                self.strategy.complete(batch)
                self.replayed += 1
                return
            if self.query and not batch.is_empty:  # one that is empty only lets the state store forget
                self._require_room([self.query.lastProgress])
            with batch.persist:
                entry = self.strategy.commit(batch, notify_if_lease_held(self.hooks.notify, self.lake))
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
        rows, limit = state_rows([each for each in reported if each]), self.table.max_state_rows
        if rows is not None and is_near_limit(self.table.name, rows, limit) and not self.is_near_limit:
            self.is_near_limit = True
            log.warning("%s: its state store holds %s of %s rows allowed", self.table.name, f"{rows:,}", f"{limit:,}")

    def report(self, query: StreamingQuery) -> RunReport:
        """What the query did since it was started or, in a stream, since its last report."""
        batches, started = tuple(self.committed.popleft() for _ in range(len(self.committed))), self.started
        self.started = time.monotonic()
        first = batches[0].batch_id if batches else 0
        records = [record for record in query.recentProgress if record["batchId"] >= first]
        duration = timedelta(seconds=self.started - started)
        report = report_without_batches(self.table, self.lake, self.checkpoint, self.run_id, duration)
        return replace(
            report,
            batches=batches,
            replayed=self.replayed,
            start=batches[0].start if batches else report.start,
            state_rows=state_rows(records),
            dropped_by_watermark=dropped_by_watermark(records),
            is_cut_short=self.is_cut_short,
        )


def await_batch(query: StreamingQuery) -> None:
    """Let the batch that is on end before the query is stopped: at most :data:`GRACE_PERIOD`."""
    deadline = time.monotonic() + GRACE_PERIOD
    while query.isActive and query.status["isTriggerActive"] and time.monotonic() < deadline:
        time.sleep(0.1)
