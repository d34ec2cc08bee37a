"""``replay``: rejected records go through today's parser again. What is good now becomes events, as late ones do.

An event is known by its source, partition, offset and index, which it keeps. So a replay that was killed after it had
added events finds them there, adds none twice, and takes their records out of quarantine. A conflicting duplicate stays
there, with its bytes, for as long as the event that it conflicts with is in ``events``. A record that holds several is
opened in ``quarantine`` first: see :mod:`.reopened`.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, cast

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from clickstream_platform.errors import SettingsError, SourceError
from clickstream_platform.events.contract.model import PREFIX
from clickstream_platform.events.frames import accepted_events
from clickstream_platform.events.registry.failures import raise_registry_errors
from clickstream_platform.events.schema import PLACE, QUARANTINE, RAW, RECORD, Reason
from clickstream_platform.source_list import NAME_IN_SQL
from clickstream_platform.streaming.batches.persisted import Persisted
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.ingest.by_id import DuplicateResolution
from clickstream_platform.streaming.ingest.deduplicate import Duplicates
from clickstream_platform.streaming.ingest.interrupted_batch import require_whole_batches
from clickstream_platform.streaming.ingest.interrupted_replay import settle_replay
from clickstream_platform.streaming.lake import generations, writer
from clickstream_platform.streaming.lake.lease import lease_all
from clickstream_platform.streaming.lake.ledger import REPLAY, Amendment
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import read_snapshot
from clickstream_platform.streaming.lake.tables import LakeTable
from clickstream_platform.streaming.maintenance.reopened import KEY, ReopenReport, leaving_changes, reopen_records
from clickstream_platform.streaming.maintenance.replay_report import (
    LANDED,
    NEW,
    PASSED,
    ReplayReport,
    count_changes,
    report_replay,
)
from clickstream_platform.streaming.maintenance.reprocess_copies import (
    events_not_at,
    remove_replaced_events,
    resolve_replayed,
)
from clickstream_platform.streaming.runtime.create import make_tables
from clickstream_platform.streaming.runtime.declared_types import require_same_types

if TYPE_CHECKING:
    from clickstream_platform.events.rules import Parse, Rules

_OF_REJECTED = [*RAW.names, "index", "inherited"]


@raise_registry_errors()
def replay(
    events: StreamingTable,
    spark: SparkSession,
    lake: Lake,
    reason: str | None = None,
    source: str | None = None,
    *,
    run_id: str | None = None,
) -> ReplayReport:
    """Parse the records of ``quarantine`` again, by the rules of today's settings.

    What is good now is appended to ``events``, from where the next run of every other table reads it; then it leaves
    ``quarantine``, and with it what today's mapping passes over. What is not stays as it is, with the reasons it had.
    A record that is an envelope by today's mapping is opened: its good events are added, and the others take its place
    in ``quarantine``, each with its own bytes. Killed anywhere or run twice, nothing doubles.

    Costs two passes over the records tried, one over the places of all events, and a MERGE.

    Args:
        events: the contract of ``events``; its query is the parser.
        spark: the session.
        lake: where the tables lie.
        reason: try only the records that have this fault; all, if not given.
        source: try only the records of the source of this name; of all, if not given.
        run_id: the run's name in lease and ledger; made up if not given.

    Raises:
        SettingsError: there is no such reason, or no such source.
        SourceError: nothing has been read yet, or a batch was killed between ``quarantine`` and ``events``.
        TableBusyError: a run is at ``events`` and does not end within ten minutes.
        UnreachableError: a schema registry that has to be asked does not answer.
    """
    quarantine = require_replay(events, lake, reason, source)
    run_id = run_id or uuid.uuid4().hex[:12]
    with lease_all([events.name], lake, run_id), Persisted() as persist:
        require_whole_batches(events, lake)
        make_tables(events, lake)  # or a lake that no run of this release has seen lacks columns
        settle_replay(events, lake, run_id)
        rejected = _rejected_records(spark, quarantine, reason, source)
        tried, stored = rejected.count(), read_snapshot(spark, lake.events.path)
        reopened = _reopen(events, rejected, stored, quarantine, run_id)
        if reopened.records:
            rejected = _rejected_records(spark, quarantine, reason, source)
        changing = persist(_records_to_change(events, rejected, stored))
        counts, new = count_changes(changing), changing.where(F.col("became") == NEW)
        resolution = resolve_replayed(events, accepted_events(new, _schema_of(lake.events)), lake, counts.hours, run_id)
        report = report_replay(tried, counts, resolution.duplicates, reopened)
        if resolution.aside.num_rows or resolution.replaced.num_rows:
            remove_replaced_events(events, resolution, new, lake, run_id)
        if report.accepted or resolution.restored.num_rows:
            _append_events(new, counts.bytes, resolution, report, lake.events, run_id)
        rules = cast("Parse", events.query).rules
        _take_out_of_quarantine(changing, resolution.duplicates, quarantine, report, run_id, rules)
        return report


def _append_events(
    new: DataFrame, size: int, resolution: DuplicateResolution, report: ReplayReport, events: LakeTable, run_id: str
) -> None:
    """Append to ``events`` what is new, with what is an event again, in one commit.

    Args:
        new: all that could become events, as they were parsed, with their bytes.
        size: the bytes of these.
        resolution: which of them do not, and what comes back.
        report: what became of all records.
        events: the table.
        run_id: the run.
    """
    kind, places, restored = _schema_of(events), resolution.duplicates.places, resolution.restored.num_rows
    rows = report.accepted + restored
    broken = _violations(events_not_at(places, new))
    added = Amendment(events.name, REPLAY, run_id, added=rows, violations=broken, restored=restored)
    fresh = events_not_at(places, accepted_events(new, kind))
    if restored:
        fresh = fresh.unionByName(new.sparkSession.createDataFrame(resolution.restored).to(kind))
    writer.append(writer.limit_files(fresh), rows, events.path, writer.Commit(added.to_json()), size=size)


def _schema_of(table: LakeTable) -> StructType:
    return StructType.fromJson(table.schema())


def _rejected_records(spark: SparkSession, quarantine: LakeTable, reason: str | None, source: str | None) -> DataFrame:
    rejected = read_snapshot(spark, quarantine.path)
    if reason is not None:
        rejected = rejected.where(F.array_contains("reasons", reason))
    return rejected if source is None else rejected.where(F.expr(NAME_IN_SQL) == source)


def _reopen(
    events: StreamingTable, rejected: DataFrame, stored: DataFrame, quarantine: LakeTable, run_id: str
) -> ReopenReport:
    rules = cast("Parse", events.query).rules
    if rules.mapping is None or not rules.mapping.envelope:
        return ReopenReport()
    return reopen_records(events.query(rejected.select(*_OF_REJECTED)), rejected, stored, quarantine, rules, run_id)


def require_replay(events: StreamingTable, lake: Lake, reason: str | None, source: str | None = None) -> LakeTable:
    """The table of rejected records. Raises what :func:`replay` raises without looking at a row, before a JVM."""
    reasons = [each.value for each in Reason]
    if reason is not None and reason not in reasons and not reason.startswith(PREFIX):
        raise SettingsError(
            "--reason", f"{reason!r} is not allowed", f"choose from {', '.join(reasons)}, {PREFIX}COLUMN:RULE"
        )
    sources = generations.checkpointed_sources(lake, events.name)
    if source is not None and source not in sources:
        remedy = f"choose from {', '.join(sources)}" if sources else "run `clickstream run events` first"
        raise SettingsError("--source", f"this lake has read no source {source!r}", remedy)
    require_same_types(events, lake)
    assert events.side_output is not None
    quarantine = lake.table(events.side_output.name)
    if not quarantine.exists:
        raise SourceError(quarantine.name, "nothing was read yet", "run `clickstream run events` first")
    return quarantine


def _violations(new: DataFrame) -> dict[str, int]:
    """How often events break which rule of the contract that they are not rejected for."""
    rules = new.select(F.explode("violations").alias("rule")).groupBy("rule").count().collect()
    return {row["rule"]: row["count"] for row in rules}


def _take_out_of_quarantine(
    changing: DataFrame, copies: Duplicates, quarantine: LakeTable, report: ReplayReport, run_id: str, rules: Rules
) -> None:
    """Take out of ``quarantine`` what is good now; a conflicting duplicate is called one there, if it was not."""
    leaving = events_not_at(copies.conflicting, changing).select(*PLACE, "arrived_at").toArrow()
    conflicting = F.array(F.lit(Reason.CONFLICTING_DUPLICATE.value))
    conflicts = events_not_at(copies.conflicting, changing, "left_semi").where(F.col("reasons_before") != conflicting)
    held = [name for name in QUARANTINE.names if name in conflicts.columns]
    renamed = conflicts.withColumn("reasons", conflicting).select(*held).toArrow()
    amendment = Amendment(
        quarantine.name,
        REPLAY,
        run_id,
        removed=leaving.num_rows,
        duplicates=report.duplicates,
        passed_over=report.passed_over,
    )
    changed = leaving_changes(leaving, renamed, rules)
    if changed.num_rows:
        writer.merge(changed, quarantine.path, KEY, "arrived_at", writer.Commit(amendment.to_json()))


def _records_to_change(events: StreamingTable, rejected: DataFrame, stored: DataFrame) -> DataFrame:
    """What is to be changed, with what it ``became``, and the ``reasons_before``.

    These are the records that are events by today's rules, or passed over, and that ``events`` has already. Of those
    that today's mapping opens, which are opened by now, there are only left some that have landed before.
    """
    index = F.coalesce("index", F.lit(0)).cast("bigint").alias("index")
    before = rejected.select(*RECORD, index, F.col("reasons").alias("reasons_before"))
    places = stored.select(*RECORD, index, F.lit(True).alias("landed"))
    parsed = events.query(rejected.select(*_OF_REJECTED)).where("coalesce(inside, 1) = 1")
    marked = parsed.join(places, [*PLACE], "left").withColumn("landed", F.coalesce("landed", F.lit(False)))
    became = F.when(F.col("landed"), LANDED).when(F.isnotnull("passed_over"), PASSED).otherwise(NEW)
    changed = F.col("landed") | (F.size("reasons") == 0)
    return marked.withColumn("became", became).where(changed).drop("landed").join(before, [*PLACE])
