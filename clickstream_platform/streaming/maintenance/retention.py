"""Retention: events before a date leave the lake, and with them the rows that were made of them.

A table that holds what its events no longer tell would no longer equal its query; to keep figures for longer than the
events they were counted from, copy them to a table of your own.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.lease import all_leased
from clickstream_platform.streaming.lake.ledger import RETENTION
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime.hooks import Hooks

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


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
    from clickstream_platform.streaming.batches.strategies import strategy_of  # noqa: PLC0415 - Spark, and `due` has none
    from clickstream_platform.streaming.runtime.run import run_leased  # noqa: PLC0415

    run_id = run_id or uuid.uuid4().hex[:12]
    midnight = datetime(before.year, before.month, before.day, tzinfo=timezone.utc)
    with all_leased([table.name for table in contracts], lake, run_id):
        for table in contracts:
            run_leased(table, spark, lake, hooks or Hooks(), run_id)
        rows = lake.events.rows()
        for table in contracts:
            if table.derived:
                strategy_of(table).expire(midnight, spark, lake, run_id)
                _expire_beside(table, midnight, spark, lake, run_id)  # what the table was without goes after it
        for table in contracts:
            if not table.derived:
                _expire_beside(table, midnight, spark, lake, run_id)
                strategy_of(table).expire(midnight, spark, lake, run_id)
        return rows - lake.events.rows()


def _expire_beside(table: StreamingTable, midnight: datetime, spark: SparkSession, lake: Lake, run_id: str) -> None:
    from clickstream_platform.streaming.lake.amendments import remove_before  # noqa: PLC0415 - Spark

    if table.beside:
        remove_before(midnight, table.beside.time, lake.table(table.beside.name), spark, RETENTION, run_id)
