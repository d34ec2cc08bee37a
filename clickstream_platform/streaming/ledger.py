"""The ledger: one entry for every batch, carried by the batch's own Delta commit. Nothing is stored twice.

``clickstream ledger`` reads the commits. The log of a version is kept for Delta's ``logRetentionDuration`` (30 days
by default).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from typing import Any

from clickstream_platform.streaming.lake import LakeTable

MARK = "clickstream_ledger"


@dataclass(frozen=True)
class Entry:
    """What one committed batch did.

    Attributes:
        table: the table's name.
        generation: the checkpoint's generation; batch ids start again at 0 with each.
        batch_id: the batch's number.
        run_id: the run that committed it.
        start: the source's offset where the batch begins, included; None for the first.
        end: the source's offset where it ends, excluded.
        events_version: the version of ``events`` that the table equals its query over; -1 for ``events`` itself.
        rows_in: records or events read.
        rows_out: rows inserted, updated or deleted.
        late_rows: events read whose time was at or before the watermark.
        revisions: rows changed although the watermark had passed their ``final_at``.
        late_before_ms: that watermark, in milliseconds since 1970: the batch's own, or the one before where a state
            store drops.
        committed_at_ms: when the entry was written, just before the commit.
        duration_ms: from the start of the batch until then.
        quarantined: ``events`` only: records rejected.
        duplicates: ``events`` only: events left out because the table, or this batch, already has them.
        reasons: ``events`` only: rejected records by reason; a record with several faults counts for each.
        reused_ids: ``events`` only: accepted events whose event_id was seen with another timestamp.
        unreadable: ``events`` only: files that could not be read, by path, with what was found.
    """

    table: str
    generation: int
    batch_id: int
    run_id: str
    start: dict[str, Any] | None
    end: dict[str, Any] | None
    events_version: int
    rows_in: int
    rows_out: int
    late_rows: int
    revisions: int
    late_before_ms: int
    committed_at_ms: int
    duration_ms: int
    quarantined: int = 0
    duplicates: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    reused_ids: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """The text that the commit carries as ``userMetadata``."""
        return json.dumps({MARK: 1, **asdict(self)}, separators=(",", ":"))


def entry_of(commit: dict[str, Any]) -> Entry | None:
    """The entry that a commit carries; None for one that is not a batch's (created the table, compacted it)."""
    text = commit.get("userMetadata") or ""
    if MARK not in text:
        return None
    found = json.loads(text)
    return Entry(**{f.name: found[f.name] for f in fields(Entry) if f.name in found})


def entries(table: LakeTable) -> Iterator[Entry]:
    """Every entry that the table's log still holds, newest first. Reads one file a commit."""
    return (entry for commit in table.history() if (entry := entry_of(commit)))


def last_entry(table: LakeTable) -> Entry | None:
    """The newest entry; None before the first batch. Looks at the newest commits first."""
    recent = (entry for commit in table.history(10) if (entry := entry_of(commit)))
    return next(recent, None) or next(entries(table), None)


def imbalances(entries_newest_first: list[Entry]) -> list[str]:
    """What is wrong with a ledger: holes or overlaps of offsets, or records unaccounted for. Empty when it balances."""
    found = [
        f"{e.table} batch {e.batch_id}: read {e.rows_in}, but {e.rows_out} accepted + {e.quarantined} quarantined"
        f" + {e.duplicates} duplicates"
        for e in entries_newest_first
        if e.events_version < 0 and e.rows_in != e.rows_out + e.quarantined + e.duplicates
    ]
    oldest_first = entries_newest_first[::-1]
    for before, after in pairwise(oldest_first):
        if before.generation == after.generation:
            found.extend(_joint(before, after))
    return found


def _joint(before: Entry, after: Entry) -> Iterator[str]:
    if after.batch_id <= before.batch_id:
        yield f"{after.table} batch {after.batch_id} was committed after batch {before.batch_id}"
    if after.events_version < 0 and after.start != before.end:
        yield f"{after.table} batch {after.batch_id} starts at {after.start}, but the one before ended at {before.end}"
