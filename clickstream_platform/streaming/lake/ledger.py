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
from typing import Any

from clickstream_platform.source_list import MAIN, title
from clickstream_platform.store.place import Place
from clickstream_platform.streaming.lake.tables import LakeTable

MARK = "clickstream_ledger"
AMENDMENT = "clickstream_amendment"
# The kinds of amendment.
REPLAY, ERASURE, RETENTION, REBUILD, FILL = "replay", "erasure", "retention", "rebuild", "fill"
REPLACEMENT = "replacement"


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
        formats: ``events`` only: of each of them that is no file of lines, its format.
        unreadable: ``events`` only: files that were refused whole, by path, with what was found.
        handled_ms: ``user_patterns`` only: the event time, in milliseconds since 1970, that events are handled to.
        passed_over: ``events`` only: records that were no events and not meant as such, by the value that told so.
        mapping: ``events`` only: the name of the mapping by which they were read, and a hash of what it says; empty if
            they are of our own shape.
        opened: ``events`` only: of the records read, the envelopes: each held any number of events, or none.
        inside: ``events`` only: how many events these held.
        lost: ``events`` only: offsets of the batch that were gone before it read them, by Kafka partition: the first,
            and the one after the last, which is None where the partition itself is gone.
        contract: ``events`` only: the same of the contract of declared columns.
        violations: ``events`` only: how often records that were not rejected break which rule of that contract.
        source: ``events`` only: the name of the source that the batch has read. Each has batch ids of its own.
        looked_at: ``events`` only: in how many records something was looked for at the paths of somebody's own mapping.
        never_matched: ``events`` only: those of the paths at which none of these had anything, each with its column.
        set_aside: ``events`` only: of the duplicates, those at another time than their event. They are in ``copies``.
        replaced: ``events`` only: events that gave way to one of the batch. They are in ``copies`` too.
        restored: ``events`` only: of ``rows_out``, those that were in ``copies``, and are events from now on.
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
    contract: str = ""
    violations: dict[str, int] = field(default_factory=dict)
    source: str = MAIN
    formats: dict[str, str] = field(default_factory=dict)
    opened: int = 0
    inside: int = 0
    looked_at: int = 0
    never_matched: list[str] = field(default_factory=list)
    set_aside: int = 0
    replaced: int = 0
    restored: int = 0

    @property
    def accepted(self) -> int:
        """How many of the events that were in the records became events of the table."""
        return self.rows_out - self.restored

    @property
    def remembered(self) -> int:
        """How many rows its batch added to ``copies``."""
        return self.set_aside + self.replaced

    @property
    def passed(self) -> int:
        """How many records were passed over."""
        return sum(self.passed_over.values())

    @property
    def events_in(self) -> int:
        """How many events were in the records, or were to be: those of envelopes, and all other records, one each."""
        return self.rows_in - self.opened + self.inside

    @property
    def offered(self) -> int:
        """How many of these were meant to be events."""
        return self.events_in - self.passed

    @property
    def title(self) -> str:
        """The table, and which source of it, where that is not the main one."""
        return title(self.table, self.source)

    @property
    def lost_offsets(self) -> int:
        """How many offsets ``lost`` comes to, as far as anybody knows."""
        return sum(end - first for spans in self.lost.values() for first, end in spans if end is not None)

    def refused(self) -> dict[str, str]:
        """The files that were refused whole, with what was found; under their source's name, if it is not ``main``."""
        before = "" if self.source == MAIN else f"{self.source}: "
        return {f"{before}{path}": fault for path, fault in self.unreadable.items()}

    def to_json(self) -> str:
        """The text that the commit carries as ``userMetadata``."""
        return json.dumps({MARK: 1, **vars(self)}, separators=(",", ":"))


