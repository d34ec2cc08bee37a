"""One micro-batch of ``events``: records come in, each is accepted, quarantined or a duplicate, and counted.

``quarantine`` is committed first and ``events`` last, each with the batch's transaction: a batch killed in between is
replayed and writes only what is missing.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from clickstream_platform.events.parsing import accepted, rejected
from clickstream_platform.streaming import landing, sink
from clickstream_platform.streaming.batch import MicroBatch
from clickstream_platform.streaming.ledger import Entry
from clickstream_platform.streaming.offsets import FileSource, numbered
from clickstream_platform.streaming.recompute import HOUR_US, as_ranges, in_hours, moment

QUARANTINE = "quarantine"
log = logging.getLogger(__name__)


def ingest(batch: MicroBatch) -> Entry | None:
    """Land a batch of parsed records in ``quarantine`` and ``events``.

    Returns:
        The entry committed; None if the source had not moved, so that there was nothing to write.
    """
    with batch.kept:
        if batch.batch_id > 0 and batch.checkpoint.start(batch.batch_id) == batch.plan.end:
            batch.frame.count()
            return None
        unreadable = _unreadable(batch)
        records = batch.keep(_but(_placed(batch), unreadable))
        facts = _facts(records, batch.late_before_ms)
        unreadable |= _vanished(batch, records)
        fresh, copies, reused = _without_duplicates(
            batch, accepted(records), [f["hour"] for f in facts if f["hour"] is not None]
        )
        faulty = [f for f in facts if f["reasons"]]
        entry = batch.entry(
            events_version=-1,
            rows_in=sum(f["records"] for f in facts),
            rows_out=sum(f["records"] for f in facts if not f["reasons"]) - copies,
            late_rows=sum(f["late"] for f in facts),
            revisions=0,
            quarantined=sum(f["records"] for f in faulty),
            duplicates=copies,
            reasons=_by_reason(faulty),
            reused_ids=reused,
            unreadable=unreadable,
        )
        if entry.quarantined:
            _quarantine(batch, rejected(records), entry)
        sink.append(_few_files(fresh), batch.lake.events.path, batch.commit(entry))
        _warn(entry)
        return entry


def _facts(records: DataFrame, late_before_ms: int) -> list[Row]:
    """What a batch holds, by reasons and hour of event time. The job that parses the records."""
    is_late = F.col("timestamp") <= moment(late_before_ms * 1000)
    hour = F.floor(F.unix_micros("timestamp") / F.lit(HOUR_US)).alias("hour")
    return (
        records.groupBy("reasons", hour).agg(F.count("*").alias("records"), F.count_if(is_late).alias("late")).collect()
    )


def _by_reason(faulty: list[Row]) -> dict[str, int]:
    reasons = sorted({reason for f in faulty for reason in f["reasons"]})
    return {reason: sum(f["records"] for f in faulty if reason in f["reasons"]) for reason in reasons}


def _without_duplicates(batch: MicroBatch, events: DataFrame, hours: list[int]) -> tuple[DataFrame, int, int]:
    """The events that are neither in the table nor earlier in the batch; how many are; how many reuse an id.

    A duplicate has the same event_id and the same timestamp, so the hours of the batch's own events are enough to
    look in. The copy that stays is the first by partition and offset.
    """
    stored = batch.frame.sparkSession.read.format("delta").load(str(batch.lake.events.path))
    place = F.struct("partition", "offset")
    known = in_hours(stored, "timestamp", "timestamp", as_ranges(sorted(set(hours))))
    ids = (
        events.select("event_id", "timestamp", place.alias("place"), F.lit(1).alias("new"))
        .unionByName(
            known.select("event_id", "timestamp", F.lit(None).cast(_PLACE).alias("place"), F.lit(0).alias("new"))
        )
        .where(F.col("event_id").isNotNull())
    )
    # Null places come first in an order, so that a stored event is the first of its copies.
    of_one = ids.groupBy("event_id", "timestamp").agg(
        F.min(F.struct(F.col("place").isNotNull(), "place")).alias("first"),
        F.sum("new").alias("new"),
        F.count("*").alias("copies"),
    )
    times = F.struct("timestamp", "first.place", "new", "copies")
    of_id = of_one.groupBy("event_id").agg(F.collect_list(times).alias("times"))
    repeated = batch.keep(
        of_id.where((F.size("times") > 1) | F.exists("times", lambda t: t["copies"] > 1))
        .select("event_id", F.size("times").alias("at_times"), F.explode("times").alias("t"))
        .select("event_id", "at_times", "t.*")
        .where("new > 0")
    )
    facts = repeated.agg(
        F.sum(F.when(F.col("copies") > 1, F.col("new") - F.col("place").isNotNull().cast("int"))).alias("copies"),
        F.count_if((F.col("at_times") > 1) & F.col("place").isNotNull()).alias("reused"),
    ).first()
    assert facts is not None
    if not facts["copies"]:
        return events, 0, facts["reused"]
    copies = repeated.where("copies > 1").select("event_id", "timestamp", "place").alias("r")
    same = (F.col("e.event_id") == F.col("r.event_id")) & (F.col("e.timestamp") == F.col("r.timestamp"))
    stays = F.col("r.place").eqNullSafe(F.struct("e.partition", "e.offset"))
    fresh = events.alias("e").join(copies, same & ~stays, "left_anti")
    return fresh, facts["copies"], facts["reused"]


_PLACE = "struct<partition:string,offset:bigint>"


def _few_files(events: DataFrame) -> DataFrame:
    """As many write tasks as shuffle partitions: the scan had one task a file."""
    return events.coalesce(int(events.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1))


def _quarantine(batch: MicroBatch, records: DataFrame, entry: Entry) -> None:
    """Append to ``quarantine``, unless a killed attempt has done so already (Delta knows the transaction)."""
    app_id = f"{QUARANTINE}/{batch.checkpoint.generation}"
    sink.append(
        _few_files(records), batch.lake.table(QUARANTINE).path, sink.Commit(app_id, batch.batch_id, entry.to_json())
    )


def _planned(batch: MicroBatch) -> dict[str, Path]:
    """The batch's files by their path within the landing folder; none if it does not read files."""
    source = batch.table.offsets
    if not isinstance(source, FileSource):
        return {}
    files = landing.planned(batch.checkpoint, batch.checkpoint.start(batch.batch_id), batch.plan.end)
    return {str(file.relative_to(source.folder)): file for file in sorted(files)}


