"""One micro-batch of ``events``: records come in, each is accepted, quarantined or a duplicate, and counted.

``quarantine`` is committed first and ``events`` last, each with the batch's transaction: a batch killed in between is
replayed and writes only what is missing.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from clickstream_platform.streaming.batches.micro_batch import MicroBatch
from clickstream_platform.streaming.contract.side_tables import QUARANTINE
from clickstream_platform.streaming.ingest.deduplicate import duplicates
from clickstream_platform.streaming.ingest.staging import Staged, clear, folder_of
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.ledger import Entry
from clickstream_platform.streaming.sources.files import landing
from clickstream_platform.streaming.sources.files.source import FileSource
from clickstream_platform.streaming.sources.kafka.cluster import flat, look
from clickstream_platform.streaming.sources.kafka.continuity import Lost, gone, lost, require_the_same
from clickstream_platform.streaming.sources.kafka.source import KafkaSource

log = logging.getLogger(__name__)


def ingest(batch: MicroBatch) -> Entry | None:
    """Land a batch of staged records in ``quarantine`` and ``events``.

    Returns:
        The entry committed; None if the source had not moved, so that there was nothing to write.
    """
    with batch.keep:
        unreadable = _unreadable(batch)
        staged = _staged(batch, unreadable)
        if batch.batch_id > 0 and batch.is_empty:
            return None
        facts = staged.facts()
        copies, reused = duplicates(staged.events, batch.lake.events, facts.hours)
        entry = batch.entry(
            events_version=-1,
            rows_in=facts.records,
            rows_out=len(facts.times) - len(copies),
            late_rows=facts.until(batch.late_before_ms),
            revisions=0,
            quarantined=facts.rejected,
            duplicates=len(copies),
            reasons=facts.by_reason(),
            reused_ids=reused,
            unreadable=unreadable | _vanished(batch, staged),
            lost=_lost(batch, staged),
            placeholder_ids=facts.placeholders,
        )
        if entry.quarantined:
            _quarantine(batch, staged, entry)
        writer.append(staged.accepted(but=copies), entry.rows_out, batch.lake.events.path, batch.commit(entry))
        _warn(entry)
        return entry


def _staged(batch: MicroBatch, unreadable: dict[str, str]) -> Staged:
    """Read the batch: its frame stages it. Without the records of files that break off in the middle."""
    folder = folder_of(batch.lake)
    files = tuple(row["file"] for row in batch.frame.collect())
    batch.keep.callback(clear, folder)
    return Staged(folder, files, unreadable)


def _quarantine(batch: MicroBatch, staged: Staged, entry: Entry) -> None:
    """Append to ``quarantine``, unless a killed attempt has done so already (Delta knows the transaction)."""
    app_id = f"{QUARANTINE}/{batch.checkpoint.generation}"
    commit = writer.Commit(entry.to_json(), (app_id, batch.batch_id))
    writer.append(staged.rejected(), entry.quarantined, batch.lake.table(QUARANTINE).path, commit)


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


def _vanished(batch: MicroBatch, staged: Staged) -> dict[str, str]:
    """Files that were there when the batch began, are gone now, and gave no record."""
    vanished = [path for path, file in _planned(batch).items() if not file.exists()]
    there = staged.offsets(vanished) if vanished else {}
    return dict.fromkeys(sorted(set(vanished) - there.keys()), "deleted before it was read")


def _lost(batch: MicroBatch, staged: Staged) -> Lost:
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
    return lost(vanished, staged.offsets(vanished))


def _warn(entry: Entry) -> None:
    for path, fault in entry.unreadable.items():
        log.warning("events: %s is %s; mend it and land it again under another name", path, fault)
    for partition, (first, end) in ((name, span) for name, spans in entry.lost.items() for span in spans):
        span = f"{first} on" if end is None else f"{first} to {end - 1}"
        log.warning("events: %s: offsets %s were gone before they were read; they are booked as lost", partition, span)
    if entry.reused_ids:
        log.warning("events: %d events reuse an event_id with another timestamp; they are kept", entry.reused_ids)

    if entry.placeholder_ids:
        finding = "events: %d records have an id that is none, such as null or undefined; they are kept"
        log.warning(f"{finding}: CLICKSTREAM_PLACEHOLDER_IDS=reject rejects such", entry.placeholder_ids)


def counts(entry: Entry) -> dict[str, Any]:
    """What became of the records of a batch: adds up to ``read``."""
    return {
        "read": entry.rows_in,
        "accepted": entry.rows_out,
        "quarantined": entry.quarantined,
        "duplicates": entry.duplicates,
    }
