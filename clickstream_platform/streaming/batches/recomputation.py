"""Recomputation: the one answer to lateness, sessions and repairs.

A row of a table is a function of some events near each other in time. Whichever of these events are new, the row
computed anew from all of them is right. So a batch is handled in four steps: *touched* intervals of event time for
each key; *widened* by the table's own rows that an event may join; the *events* of those intervals, of those keys
only; the table's query over them, compared with what the table holds.

One widening is enough for sessions: two of them stay more than a gap apart, so a row that no touched interval reaches
cannot change, and each one that is reached lies wholly inside its interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from clickstream_platform.streaming.contract.state import Recompute, StateStore
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.hours import Hours, hour_of, hour_ranges
from clickstream_platform.streaming.lake.reader import keys_match
from clickstream_platform.streaming.lake.writer import CHANGE

ReadHours = Callable[["Sequence[Hours]"], DataFrame]  # the rows of some hours


def touched_intervals(events: DataFrame, by: Sequence[str], reach: timedelta, late_before_ms: int) -> DataFrame:
    """For each key and stretch of time: the first and last event, how many there are, and how many are late."""
    stretch = F.floor(F.unix_micros("timestamp") / F.lit(_micros(reach))).alias("stretch")
    return events.groupBy(*by, stretch).agg(
        F.min("timestamp").alias("first"),
        F.max("timestamp").alias("last"),
        F.count("*").alias("events"),
        F.count_if(F.col("timestamp") <= F.timestamp_millis(F.lit(late_before_ms))).alias("late"),
    )


@dataclass(frozen=True)
class Recomputation:
    """A table to bring up to its query, and how to read it.

    Attributes:
        table: its contract: the query, its key, the span of its rows.
        state: how far an event reaches, by which columns the query is local, whether rows join.
        events: reads events of some hours, the new ones included, as of the version that the batch ends at.
        rows: reads the table's rows of some hours, as it is.
        persist: persists a frame for as long as the result is used.
    """

    table: StreamingTable
    state: Recompute | StateStore
    events: ReadHours
    rows: ReadHours
    persist: Callable[[DataFrame], DataFrame]

    def changes(self, touched: DataFrame, hours: Sequence[Hours]) -> DataFrame:
        """What must change in the table so that it equals its query again.

        Args:
            touched: what :func:`touched_intervals` made of the new events. Read twice: persist it.
            hours: the hours that the touched intervals reach (:func:`hours_reached`).

        Returns:
            The changed rows with a column ``_change``: insert, update or delete; rows that stay as they are are left
            out. Lazy; only where rows can join, building it runs a small job that finds the hours of the widened
            intervals.
        """
        by, (start, end) = self.state.by, self.table.span
        reached = touched.select(*by, *_bounds(self.state))
        near = self.rows(hours)
        if self.state.joins_rows:
            reached = reached.unionByName(self._within_reach(near, reached))
        intervals = self.persist(_merge_intervals(reached, by))
        if self.state.joins_rows:
            hours = _hours_of(intervals)
        inside = (F.col(f"t.{start}") >= F.col("s.lo")) & (F.col(f"t.{end}") <= F.col("s.hi"))
        during = F.col("t.timestamp").between(F.col("s.lo"), F.col("s.hi"))
        wanted = self.table.query(_rows_touched(self.events(hours), intervals, by, during))
        return row_changes(
            _rows_touched(wanted, intervals, by, inside), _rows_touched(near, intervals, by, inside), self.table.key
        )

    def _within_reach(self, rows: DataFrame, reached: DataFrame) -> DataFrame:
        """The spans of the table's own rows that a touched interval overlaps or meets."""
        start, end = self.table.span
        held = rows.select(*self.state.by, F.col(start).alias("lo"), F.col(end).alias("hi"))
        overlaps = (F.col("t.lo") <= F.col("s.hi")) & (F.col("t.hi") >= F.col("s.lo"))
        return _rows_touched(held, reached, self.state.by, overlaps)


def hours_reached(state: Recompute | StateStore) -> Column:
    """The hours that :func:`touched_intervals` reach, as an aggregate for :func:`hour_ranges`."""
    return F.array_sort(F.array_distinct(F.flatten(F.collect_set(_hours(*_bounds(state))))))


def _bounds(state: Recompute | StateStore) -> tuple[Column, Column]:
    reach = F.make_dt_interval(secs=F.lit(state.reach.total_seconds()))
    return (F.col("first") - reach).alias("lo"), (F.col("last") + reach).alias("hi")


def _hours(lo: Column, hi: Column) -> Column:
    return F.sequence(hour_of(lo), hour_of(hi))


def _hours_of(intervals: DataFrame) -> list[Hours]:
    rows = intervals.select(F.explode(_hours(F.col("lo"), F.col("hi"))).alias("hour")).distinct().collect()
    return hour_ranges(sorted(row.hour for row in rows))


def _micros(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1_000_000)


def _merge_intervals(intervals: DataFrame, by: Sequence[str]) -> DataFrame:
    """Intervals of the same key that overlap or meet become one."""
    ordered = Window.partitionBy(*by).orderBy("lo", "hi")
    before = F.max("hi").over(ordered.rowsBetween(Window.unboundedPreceding, -1))
    begins = (before.isNull() | (F.col("lo") > before)).cast("int")
    numbered = intervals.withColumn("begins", begins).withColumn("island", F.sum("begins").over(ordered))
    return numbered.groupBy(*by, "island").agg(F.min("lo").alias("lo"), F.max("hi").alias("hi")).drop("island")


def _rows_touched(rows: DataFrame, intervals: DataFrame, by: Sequence[str], inside: Column) -> DataFrame:
    """The rows ``t`` of which some interval ``s`` of the same key satisfies the condition."""
    return rows.alias("t").join(intervals.alias("s"), keys_match(tuple(by), "t", "s") & inside, "left_semi")


def row_changes(wanted: DataFrame, held: DataFrame, key: tuple[str, ...]) -> DataFrame:
    """What turns ``held`` into ``wanted``, with a column ``_change``."""
    w = wanted.withColumn("_there", F.lit(True)).alias("w")
    h = held.withColumn("_there", F.lit(True)).alias("h")
    both = w.join(h, keys_match(key, "w", "h"), "full_outer")
    same = keys_match(tuple(wanted.columns), "w", "h")
    change = (
        F.when(F.col("w._there").isNull(), "delete").when(F.col("h._there").isNull(), "insert").when(~same, "update")
    )
    gone = F.col("w._there").isNull()
    values = [F.when(gone, F.col(f"h.{c}")).otherwise(F.col(f"w.{c}")).alias(c) for c in wanted.columns]
    return both.select(*values, change.alias(CHANGE)).where(F.col(CHANGE).isNotNull())
