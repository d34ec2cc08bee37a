"""A batch that changes rows: those that its events touch are computed anew, compared, and merged in one commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from clickstream_platform.streaming.batches.micro_batch import MicroBatch, Notify
from clickstream_platform.streaming.batches.persisted import Persisted
from clickstream_platform.streaming.batches.recomputation import Recomputation, hours_reached, touched_intervals
from clickstream_platform.streaming.batches.strategy import Strategy
from clickstream_platform.streaming.contract.state import Recompute, StateStore
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.amendments import apply_changes
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.hours import Hours, hour_ranges
from clickstream_platform.streaming.lake.ledger import RETENTION
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import read_hours, read_snapshot

Revising = TypeVar("Revising", bound=StateStore | Recompute)


@dataclass(frozen=True)
class Changes:
    """What a batch read, and the rows that it changes, with a column ``_change``."""

    rows_in: int
    late_rows: int
    rows: DataFrame


@dataclass(frozen=True)
class RevisingStrategy(Strategy[Revising]):
    """A table whose rows are revised, by :class:`.Recomputation`."""

    def recomputed(self, batch: MicroBatch, new_events: DataFrame | None, gone: DataFrame | None) -> Changes | None:
        """The rows that events touch, of which only keys and times matter; None if there are none.

        Args:
            batch: the batch.
            new_events: events that are new. They are counted.
            gone: events that are there no more, and may be named twice.
        """
        by, reach, uncounted = self.state.by, self.state.reach, {name: F.lit(0) for name in ("events", "late")}
        new = None if new_events is None else touched_intervals(new_events, by, reach, batch.late_before_ms)
        old = None if gone is None else touched_intervals(gone, by, reach, 0).withColumns(uncounted)
        touches = batch.persist(reduce(DataFrame.unionByName, [each for each in (new, old) if each is not None]))
        counts = F.sum("events").alias("events"), F.sum("late").alias("late")
        facts = touches.agg(*counts, hours_reached(self.state).alias("hours")).first()
        assert facts is not None
        if not facts["hours"]:
            return None
        recomputation = Recomputation(self.table, self.state, batch.events_in, batch.table_rows_in, batch.persist)
        return Changes(facts["events"], facts["late"], recomputation.changes(touches, hour_ranges(facts["hours"])))

    def commit_changes(self, batch: MicroBatch, touched: Changes | None, notify: Notify) -> Entry | None:
        """Merge the changed rows, and announce new ones before that.

        If no row changes, the entry is committed alone; if nothing was read, nothing is.
        """
        if touched is None:
            return None
        changes = touched.rows.toArrow()  # consumes a state store's frame, also that of a batch that read nothing
        if not touched.rows_in and not changes.num_rows:
            return None
        if self.table.announces and changes:
            new = changes.filter(pc.field(writer.CHANGE) == "insert").drop_columns(writer.CHANGE)
            notify(self.table, new.to_pylist())
        late_before = pa.scalar(batch.late_before_ms * 1000, pa.timestamp("us", "UTC"))
        entry = batch.entry(
            events_version=batch.versions[1],
            rows_in=touched.rows_in,
            rows_out=changes.num_rows,
            late_rows=touched.late_rows,
            revisions=changes.filter(pc.field("final_at") <= late_before).num_rows,
        )
        return batch.merge(changes, entry)

    def expire(self, midnight: datetime, spark: SparkSession, lake: Lake, run_id: str) -> None:
        """Compute anew what old events touch, without them."""
        held, is_old = lake.table(self.table.name), F.col("timestamp") < F.lit(midnight)

        def young(hours: Sequence[Hours]) -> DataFrame:
            return read_hours(spark, lake.events, ("timestamp",), hours).where(~is_old)

        def rows(hours: Sequence[Hours]) -> DataFrame:
            return read_hours(spark, held, self.table.span, hours)

        with Persisted() as persist:
            old = read_snapshot(spark, lake.events.path).where(is_old)
            touches = persist(touched_intervals(old, self.state.by, self.state.reach, 0))
            reached = touches.agg(hours_reached(self.state).alias("hours")).first()
            assert reached is not None
            recomputation = Recomputation(self.table, self.state, young, rows, persist)
            changes = recomputation.changes(touches, hour_ranges(reached["hours"]))
            apply_changes(changes.toArrow(), self.table.key, self.table.span[0], held, RETENTION, run_id, midnight)