@dataclass(frozen=True)
class Amendment:
    """What one commit outside of any batch did to a table's rows. Nothing about whose rows they were.

    Attributes:
        table: the table's name.
        kind: ``replay`` of rejected records, ``erasure`` of a person, ``retention`` of old events,
            ``rebuild`` of a stretch, ``fill`` of declared columns, ``replacement`` of events by earlier copies.
        run_id: the run that committed it.
        added: rows it added.
        removed: rows it removed.
        duplicates: of the events that a replay took out of ``quarantine``: those that ``events`` had already, or that
            are in ``copies`` now.
        passed_over: of these: those that are no events and not meant as such, by today's mapping.
        opened: of the records that a replay took out: envelopes that today's mapping opens.
        inside: how many events these held. Of these, the rejected ones are what it ``added``.
        committed_at_ms: when it was written, just before the commit.
        before: of retention: the moment before which they lay (ISO 8601, UTC).
        date: of a fill: the ``event_date`` whose rows were written anew.
        contract: of a fill: the contract's name, and a hash of what it says of the columns that were filled.
        filled: of a fill: how many rows got a value, by column.
        violations: of ``events``: how often those that were filled, or added by a replay, break which rule of the
            contract. What a fill could not take, as it breaks ``type``, stays in ``extra``.
        by: of a replacement: who made it, as the rows of ``copies`` say it in ``left_out_by``.
        restored: of a replay's line of ``events``: of the rows added, those that were in ``copies``.
    """

    table: str
    kind: str
    run_id: str
    added: int = 0
    removed: int = 0
    duplicates: int = 0
    passed_over: int = 0
    committed_at_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    before: str = ""
    opened: int = 0
    inside: int = 0
    date: str = ""
    contract: str = ""
    filled: dict[str, int] = field(default_factory=dict)
    violations: dict[str, int] = field(default_factory=dict)
    by: str = ""
    restored: int = 0

    @property
    def became_events(self) -> int:
        """Of a replay's line of ``quarantine``: how many events it took out of it."""
        return self.removed - self.opened + self.inside - self.added - self.duplicates - self.passed_over

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
    said = json.loads(text)
    kind = Entry if MARK in said else Amendment
    return kind(**{f.name: said[f.name] for f in fields(kind) if f.name in said})


def booked(table: LakeTable, after: int = -1) -> Iterator[Booked]:
    """The lines of a table's ledger above a version, newest first: those of the Delta log, then those rolled up.

    Lazy: who takes only the first lines reads these commits; no file is read that has only older lines.
    """
    rolled_up = [file for file in roll_ups(table) if int(file.stem) > after]
    for commit in table.commits(int(rolled_up[-1].stem) if rolled_up else after):
        if line := line_of(commit.get("userMetadata")):
            yield Booked(commit["version"], line)
    for file in reversed(rolled_up):
        for text in reversed(file.read_text().splitlines()):
            version, _, metadata = text.partition(" ")
            if int(version) > after and (line := line_of(metadata)):
                yield Booked(int(version), line)


def lines(table: LakeTable) -> Iterator[Entry | Amendment]:
    """Every line, newest first, without the version that it made; none if there is no table."""
    return (each.line for each in booked(table))


def entries(table: LakeTable) -> Iterator[Entry]:
    """Every batch's entry, newest first."""
    return (each.line for each in booked(table) if isinstance(each.line, Entry))


def last_entry(table: LakeTable) -> Entry | None:
    """The newest entry; None before the first batch."""
    return next(entries(table), None)


def is_complete(table: LakeTable) -> bool:
    """Whether no line is missing. Without a roll-up in time, what cleans Delta's log takes the oldest ones."""
    rolled_up = roll_ups(table)
    return bool(rolled_up) or not (history := table.history()) or history[-1]["version"] == 0


def roll_ups(table: LakeTable) -> list[Place]:
    """The files into which older lines were rolled up, the oldest first."""
    return sorted(folder_of(table).glob("[0-9]*.txt"), key=lambda file: file.name)


def folder_of(table: LakeTable) -> Place:
    """Where these files of a table lie."""
    return table.path.parent / "_ledger" / table.path.name
