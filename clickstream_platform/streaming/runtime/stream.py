"""``stream``: tables side by side in one process, each with a query of its own, until it is told to stop.

A query that fails is started again, after a pause that grows with every failure in a row; the other tables go on.
What a table promises after a run it promises here after every batch, because both are the same query, checkpoint and
commit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from threading import Event, Lock
from typing import Any

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery
from tenacity import RetryCallState, Retrying, retry_if_exception
from tenacity.nap import sleep_using_event
from tenacity.stop import stop_when_event_set

from clickstream_platform.errors import RetryableError, SetupError
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.contract.trigger import ProcessingTime
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.lease import lease
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe import listener
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.report import RunReport
from clickstream_platform.streaming.runtime.run import prepare_run
from clickstream_platform.streaming.runtime.streaming_query import POLLED_EVERY, Run, await_batch

CONFS = {"spark.sql.streaming.numRecentProgressUpdates": "100"}  # a stream has no end, and each takes some kilobytes
SELDOM_PLANNED = 10.0  # seconds between two looks at what the source has, at most
REPORTED = timedelta(minutes=1)  # at most as often; a table with a longer interval reports each batch
LONGEST_PAUSE = 60.0  # seconds; the first is 1 and each is twice the one before


@dataclass(frozen=True)
class StreamObserver:
    """What a caller may want to hear of a stream, beside its hooks. Called by one thread at a time.

    Attributes:
        failed: the table, what went wrong, and the seconds until it is started again.
        reported: the table and what it did since the last report, about once a minute if it did anything.
    """

    failed: Callable[[StreamingTable, BaseException, float], None]
    reported: Callable[[StreamingTable, RunReport], None] = lambda table, report: None


def require_inputs(tables: Sequence[StreamingTable], lake: Lake) -> None:
    """Refuse tables that would wait for ever: what they read is neither there nor among them (a SourceError)."""
    if all(table.derived for table in tables):
        for table in tables:
            table.offsets.require_there(table.name, lake)


def stream(
    tables: Sequence[StreamingTable],
    spark: SparkSession,
    lake: Lake,
    hooks: Hooks,
    observer: StreamObserver,
    stop: Event,
    *,
    run_id: str,
) -> None:
    """Keep tables up to date until ``stop`` is set; then end their queries and free their leases.

    A batch that is on gets :data:`.GRACE_PERIOD` seconds to end. One that does not is replayed by whoever goes on.

    Args:
        tables: contracts whose triggers do not end.
        spark: the session; it is neither configured nor stopped. :data:`CONFS` should be among its confs.
        lake: where tables and checkpoints lie.
        hooks: as of a run; called from several threads.
        observer: what else to call.
        stop: set by whoever ends the stream.
        run_id: the stream's name in leases and entries.

    Raises:
        SetupError: the JVM has ended.
    """
    listener.listen(spark)  # once, before several threads do
    observer_lock = Lock()
    awaited = {column.name for table in tables if not table.derived for column in table.columns}
    streams = [
        _SourceStream(each, spark, lake, hooks, observer, stop, observer_lock, shared, awaited)
        for table in tables
        for shared in [_TableQueries(table, lake, run_id)]
        for each in table.by_source()
    ]
    with ThreadPoolExecutor(len(streams), "table") as threads:
        try:
            results = [threads.submit(each_stream.keep_running) for each_stream in streams]
            stop.wait()
        finally:
            stop.set()
    for result in results:
        result.result()


class _TableQueries:
    """What the queries of all sources of one table have together: its lease, and their turn to do a batch."""

    def __init__(self, table: StreamingTable, lake: Lake, run_id: str) -> None:
        self.run_id = run_id
        self.turn = Lock() if table.further else nullcontext()
        self._lease = partial(lease, lake, table.name, run_id, trigger=table.trigger.name)
        self._entering, self._users, self._held = Lock(), 0, ExitStack()

    @contextmanager
    def leased(self) -> Generator[None]:
        """Hold the lease: the first query takes it, the last one lets it go. Raises what :func:`.lease` does."""
        with self._entering:
            if not self._users:
                self._held.enter_context(self._lease())
            self._users += 1
        try:
            yield
        finally:
            with self._entering:
                self._users -= 1
                if not self._users:
                    self._held.close()


@dataclass
class _SourceStream:
    """One source of a table of a stream, in a thread of its own."""

    table: StreamingTable
    spark: SparkSession
    lake: Lake
    hooks: Hooks
    observer: StreamObserver
    stop: Event
    observer_lock: Lock  # held while the observer is called
    shared: _TableQueries
    awaited: Collection[str]  # columns that `events` will have once its own query of this stream has started
    failures: int = 0  # since the last commit
    reported_at: float = field(default_factory=time.monotonic)
    planned_at: float = 0

    def keep_running(self) -> None:
        """Run the table until the stream stops, however often its query fails."""
        again = Retrying(
            retry=retry_if_exception(lambda _: self.stop.is_set() or _is_alive(self.spark)),
            wait=lambda _: min(2.0 ** (self.failures - 1), LONGEST_PAUSE),
            sleep=sleep_using_event(self.stop),
            before_sleep=self._say,
            stop=stop_when_event_set(self.stop),
            retry_error_callback=lambda _: None,  # it failed because it was told to stop, or just then
        )
        try:
            again(self._run)
        except Exception as failure:
            raise SetupError("spark", "its JVM has ended", "see spark.log, and start the stream again") from failure
        finally:
            self.stop.set()

    def _run(self) -> None:
        """One query, from lease to lease. Returns when the stream stops; what fails before raises."""
        if self._is_told_to_stop_before_there_is_input():
            return
        try:
            with self.shared.leased():
                run = prepare_run(self.table, self.spark, self.lake, self._hooks(), self.shared.run_id)
                run.turn = self.shared.turn
                with run.running() as query:
                    self._watch(run, query)
        except Exception:
            self.failures += 1
            raise
        self.hooks.ended(self.table)

    def _is_told_to_stop_before_there_is_input(self) -> bool:
        """Waits for the first commit of ``events``: five tables of nothing would only be in its way.

        And for the columns that it gains, at whose commit a query that reads it would stop.
        """
        while self.table.derived and not self._is_input_there() and not self.stop.wait(POLLED_EVERY):
            pass
        return self.stop.is_set()

    def _is_input_there(self) -> bool:
        return bool(self.lake.events.version()) and self.lake.events.column_names().issuperset(self.awaited)

    def _watch(self, run: Run, query: StreamingQuery) -> None:
        try:
            while not query.awaitTermination(POLLED_EVERY):  # pyright: ignore[reportArgumentType] - takes parts of a second
                if self.stop.is_set():
                    await_batch(query)
                    return
                self._plan(run)
                if time.monotonic() - self.reported_at >= REPORTED.total_seconds():
                    self._report(run, query)
        finally:
            self._report(run, query)
        raise RetryableError(self.table.title, "its query ended, and nobody had told it to", "it is started again")

    def _plan(self, run: Run) -> None:
        """Let the source offer what has come, some times between two triggers."""
        interval = self.table.trigger.interval if isinstance(self.table.trigger, ProcessingTime) else timedelta(0)
        if time.monotonic() - self.planned_at >= min(interval.total_seconds() / 4, SELDOM_PLANNED):
            run.table.offsets.plan(run.checkpoint)
            self.planned_at = time.monotonic()

    def _report(self, run: Run, query: StreamingQuery) -> None:
        if run.committed:
            with self.observer_lock:
                self.observer.reported(self.table, run.report(query))
        self.reported_at = time.monotonic()

    def _hooks(self) -> Hooks:
        def committed(entry: Entry) -> None:
            self.failures = 0
            self.hooks.committed(entry)
            if self.table.announces:  # here, before the next batch announces rows that are not in the table yet
                self.hooks.ended(self.table)

        return replace(self.hooks, committed=committed)

    def _say(self, state: RetryCallState) -> None:
        failure = state.outcome and state.outcome.exception()
        if failure and not self.stop.is_set():
            with self.observer_lock:
                self.observer.failed(self.table, failure, state.upcoming_sleep)


def _is_alive(spark: SparkSession) -> bool:
    try:
        context: Any = spark.sparkContext._jsc  # pyright: ignore[reportPrivateUsage] - nothing else asks the JVM
        return context is not None and not context.sc().isStopped()
    except (Py4JError, OSError):
        return False