def _unreadable(batch: MicroBatch) -> dict[str, str]:
    """What cannot be read of the batch's files, by path."""
    return {path: fault for path, file in _planned(batch).items() if (fault := landing.fault(file))}


def _vanished(batch: MicroBatch, records: DataFrame) -> dict[str, str]:
    """Files that were there when the batch began, are gone now, and gave no record."""
    gone = [path for path, file in _planned(batch).items() if not file.exists()]
    if not gone:
        return {}
    there = records.where(records["partition"].isin(gone)).select("partition").distinct().collect()
    return dict.fromkeys(sorted(set(gone) - {row["partition"] for row in there}), "deleted before it was read")


def _placed(batch: MicroBatch) -> DataFrame:
    """The batch's records, each with its offset."""
    return numbered(batch.frame) if isinstance(batch.table.offsets, FileSource) else batch.frame


def _but(records: DataFrame, unreadable: dict[str, str]) -> DataFrame:
    """The records without those of unreadable files."""
    return records.where(~records["partition"].isin(list(unreadable))) if unreadable else records


def _warn(entry: Entry) -> None:
    for path, fault in entry.unreadable.items():
        log.warning("events: %s is %s; mend it and land it again under another name", path, fault)
    if entry.reused_ids:
        log.warning("events: %d events reuse an event_id with another timestamp; they are kept", entry.reused_ids)


def counts(entry: Entry) -> dict[str, Any]:
    """What became of the records of a batch: adds up to ``read``."""
    return {
        "read": entry.rows_in,
        "accepted": entry.rows_out,
        "quarantined": entry.quarantined,
        "duplicates": entry.duplicates,
    }
