"""The ledger: one entry for every batch, carried by the batch's own Delta commit.

Commits that change rows outside of any batch (a replay, an erasure, retention) carry an amendment instead, so that a
table's rows can be accounted for to the last one: those its batches and amendments added, less those removed.

The log is the ledger until ``maintain`` cleans the log; before that it rolls the lines up into plain files under
``_ledger/<table>/``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from clickstream_platform.files import write_whole
from clickstream_platform.streaming.lake.tables import LakeTable

MARK = "clickstream_ledger"
AMENDMENT = "clickstream_amendment"
REPLAY, ERASURE, RETENTION = "replay", "erasure", "retention"  # the kinds of amendment


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
        placeholder_ids: ``events`` only: records not rejected that have an id such as ``null`` or ``undefined``.
        files: ``events`` only: of each file that the batch read, its bytes and the records in it; those of a file that
            could not be read to its end are 0.
        unreadable: ``events`` only: files that were refused whole, by path, with what was found.
        handled_ms: ``user_patterns`` only: the event time, in milliseconds since 1970, that events are handled to.
        passed_over: ``events`` only: records that were no events and not meant as such, by the value that told so.
        mapping: ``events`` only: the name of the mapping by which they were read, and a hash of what it says; empty if
            they are of our own shape.
        lost: ``events`` only: offsets of the batch that were gone before it read them, by Kafka partition: the first,
            and the one after the last, which is None where the partition itself is gone.
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
    handled_ms: int = 0
    lost: dict[str, list[tuple[int, int | None]]] = field(default_factory=dict)
    files: dict[str, list[int]] = field(default_factory=dict)
    placeholder_ids: int = 0
    passed_over: dict[str, int] = field(default_factory=dict)
    mapping: str = ""

    @property
    def passed(self) -> int:
        """How many records were passed over."""
        return sum(self.passed_over.values())

    @property
    def offered(self) -> int:
        """How many records were meant to be events."""
        return self.rows_in - self.passed

    @property
    def lost_offsets(self) -> int:
        """How many offsets ``lost`` comes to, as far as anybody knows."""
        return sum(end - first for spans in self.lost.values() for first, end in spans if end is not None)

    def to_json(self) -> str:
        """The text that the commit carries as ``userMetadata``."""
        return json.dumps({MARK: 1, **vars(self)}, separators=(",", ":"))


@dataclass(frozen=True)
class Amendment:
    """What one commit outside of any batch did to a table's rows. Nothing about whose rows they were.

    Attributes:
        table: the table's name.
        kind: ``replay`` of rejected records, ``erasure`` of a person, ``retention`` of old events.
        run_id: the run that committed it.
        added: rows it added.
        removed: rows it removed.
        duplicates: of the records that a replay took out of ``quarantine``: those that ``events`` had already.
        passed_over: of these: those that are no events and not meant as such, by today's mapping.
        committed_at_ms: when it was written, just before the commit.
    """

    table: str
    kind: str
    run_id: str
    added: int = 0
    removed: int = 0
    duplicates: int = 0
    passed_over: int = 0
    committed_at_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)

    def to_json(self) -> str:
        """The text that the commit carries as ``userMetadata``."""
        return json.dumps({AMENDMENT: 1, **asdict(self)}, separators=(",", ":"))


@dataclass(frozen=True)
class Booked:
    """One line of a ledger: what a commit carries, and the table's version that it made."""

    version: int
    line: Entry | Amendment


def line_of(text: str | None) -> Entry | Amendment | None:
    """What a commit's ``userMetadata`` says; None for a commit that booked nothing: it compacted the table, say."""
    if not text or (MARK not in text and AMENDMENT not in text):
        return None
    found = json.loads(text)
    kind = Entry if MARK in found else Amendment
    return kind(**{f.name: found[f.name] for f in fields(kind) if f.name in found})


def booked(table: LakeTable) -> Iterator[Booked]:
    """Every line of a table's ledger, newest first: those of the Delta log, then those rolled up.

    Lazy: who takes only the first lines reads ten commits.
    """
    rolled_up = _roll_ups(table)
    last = int(rolled_up[-1].stem) if rolled_up else -1
    for commit in _commits_after(table, last):
        if line := line_of(commit.get("userMetadata")):
            yield Booked(commit["version"], line)
    for file in reversed(rolled_up):
        for text in reversed(file.read_text().splitlines()):
            version, _, metadata = text.partition(" ")
            if line := line_of(metadata):
                yield Booked(int(version), line)


def _commits_after(table: LakeTable, version: int) -> Iterator[dict[str, Any]]:
    """The commits of the log above a version, newest first."""
    first = table.history(10)
    yield from (commit for commit in first if commit["version"] > version)
    if first and first[-1]["version"] > version + 1:
        yield from (c for c in table.history() if version < c["version"] < first[-1]["version"])


def entries(table: LakeTable) -> Iterator[Entry]:
    """Every batch's entry, newest first."""
    return (each.line for each in booked(table) if isinstance(each.line, Entry))


def last_entry(table: LakeTable) -> Entry | None:
    """The newest entry; None before the first batch."""
    return next(entries(table), None)


def is_complete(table: LakeTable) -> bool:
    """Whether no line is missing. Without a roll-up in time, what cleans Delta's log takes the oldest ones."""
    rolled_up = _roll_ups(table)
    return bool(rolled_up) or not (history := table.history()) or history[-1]["version"] == 0


def roll_up(table: LakeTable) -> int:
    """Copy the lines that only Delta's log has into a file of their own, so that the log may be cleaned.

    The file appears whole, under the newest version it covers, or not at all. Returns the number of lines.
    """
    last = max((int(file.stem) for file in _roll_ups(table)), default=-1)
    commits = list(_commits_after(table, last))
    if not commits:
        return 0
    lines = [c for c in reversed(commits) if line_of(c.get("userMetadata"))]
    text = "".join(f"{commit['version']} {commit['userMetadata']}\n" for commit in lines)
    write_whole(_folder(table) / f"{commits[0]['version']:020d}.txt", text)
    return len(lines)


def _roll_ups(table: LakeTable) -> list[Path]:
    return sorted(_folder(table).glob("[0-9]*.txt"))


def _folder(table: LakeTable) -> Path:
    return table.path.parent / "_ledger" / table.path.name
