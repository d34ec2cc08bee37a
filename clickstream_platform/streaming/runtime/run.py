"""``run``: the only caller of ``writeStream``. One streaming query, from start to stop."""

from __future__ import annotations

import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.types import DataType, StructField, StructType

from clickstream_platform.errors import CheckpointError, ClickstreamError, SourceError, UnreachableError
from clickstream_platform.events import schema
from clickstream_platform.events.parsing import Parse
from clickstream_platform.streaming.batches.micro_batch import MicroBatch, Notify, land
from clickstream_platform.streaming.batches.processor import head_start, land_processed, mend
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract import sink
from clickstream_platform.streaming.contract.side_tables import LATE_EVENTS, QUARANTINE
from clickstream_platform.streaming.contract.state import Processor, Recompute, Stateless, StateStore, comes_near
from clickstream_platform.streaming.contract.table import Column, StreamingTable, columns_of
from clickstream_platform.streaming.contract.trigger import ending
from clickstream_platform.streaming.ingest import staging
from clickstream_platform.streaming.ingest.ingest import ingest
from clickstream_platform.streaming.lake import generations, writer
from clickstream_platform.streaming.lake.lease import lease
from clickstream_platform.streaming.lake.ledger import Entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe import listener
from clickstream_platform.streaming.runtime import admission, fingerprint, report
from clickstream_platform.streaming.runtime.report import RunReport
from clickstream_platform.streaming.sources import delta
from clickstream_platform.streaming.sources.delta import FromTable
from clickstream_platform.streaming.sources.files import source as files
from clickstream_platform.streaming.sources.files.source import FileSource
from clickstream_platform.streaming.sources.kafka import continuity, reader
from clickstream_platform.streaming.sources.kafka.source import KafkaSource

log = logging.getLogger(__name__)

Starts = dict[str, dict[str, int]]  # where a first run over Kafka begins, by topic and partition


def log_new_rows(table: StreamingTable, rows: list[dict[str, Any]]) -> None:
    """The default ``notify`` hook: one warning a row."""
    for row in rows:
        log.warning("%s: %s", table.name, ", ".join(f"{name}={value}" for name, value in row.items()))


@dataclass
class Hooks:
    """What a caller may want to hear while a run is on.

    Attributes:
        notify: new rows of a table that announces them, at least once each, before their commit.
        committed: each batch's entry, right after its commit.
        ended: the table, after a run of it that ended well: its lease is free again. In a stream, which does not end,
            after each commit of a table that announces its rows: all that it announced is in the table.
        forgotten: the user id, once a person has left every table; whoever keeps rows elsewhere deletes theirs.
    """

    notify: Notify = log_new_rows
    committed: Callable[[Entry], None] = field(default=lambda entry: None)
    ended: Callable[[StreamingTable], None] = field(default=lambda table: None)
    forgotten: Callable[[str], None] = field(default=lambda user_id: None)


def run(
    table: StreamingTable,
    spark: SparkSession,
    lake: Lake,
    hooks: Hooks | None = None,
    *,
    run_id: str | None = None,
    take_over: bool = False,
) -> RunReport:
    """Process what is there for a table, then stop. A run with nothing new writes no commit.

    After every batch the table equals its query over ``events`` at the version in the batch's entry. Killed anywhere,
    the next run goes on from the checkpoint.

    Args:
        table: the table's contract.
        spark: the session; it is neither configured nor stopped.
        lake: where tables and checkpoints lie.
        hooks: what to call on the way.
        run_id: the run's name in leases and entries; made up if not given.
        take_over: take a lease that another host has left behind.

    Raises:
        TableBusyError: another run is at it.
        CheckpointError: checkpoint and table, or checkpoint and contract, do not belong together.
        SourceError: the source cannot be read, or ``events`` does not exist yet.
        UnreachableError: Kafka does not answer, or stopped answering.
        StateError: the state store has outgrown its limit. What is committed stays.
    """
    run_id, hooks = run_id or uuid.uuid4().hex[:12], hooks or Hooks()
    with lease(lake, table.name, run_id, take_over=take_over):
        report = run_leased(table, spark, lake, hooks, run_id)
    hooks.ended(table)
    return report


def run_leased(table: StreamingTable, spark: SparkSession, lake: Lake, hooks: Hooks, run_id: str) -> RunReport:
    """As :func:`run`, for a caller that holds the table's lease; ``hooks.ended`` is left to it."""
    return admitted(replace(table, trigger=ending(table.trigger)), spark, lake, hooks, run_id).complete()


def admitted(table: StreamingTable, spark: SparkSession, lake: Lake, hooks: Hooks, run_id: str) -> Run:
    """A run of a table with the table's own trigger, not started, for a caller that holds the lease.

    Raises what :func:`run` does, but for the lease.
    """
    require_input(table, lake)
    checkpoint = admission.admitted(lake, table)
    fingerprint.check(checkpoint, fingerprint.of(table, spark))
    starts = continuity.admit(table.offsets, checkpoint) if isinstance(table.offsets, KafkaSource) else {}
    return Run(table, spark, lake, checkpoint, hooks, run_id, starts)


