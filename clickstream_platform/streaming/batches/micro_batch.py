"""One micro-batch as Spark hands it over, and what is known of it without looking at its rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

from clickstream_platform.streaming.batches.persisted import Persisted
from clickstream_platform.streaming.checkpoint import Checkpoint, Planned, next_version
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.hours import Hours
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import read_hours, read_snapshot
from clickstream_platform.streaming.lake.tables import LakeTable

Notify = Callable[[StreamingTable, "list[dict[str, Any]]"], None]


@dataclass
class MicroBatch:
    """One batch of a table.

    Attributes:
        table: the table's contract.
        lake: where it lies.
        checkpoint: the generation of it that plans the batch.
        run_id: the run.
        batch_id: its number in the generation.
        frame: what Spark read. What its rows are, the strategy says that made the stream.
        started: when it began, by the monotonic clock.
        persist: persists frames until the batch is done.
    """

    table: StreamingTable
    lake: Lake
    checkpoint: Checkpoint
    run_id: str
    batch_id: int
    frame: DataFrame
    started: float = field(default_factory=time.monotonic)
    persist: Persisted = field(default_factory=Persisted)

    @cached_property
    def plan(self) -> Planned:
        """What ``offsets/<n>`` says; written by Spark before the batch runs, and never again."""
        plan = self.checkpoint.plan(self.batch_id)
        assert plan is not None
        return plan

    @cached_property
    def start(self) -> dict[str, Any] | None:
        """The source's offset where it begins, included; None for the first of a source that has no beginning."""
        return self.checkpoint.start(self.batch_id)

    @cached_property
    def late_before_ms(self) -> int:
        """Event time at or before which an event is late: the watermark, or a state store's of the batch before."""
        if self.table.state.drops_late:
            return self.checkpoint.late_before_ms(self.batch_id)
        return self.plan.watermark_ms

    @property
    def versions(self) -> tuple[int, int]:
        """The versions of ``events`` that it reads, both included."""
        return next_version(self.start), next_version(self.plan.end) - 1

    @property
    def is_empty(self) -> bool:
        """Whether its source had not moved. Spark runs such a batch to let a state store forget."""
        return self.plan.end == self.start

    @property
    def target(self) -> LakeTable:
        """The Delta table that the batch commits to."""
        return self.lake.table(self.table.name)

    @property
    def is_replay(self) -> bool:
        """Whether its commit is in the table already: it was killed between that and ``commits/<n>``."""
        last = self.target.transaction(self.checkpoint.app_id)
        return last is not None and last >= self.batch_id

    def events(self) -> DataFrame:
        """All events as of the version that the batch ends at, never the newest."""
        return read_snapshot(self.frame.sparkSession, self.lake.events.path, self.versions[1])

    def table_rows(self) -> DataFrame:
        """The rows that the table has now, before the batch's commit."""
        return read_snapshot(self.frame.sparkSession, self.target.path)

    def events_in(self, hours: Sequence[Hours]) -> DataFrame:
        """The events of some hours, as of the version that the batch ends at."""
        return read_hours(self.frame.sparkSession, self.lake.events, ("timestamp",), hours, self.versions[1])

    def table_rows_in(self, hours: Sequence[Hours]) -> DataFrame:
        """The rows of some hours that the table has."""
        return read_hours(self.frame.sparkSession, self.target, self.table.span, hours)

    def entry(self, **counts: Any) -> Entry:
        """The ledger entry, with what the caller counted."""
        return Entry(
            table=self.table.name,
            generation=self.checkpoint.generation,
            batch_id=self.batch_id,
            run_id=self.run_id,
            source=self.checkpoint.source,
            start=self.start,
            end=self.plan.end,
            late_before_ms=self.late_before_ms,
            committed_at_ms=time.time_ns() // 1_000_000,
            duration_ms=round((time.monotonic() - self.started) * 1000),
            **counts,
        )

    def merge(self, changes: pa.Table, entry: Entry) -> Entry | None:
        """Commit changed rows, as :func:`.writer.merge` takes them; the entry alone if there are none.

        Returns:
            The entry; None if the batch's transaction was found in the table.
        """
        path, commit = self.target.path, self.commit(entry)
        if changes.num_rows:
            written = writer.merge(changes, path, self.table.key, self.table.span[0], commit)
        else:
            written = writer.commit_entry(path, commit)
        return entry if written else None

    def commit(self, entry: Entry) -> writer.Commit:
        """What the one commit of the batch carries."""
        return writer.Commit(entry.to_json(), (self.checkpoint.app_id, self.batch_id))
