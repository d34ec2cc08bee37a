"""Retention: events before a date leave the lake, and with them the rows that were made of them.

A table that holds what its events no longer tell would no longer equal its query; to keep figures for longer than the
events they were counted from, copy them to a table of your own.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.lease import lease_all
from clickstream_platform.streaming.lake.ledger import RETENTION
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.tables import LakeTable
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.wording import number_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def expiry_date(lake: Lake, retention: timedelta | None) -> date | None:
    """The date before which events are to go; None if none is that old, or all are kept. Reads the log alone.

    Counted back from the newest event, or from today if that is earlier: a lake that nobody feeds keeps its last days,
    and no state store holds a window that old.
    """
    dates = lake.events.dates()
    if not dates or retention is None:
        return None
    before = min(max(dates), datetime.now(timezone.utc).date()) - retention
    return before if min(dates) < before else None


@dataclass(frozen=True)
class ExpiryPlan:
    """What the next ``maintain`` removes because it is too old.

    Attributes:
        before: the date before which events leave; None if none is that old, or all are kept.
        events: those that leave, by their date.
        rejected_before: the date before which rejected records leave; None likewise.
        rejected: how many of them leave.
    """

    before: date | None = None
    events: dict[date, int] = field(default_factory=dict[date, int])
    rejected_before: date | None = None
    rejected: int = 0

    @property
    def has_any(self) -> bool:
        """Whether anything leaves."""
        return bool(self.events or self.rejected)

    def describe(self) -> list[str]:
        """What leaves, in words: a part for each table that it leaves."""
        events = [f"{number_of(sum(self.events.values()), 'event')} of before {self.before}"] if self.events else []
        rejected = f"{number_of(self.rejected, 'rejected record')} of before {self.rejected_before}"
        return [*events, *([rejected] if self.rejected else [])]


def plan_expiry(
    contracts: Sequence[StreamingTable], lake: Lake, retention: timedelta | None, of_rejected: timedelta | None
) -> ExpiryPlan:
    """Look what is too old, and remove nothing. No JVM: reads Delta's log, and the times of rejected records.

    Args:
        contracts: all tables.
        lake: where they lie.
        retention: how long events are kept; None for ever.
        of_rejected: how long rejected records are kept, if shorter; counted back from today.
    """
    before = expiry_date(lake, retention)
    old = {day: rows for day, rows in lake.events.rows_by_date().items() if day < before} if before else {}
    cut = _rejected_before(before, of_rejected)
    rejected = (
        0
        if cut is None
        else sum(table.rows_before(_midnight(cut), time) for table, time in _rejected_tables(contracts, lake))
    )
    return ExpiryPlan(before, old, cut if rejected else None, rejected)


def expire_rejected(contracts: Sequence[StreamingTable], lake: Lake, before: date, *, run_id: str | None = None) -> int:
    """Remove the records that were rejected before a date, and nothing else. No JVM. Returns how many there were.

    Those that a killed replay has made events are no rejected records, and leave as such before that.

    Raises:
        SourceError: a batch was killed when it had rejected its records: it is completed by what it has rejected.
        TableBusyError: a run is at ``events`` and does not end within ten minutes.
    """
    from clickstream_platform.streaming.ingest import interrupted_batch, interrupted_replay  # noqa: PLC0415 - Arrow, and `status` has none

    run_id = run_id or uuid.uuid4().hex[:12]
    of_records = [table for table in contracts if not table.derived]
    with lease_all([table.name for table in of_records], lake, run_id):
        for table in of_records:
            interrupted_batch.require_whole_batches(table, lake)
            interrupted_replay.settle_replay(table, lake, run_id)
        rejected = _rejected_tables(contracts, lake)
        return sum(_remove_before(_midnight(before), time, table, run_id) for table, time in rejected)


def expire_old(
    old: ExpiryPlan,
    contracts: Sequence[StreamingTable],
    session: Callable[[], SparkSession],
    lake: Lake,
    hooks: Hooks | None = None,
    *,
    run_id: str | None = None,
) -> None:
    """Remove what is too old. Asks for a SparkSession only if events are."""
    if old.before:
        expire(old.before, contracts, session(), lake, hooks, run_id=run_id)
    if old.rejected_before:
        expire_rejected(contracts, lake, old.rejected_before, run_id=run_id)


def _rejected_tables(contracts: Sequence[StreamingTable], lake: Lake) -> list[tuple[LakeTable, str]]:
    """The tables of rejected records, each with the column of the time that counts."""
    rejected = [table.side_output for table in contracts if table.side_output and not table.derived]
    return [(lake.table(each.name), each.time) for each in rejected]


def _rejected_before(before: date | None, kept: timedelta | None) -> date | None:
    """The date before which rejected records leave: with the events of their time, or sooner."""
    dates = [before] if before else []
    if kept is not None:
        dates.append(datetime.now(timezone.utc).date() - kept)
    return max(dates, default=None)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=timezone.utc)


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
    midnight = _midnight(before)
    with lease_all([table.name for table in contracts], lake, run_id):
        for table in contracts:
            run_leased(table, spark, lake, hooks or Hooks(), run_id)
        rows = lake.events.rows()
        for table in contracts:
            if table.derived:
                strategy_of(table).expire(midnight, spark, lake, run_id)
                _expire_side_output(table, midnight, lake, run_id)  # what the table was without goes after it
        for table in contracts:
            if not table.derived:
                _expire_side_output(table, midnight, lake, run_id)
                strategy_of(table).expire(midnight, spark, lake, run_id)
        return rows - lake.events.rows()


def _expire_side_output(table: StreamingTable, midnight: datetime, lake: Lake, run_id: str) -> None:
    for side in table.side_tables:
        _remove_before(midnight, side.time, lake.table(side.name), run_id)


def _remove_before(midnight: datetime, time: str, table: LakeTable, run_id: str) -> int:
    from clickstream_platform.streaming.lake.amendments import remove_before  # noqa: PLC0415 - Spark

    return remove_before(midnight, time, table, RETENTION, run_id)
