"""``validate`` and ``check``: whether a table keeps what it promises of its rows.

``validate`` looks at everything. ``check`` looks at what is new since each expectation last passed, which is as strong
by induction: a row that was not there then lies in a file that was not, and a ledger goes on where it ended. Where
nothing has passed, or what has passed is not there any more, it looks at everything again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from clickstream_platform.expectations import Expectation
from clickstream_platform.streaming.audit import passes
from clickstream_platform.streaming.audit.all_rows import check_all_rows
from clickstream_platform.streaming.audit.new_rows import NewRows, TooManyRowsError
from clickstream_platform.streaming.audit.passes import CheckRecord, PassedCheck
from clickstream_platform.streaming.audit.result import NO_BATCH, CheckResult, describe_expectation
from clickstream_platform.streaming.audit.table_snapshot import CheckFinding, TableSnapshot, take_snapshot
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.places import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def validate(
    table: StreamingTable, spark: SparkSession, lake: Lake, *, now: datetime | None = None
) -> list[CheckResult]:
    """Evaluate every expectation of a table on all of its rows, in the order of its contract.

    A table without a committed batch keeps none of its promises: each result fails with :data:`.result.NO_BATCH`, so
    that a gate that looks at the wrong folder does not pass. What passed and what failed is noted for :func:`check`.

    Args:
        table: the table's contract.
        spark: the session; it scans the table once.
        lake: where the tables lie.
        now: what the age of the newest event is measured against; the clock, if not given.
    """
    return check(table, lambda: spark, lake, everything=True, now=now)


def results_without_batch(table: StreamingTable) -> list[CheckResult]:
    """What every expectation comes to of a table without a committed batch: it fails. Looks at nothing."""
    return [
        CheckResult(table.name, e.name, False, e.blocking, NO_BATCH, describe_expectation(e))
        for e in table.expectations
    ]


def check(
    table: StreamingTable,
    session: Callable[[], SparkSession],
    lake: Lake,
    *,
    everything: bool = False,
    now: datetime | None = None,
) -> list[CheckResult]:
    """As :func:`validate`, but looking only at what is new, where that is as strong.

    Args:
        table: the table's contract.
        session: gives the session; called only if there is too much to look at for this process.
        lake: where the tables lie.
        everything: look at all rows, whatever has passed.
        now: as there.
    """
    snapshot = take_snapshot(table, lake, now)
    if snapshot is None:
        return results_without_batch(table)
    record = passes.read_check_record(lake, table.name)
    findings, why = ({}, dict.fromkeys(table.expectations, "")) if everything else _check_increment(snapshot, record)
    if why:
        for each, finding in zip(why, check_all_rows(list(why), snapshot, session()), strict=True):
            findings[each] = replace(finding, look=replace(finding.look, because=why[each]))
    return _record_results(snapshot, record, {each: findings[each] for each in table.expectations})


def _check_increment(
    snapshot: TableSnapshot, record: CheckRecord
) -> tuple[dict[Expectation, CheckFinding], dict[Expectation, str]]:
    """What can be told from what is new; the expectations of which it is too much, each with why."""
    new, findings, why = NewRows(snapshot, record.checks), dict[Expectation, CheckFinding](), dict[Expectation, str]()
    for each in snapshot.contract.expectations:
        try:
            findings[each] = new.finding(each)
        except TooManyRowsError as reason:
            why[each] = str(reason)
    return findings, why


def _record_results(
    snapshot: TableSnapshot, record: CheckRecord, findings: Mapping[Expectation, CheckFinding]
) -> list[CheckResult]:
    """The results. Which of them passed, and where, is written down for the next look."""
    table, generation = snapshot.contract, snapshot.entry.generation
    passed = {
        each.name: PassedCheck(passes.expectation_hash(each, table), generation, finding.kept)
        for each, finding in findings.items()
        if finding.passed and finding.kept
    }
    failed = [each.name for each, f in findings.items() if not f.passed and f.look.kind == "full"]
    passes.record_passes(snapshot.lake, table.name, record, passed, failed)
    return [
        CheckResult(
            table.name, each.name, f.passed, each.blocking, f.found, describe_expectation(each), f.numbers, f.look
        )
        for each, f in findings.items()
    ]