def rebuild(
    table: StreamingTable, spark: SparkSession, lake: Lake, hooks: Hooks | None = None, *, run_id: str | None = None
) -> RunReport:
    """Begin a new generation: batch 0 reads all of ``events`` and overwrites the table in one commit.

    Killed before that commit, nothing has changed. Raises what :func:`run` does, and a CheckpointError for
    ``events``, which has nothing to be rebuilt from.
    """
    if not table.derived:
        raise CheckpointError(
            table.name, "it is read from the source, which may have moved on", "rebuild the tables that read it"
        )
    run_id, hooks = run_id or uuid.uuid4().hex[:12], hooks or Hooks()
    with lease(lake, table.name, run_id):
        report = rebuild_leased(table, spark, lake, hooks, run_id)
    hooks.ended(table)
    return report


def rebuild_leased(table: StreamingTable, spark: SparkSession, lake: Lake, hooks: Hooks, run_id: str) -> RunReport:
    """As :func:`rebuild`, for a caller that holds the table's lease; ``hooks.ended`` is left to it."""
    require_input(table, lake)
    checkpoint = generations.following(lake, table.name)
    fingerprint.write(checkpoint, fingerprint.of(table, spark))
    table = replace(table, trigger=ending(table.trigger))
    return Run(table, spark, lake, checkpoint, hooks, run_id).complete()


def require_input(table: StreamingTable, lake: Lake) -> None:
    """Refuse a table whose input table is not there yet (a SourceError)."""
    if isinstance(table.offsets, FromTable) and not lake.table(table.offsets.name).exists:
        raise SourceError(table.name, f"there is no table {table.offsets.name} yet", f"run {table.offsets.name} first")


@dataclass
class Run:
    """One streaming query of a table, and what its batches did."""

    table: StreamingTable
    spark: SparkSession
    lake: Lake
    checkpoint: Checkpoint
    hooks: Hooks
    run_id: str
    starts: Starts = field(default_factory=dict[str, dict[str, int]])
    landed: deque[Entry] = field(default_factory=deque[Entry])  # since the last report
    replayed: int = 0
    failure: Exception | None = None
    query: StreamingQuery | None = None
    is_near_limit: bool = False
    started: float = field(default_factory=time.monotonic)

    def complete(self) -> RunReport:
        """Start it and wait for its end; of a trigger that never ends, for ever."""
        with self.going_on() as query:
            query.awaitTermination()
        self._require_room(query.recentProgress)
        return self.report(query)

    @contextmanager
    def going_on(self) -> Generator[StreamingQuery]:
        """Start it; what ends the query ends the block, and the other way round. Raises its failure, typed."""
        _create(self.lake, self.table)
        query = self.query = self._start()
        try:
            yield query
        except Exception as stopped:
            raise (self.failure or _typed(self.table, self.checkpoint, stopped)) from stopped
        finally:
            query.stop()

    def _start(self) -> StreamingQuery:
        spark = _numbering(self.spark) if isinstance(self.table.offsets, FileSource) else self.spark
        listener.listen(spark)
        return (
            self._stream(spark)
            .writeStream.queryName(f"{self.table.name}-{self.run_id}")
            .outputMode("update" if isinstance(self.table.state, StateStore) else "append")
            .option("checkpointLocation", str(self.checkpoint.path))
            .trigger(**self.table.trigger.options())
            .foreachBatch(self._micro_batch)
            .start()
        )

    def _micro_batch(self, frame: DataFrame, batch_id: int) -> None:
        batch = MicroBatch(self.table, self.lake, self.checkpoint, self.run_id, batch_id, frame)
        try:
            if batch.replays:
                if isinstance(self.table.state, Processor):
                    mend(batch)
                frame.count()  # a stateful frame that nobody reads fails, and the watermark would not move
                self.replayed += 1
                return
            if self.query and not batch.is_empty:  # one that is empty only lets the state store forget
                self._require_room([self.query.lastProgress])
            entry = self._land(batch)
            if entry:
                self.landed.append(entry)
                self.hooks.committed(entry)
        except Exception as failure:
            self.failure = failure if isinstance(failure, ClickstreamError) else None
            raise

    def _require_room(self, reported: list[Any]) -> None:
        """Look at the state store as the last batch left it, by what Spark has reported of the batches so far."""
        if isinstance(self.table.state, Stateless | Recompute):
            return
        rows, limit = report.state_rows([each for each in reported if each]), self.table.max_state_rows
        if rows is not None and comes_near(self.table.name, rows, limit) and not self.is_near_limit:
            self.is_near_limit = True
            log.warning("%s: its state store holds %s of %s rows allowed", self.table.name, f"{rows:,}", f"{limit:,}")

    def _land(self, batch: MicroBatch) -> Entry | None:
        if not self.table.derived:
            return ingest(batch)
        return land_processed(batch) if isinstance(self.table.state, Processor) else land(batch, self.hooks.notify)

    def _stream(self, spark: SparkSession) -> DataFrame:
        """The streaming DataFrame whose batches :meth:`_land` takes."""
        table, source = self.table, self.table.offsets
        if isinstance(table.query, Parse):
            return table.watermark.of(self._staging(spark, table.query))
        assert isinstance(source, FromTable)
        events = table.watermark.of(delta.read_table(spark, self.lake.table(source.name).path))
        if isinstance(table.state, Processor):
            return table.state.update(events, head_start(table, spark, self.lake, self.checkpoint))
        if isinstance(table.state, StateStore):
            return table.query(events)
        if isinstance(table.state, Recompute):  # only says which keys and times are touched
            return events.select(*dict.fromkeys((*table.state.by, "timestamp")))
        return events

    def _staging(self, spark: SparkSession, parse: Parse) -> DataFrame:
        source, folder = self.table.offsets, staging.folder_of(self.lake)
        if isinstance(source, FileSource):
            return staging.staging(files.read_files(spark, source), parse, folder, lines=True)
        assert isinstance(source, KafkaSource)
        return staging.staging(reader.read_kafka(spark, source, self.starts), parse, folder, lines=False)

    def report(self, query: StreamingQuery) -> RunReport:
        """What it did since it was started or, in a stream, since it last reported."""
        batches, started = tuple(self.landed.popleft() for _ in range(len(self.landed))), self.started
        self.started = time.monotonic()
        first = batches[0].batch_id if batches else 0
        records = [record for record in query.recentProgress if record["batchId"] >= first]
        target = self.lake.table(self.table.name)
        planned = self.checkpoint.plan(self.checkpoint.committed())
        return RunReport(
            table=self.table.name,
            run_id=self.run_id,
            generation=self.checkpoint.generation,
            batches=batches,
            replayed=self.replayed,
            start=batches[0].start if batches else (planned.end if planned else None),
            end=planned.end if planned else None,
            watermark_ms=self.checkpoint.watermark_ms(),
            state_rows=report.state_rows(records),
            dropped_by_watermark=report.dropped_by_watermark(records),
            rows=target.rows(),
            delta_version=target.version() or 0,
            duration=timedelta(seconds=self.started - started),
        )


