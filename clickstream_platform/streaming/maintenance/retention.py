"""Retention: events before a date leave the lake, and with them the rows that were made of them.

A table that holds what its events no longer tell would no longer equal its query; to keep figures for longer than the
events they were counted from, copy them to a table of your own.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from functools import partial

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from clickstream_platform.streaming.batches.persisted import Kept
from clickstream_platform.streaming.batches.processor import handled
from clickstream_platform.streaming.batches.recomputation import difference, hours_reached, recompute, touched
from clickstream_platform.streaming.contract import sink
from clickstream_platform.streaming.contract.side_tables import LATE_EVENTS, QUARANTINE
from clickstream_platform.streaming.contract.state import Processor, Recompute, Stateless, StateStore
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.hours import Hours, as_ranges
from clickstream_platform.streaming.lake.lease import all_leased
from clickstream_platform.streaming.lake.ledger import Amendment, last_entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import during, snapshot
from clickstream_platform.streaming.runtime.run import Hooks, run_leased

RETENTION = "retention"


def due(lake: Lake, retention: timedelta | None) -> date | None:
    """The date before which events are to go; None if none is that old, or all are kept. Reads the log alone.

    Counted back from the newest event, or from today if that is earlier: a lake that nobody feeds keeps its last days,
    and no state store holds a window that old.
    """
    dates = lake.events.dates()
    if not dates or retention is None:
        return None
    before = min(max(dates), datetime.now(timezone.utc).date()) - retention
    return before if min(dates) < before else None


def expire(
    before: date,
    contracts: Sequence[StreamingTable],
    spark: SparkSession,
    lake: Lake,
    hooks: Hooks | None = None,
    *,
    run_id: str | None = None,
) -> int:
    """Remove events before a date, the rows made of them, and the records that were rejected before it.

    Takes the leases of all tables and runs them first: nothing may be unread. ``events`` comes last, so that a run in
    between, or this one run again after a kill, finds what it needs. Rows on both sides of the date are computed anew.

    Returns:
        The number of events removed.

    Raises:
        TableBusyError: a run is at one of the tables and does not end within ten minutes.
    """
    run_id = run_id or uuid.uuid4().hex[:12]
    with all_leased([table.name for table in contracts], lake, run_id):
        for table in contracts:
            run_leased(table, spark, lake, hooks or Hooks(), run_id)
        for table in contracts:
            if table.derived and isinstance(table.state, Stateless):
                _delete(table.name, "timestamp", before, spark, lake, run_id)
            elif isinstance(table.state, Processor):
                _processed(table, before, spark, lake, run_id)
            elif table.derived:
                _recompute(table, before, spark, lake, run_id)
        _delete(QUARANTINE, "arrived_at", before, spark, lake, run_id)
        return _delete("events", "timestamp", before, spark, lake, run_id)


def _delete(name: str, time: str, before: date, spark: SparkSession, lake: Lake, run_id: str) -> int:
    path = lake.table(name).path
    rows = snapshot(spark, path).where(F.col(time) < F.lit(_midnight(before))).count()
    if rows:
        amendment = Amendment(name, RETENTION, run_id, removed=rows)
        writer.delete(path, time, _midnight(before), writer.Commit(amendment.to_json()))
    return rows


def _recompute(table: StreamingTable, before: date, spark: SparkSession, lake: Lake, run_id: str) -> None:
    assert isinstance(table.sink, sink.Upsert)
    assert isinstance(table.state, StateStore | Recompute)
    is_old = F.col("event_date") < before

    def young(hours: Sequence[Hours]) -> DataFrame:
        return during(spark, lake.events, ("timestamp",), hours).where(~is_old)

    with Kept() as keep:
        old = snapshot(spark, lake.events.path).where(is_old)
        touches = keep(touched(old, table.state.by, table.state.reach, 0))
        reached = touches.agg(hours_reached(table.state).alias("hours")).first()
        assert reached is not None
        hours, rows = as_ranges(reached["hours"]), partial(during, spark, lake.table(table.name), table.span)
        changes = recompute(table.query, table.state, table.sink, touches, young, rows, hours, keep)
        _revise(table, changes, table.sink, lake, run_id)


def _processed(table: StreamingTable, before: date, spark: SparkSession, lake: Lake, run_id: str) -> None:
    """Rows of visits that began before that midnight go; visits that it cuts are handled anew from what stays.

    No such visit is still open in the state store, unless it had no pause for as long as events are kept.
    """
    state, entry = table.state, last_entry(lake.table(table.name))
    assert isinstance(state, Processor)
    assert entry is not None
    path, midnight = lake.table(table.name).path, F.lit(_midnight(before))
    into = sink.Upsert(*state.key, span=state.span)
    time, start = F.col(table.watermark.column), F.col(state.span[0])
    with Kept() as keep:
        events, rows = handled(snapshot(spark, lake.events.path), entry, lake), snapshot(spark, path)
        just_before = (time < midnight) & (time >= midnight - F.make_dt_interval(secs=F.lit(_seconds(state))))
        cut = keep(events.where(just_before).select(*state.by).distinct())
        later = rows.where(start >= midnight).join(cut, [*state.by], "left_semi")
        wanted = table.query(events.where(time >= midnight).join(cut, [*state.by], "left_semi"))
        changes = difference(wanted, rows.where(start < midnight).unionByName(later), into)
        _revise(table, changes, into, lake, run_id)
    _delete(LATE_EVENTS, "timestamp", before, spark, lake, run_id)


def _seconds(state: Processor) -> float:
    return state.forget_after.total_seconds()


def _revise(table: StreamingTable, changed: DataFrame, into: sink.Upsert, lake: Lake, run_id: str) -> None:
    """Apply changed rows, outside of any batch; no commit if there are none."""
    changes = changed.toArrow()
    kinds = changes[writer.CHANGE].to_pylist()
    if kinds:
        amendment = Amendment(table.name, RETENTION, run_id, added=kinds.count("insert"), removed=kinds.count("delete"))
        commit = writer.Commit(amendment.to_json())
        writer.merge(changes, lake.table(table.name).path, into.keys, into.span[0], commit)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
