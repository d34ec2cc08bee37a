"""``replay``: rejected records go through today's parser again. What is good now becomes events, as late ones do.

A record is known by its source, partition and offset, which an event keeps. So a replay that was killed after it had
added events finds them there, adds none twice, and takes their records out of quarantine.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from clickstream_platform.errors import SettingsError, SourceError
from clickstream_platform.events.parsing import accepted
from clickstream_platform.events.schema import PLACE, RAW, Reason
from clickstream_platform.streaming.batches.persisted import Persisted
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.ingest.deduplicate import duplicates
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.hours import hour_of
from clickstream_platform.streaming.lake.lease import all_leased
from clickstream_platform.streaming.lake.ledger import REPLAY, Amendment
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import snapshot
from clickstream_platform.streaming.lake.tables import LakeTable
from clickstream_platform.streaming.runtime.run import make_tables


@dataclass(frozen=True)
class Replay:
    """What became of the rejected records.

    Attributes:
        tried: records that went through the parser.
        accepted: of these, new events.
        duplicates: of these, copies of events that are there already.
        landed: of these, events that an earlier replay had added before it was killed.
        passed_over: of these, records that are no events by today's mapping, and not meant as such.
    """

    tried: int
    accepted: int
    duplicates: int
    landed: int
    passed_over: int = 0

    @property
    def stayed(self) -> int:
        """Records that are still rejected."""
        return self.tried - self.accepted - self.duplicates - self.landed - self.passed_over


def replay(
    events: StreamingTable, spark: SparkSession, lake: Lake, reason: str | None = None, *, run_id: str | None = None
) -> Replay:
    """Parse the records of ``quarantine`` again, by the rules of today's settings.

    What is good now is appended to ``events``, from where the next run of every other table reads it; then it leaves
    ``quarantine``, and with it what today's mapping passes over. What is not stays as it is, with the reasons it had.
    Killed anywhere or run twice, nothing doubles.

    Costs two passes over the records tried, one over the places of all events, and a MERGE.

    Args:
        events: the contract of ``events``; its query is the parser.
        spark: the session.
        lake: where the tables lie.
        reason: try only the records that have this fault; all, if not given.
        run_id: the run's name in lease and ledger; made up if not given.

    Raises:
        SettingsError: there is no such reason.
        SourceError: nothing has been read yet.
        TableBusyError: a run is at ``events`` and does not end within ten minutes.
    """
    quarantine = require(events, lake, reason)
    run_id = run_id or uuid.uuid4().hex[:12]
    with all_leased([events.name], lake, run_id), Persisted() as persist:
        make_tables(events, lake)  # or a lake that no run of this release has seen lacks columns
        rejected = snapshot(spark, quarantine.path)
        if reason is not None:
            rejected = rejected.where(F.array_contains("reasons", reason))
        stored = snapshot(spark, lake.events.path)
        good = persist(_good(events, rejected, stored))
        counts = F.count("*").alias("count"), F.sum(F.octet_length("value")).alias("bytes")
        kinds = "landed", (F.isnotnull("passed_over") & ~F.col("landed")).alias("passed")
        facts = good.groupBy(*kinds, hour_of("timestamp").alias("hour")).agg(*counts).collect()
        landed = sum(f["count"] for f in facts if f["landed"])
        passed = sum(f["count"] for f in facts if f["passed"])
        new_facts = [f for f in facts if not f["landed"] and not f["passed"]]
        hours = {f["hour"] for f in new_facts}
        new = accepted(good.where("not landed"))
        ids = new.select("event_id", "timestamp", "partition", "offset").toArrow()
        places = duplicates(ids, lake.events, hours).places
        copies = len(places)
        fresh = new.join(spark.createDataFrame(places), ["partition", "offset"], "left_anti") if copies else new
        found = Replay(rejected.count(), sum(f["count"] for f in new_facts) - copies, copies, landed, passed)
        if found.accepted:
            added = Amendment(events.name, REPLAY, run_id, added=found.accepted)
            size = sum(f["bytes"] for f in new_facts)
            commit = writer.Commit(added.to_json())
            writer.append(writer.few_files(fresh), found.accepted, lake.events.path, commit, size=size)
        if facts:
            removed = found.tried - found.stayed
            left = Amendment(
                quarantine.name, REPLAY, run_id, removed=removed, duplicates=copies, passed_over=found.passed_over
            )
            writer.remove(good.select(*PLACE).toArrow(), quarantine.path, PLACE, writer.Commit(left.to_json()))
        return found


def require(events: StreamingTable, lake: Lake, reason: str | None) -> LakeTable:
    """The table of rejected records. Raises what :func:`replay` raises without looking at a row, before a JVM."""
    known = [each.value for each in Reason]
    if reason is not None and reason not in known:
        raise SettingsError("--reason", f"{reason!r} is not allowed", f"choose from {', '.join(known)}")
    assert events.beside is not None
    quarantine = lake.table(events.beside.name)
    if not quarantine.exists:
        raise SourceError(quarantine.name, "nothing was read yet", "run `clickstream run events` first")
    return quarantine


def _good(events: StreamingTable, rejected: DataFrame, stored: DataFrame) -> DataFrame:
    """The records that are events by today's rules, or passed over, or that ``events`` has already (``landed``)."""
    parsed = events.query(rejected.select(*RAW.names))
    places = stored.select(*PLACE, F.lit(True).alias("landed"))
    marked = parsed.join(places, [*PLACE], "left").withColumn("landed", F.coalesce("landed", F.lit(False)))
    return marked.where(F.col("landed") | (F.size("reasons") == 0))