def _create(lake: Lake, table: StreamingTable) -> None:
    """Make the empty Delta tables of a contract, if they are not there yet."""
    if not table.derived and not lake.table(QUARANTINE).exists:
        _create_table(lake, QUARANTINE, columns_of(schema.QUARANTINE), "arrived_at")
    if isinstance(table.state, Processor) and not lake.table(LATE_EVENTS).exists:
        _create_table(lake, LATE_EVENTS, columns_of(schema.LATE), "timestamp")
    if not lake.table(table.name).exists:
        size = writer.UPSERTED_FILE if isinstance(table.sink, sink.Upsert) else writer.APPENDED_FILE
        _create_table(lake, table.name, table.columns, ",".join(table.span), table.partition_by, size)


def _create_table(
    lake: Lake,
    name: str,
    columns: tuple[Column, ...],
    times: str,
    partition_by: tuple[str, ...] = (),
    file_size: int = writer.APPENDED_FILE,
) -> None:
    properties = {
        "delta.enableDeletionVectors": "false",  # everyone can read it
        "delta.dataSkippingStatsColumns": times,  # statistics on times only: no id stays in the log
        "delta.enableExpiredLogCleanup": "false",  # only `maintain` cleans the log, once the ledger in it is rolled up
        "delta.checkpointInterval": "10",
        "delta.targetFileSize": str(file_size),
    }
    fields = [
        StructField(each.name, DataType.fromDDL(each.type), metadata={"comment": each.description}) for each in columns
    ]
    writer.create(lake.table(name).path, StructType(fields), partition_by, properties)


def _typed(table: StreamingTable, checkpoint: Checkpoint, stopped: Exception) -> Exception:
    """A query's failure as an error a person can act on, where there is one."""
    if not isinstance(table.offsets, KafkaSource):
        return stopped
    try:
        continuity.standing(table.offsets, checkpoint)
    except ClickstreamError as found:  # the cluster is down, or the topics have changed since the run began
        return found
    if any(sign in str(stopped) for sign in _KAFKA_WAS_AWAY):
        finding = f"{table.offsets.servers} did not answer for some seconds, and does again"
        return UnreachableError("kafka", finding, "run it again: the next run goes on from there")
    return stopped


_KAFKA_WAS_AWAY = (
    "org.apache.kafka.common.errors.TimeoutException",
    "org.apache.kafka.common.errors.DisconnectException",
    "java.util.concurrent.TimeoutException: Cannot fetch record",
)


def _numbering(spark: SparkSession) -> SparkSession:
    """A session that scans one file by one task. A stream reads by the confs of the session that made it."""
    session = spark.newSession()
    for key, value in files.ONE_TASK_A_FILE.items():
        session.conf.set(key, value)
    return session
