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
from clickstream_platform.streaming.admission import Lost, gone, lost, require_the_same
from clickstream_platform.streaming.batch import MicroBatch
from clickstream_platform.streaming.duplicates import without_duplicates
from clickstream_platform.streaming.ledger import Entry
from clickstream_platform.streaming.offsets import FileSource, KafkaSource, numbered
from clickstream_platform.streaming.recompute import hour_of, moment
from clickstream_platform.streaming.topics import flat, look

QUARANTINE = "quarantine"
log = logging.getLogger(__name__)


def ingest(batch: MicroBatch) -> Entry | None:
    """Land a batch of parsed records in ``quarantine`` and ``events``.

    Returns:
        The entry committed; None if the source had not moved, so that there was nothing to write.
    """
    with batch.keep:
        if batch.batch_id > 0 and batch.is_empty:
            batch.frame.count()
            return None
        unreadable = _unreadable(batch)
        records = batch.keep(_but(_placed(batch), unreadable))
        facts = _facts(records, batch.late_before_ms)
        unreadable |= _vanished(batch, records)
        hours = {f["hour"] for f in facts if f["hour"] is not None}
        fresh, copies, reused = without_duplicates(accepted(records), batch.held_during, hours, batch.keep)
        good, faulty = [f for f in facts if not f["reasons"]], [f for f in facts if f["reasons"]]
        entry = batch.entry(
            events_version=-1,
            rows_in=sum(f["records"] for f in facts),
            rows_out=sum(f["records"] for f in good) - copies,
            late_rows=sum(f["late"] for f in facts),
            revisions=0,
            quarantined=sum(f["records"] for f in faulty),
            duplicates=copies,
            reasons=_by_reason(faulty),
            reused_ids=reused,
            unreadable=unreadable,
            lost=_lost(batch, records),
        )
        if entry.quarantined:
            _quarantine(batch, rejected(records), entry, _size(faulty))
        path = batch.lake.events.path
        sink.append(sink.few_files(fresh), entry.rows_out, path, batch.commit(entry), size=_size(good))
        _warn(entry)
        return entry


def _facts(records: DataFrame, late_before_ms: int) -> list[Row]:
    """What a batch holds, by reasons and hour of event time. The job that parses the records."""
    is_late = F.col("timestamp") <= moment(late_before_ms * 1000)
    size = F.sum(F.octet_length("value"))
    counts = F.count("*").alias("records"), F.count_if(is_late).alias("late"), size.alias("bytes")
    return records.groupBy("reasons", hour_of("timestamp").alias("hour")).agg(*counts).collect()


def _size(facts: list[Row]) -> int:
    """The bytes of these records; a record without a value has none."""
    return sum(f["bytes"] or 0 for f in facts)


def _by_reason(faulty: list[Row]) -> dict[str, int]:
    reasons = sorted({reason for f in faulty for reason in f["reasons"]})
    return {reason: sum(f["records"] for f in faulty if reason in f["reasons"]) for reason in reasons}


def _quarantine(batch: MicroBatch, records: DataFrame, entry: Entry, size: int) -> None:
    """Append to ``quarantine``, unless a killed attempt has done so already (Delta knows the transaction)."""
    app_id = f"{QUARANTINE}/{batch.checkpoint.generation}"
    commit = sink.Commit(entry.to_json(), (app_id, batch.batch_id))
    path = batch.lake.table(QUARANTINE).path
    sink.append(sink.few_files(records), entry.quarantined, path, commit, size=size)


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


def _lost(batch: MicroBatch, records: DataFrame) -> Lost:
    """Offsets of the batch that Kafka let go before they were read. Spark passes over them without a word.

    Asked after the batch was read, so that nothing can go in between.

    Raises:
        SourceError: a topic was made again since the query began; Spark reads on in the new one.
    """
    source = batch.table.offsets
    if not isinstance(source, KafkaSource):
        return {}
    topics = look(source)
    require_the_same(topics, batch.checkpoint)
    vanished = gone(topics, flat(batch.checkpoint.start(batch.batch_id)), flat(batch.plan.end))
    if not vanished or source.fail_on_data_loss:  # then Spark has read them: it would have stopped
        return {}
    of_these = records.where(records["partition"].isin(list(vanished)))
    read = of_these.groupBy("partition").agg(F.collect_list("offset").alias("offsets")).collect()
    return lost(vanished, {row["partition"]: row["offsets"] for row in read})


def _placed(batch: MicroBatch) -> DataFrame:
    """The batch's records, each with its offset."""
    return numbered(batch.frame) if isinstance(batch.table.offsets, FileSource) else batch.frame


def _but(records: DataFrame, unreadable: dict[str, str]) -> DataFrame:
    """The records without those of unreadable files."""
    return records.where(~records["partition"].isin(list(unreadable))) if unreadable else records


def _warn(entry: Entry) -> None:
    for path, fault in entry.unreadable.items():
        log.warning("events: %s is %s; mend it and land it again under another name", path, fault)
    for partition, (first, end) in ((name, span) for name, spans in entry.lost.items() for span in spans):
        span = f"{first} on" if end is None else f"{first} to {end - 1}"
        log.warning("events: %s: offsets %s were gone before they were read; they are booked as lost", partition, span)
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
