"""The ledger: one entry for every batch, carried by the batch's own Delta commit.

Commits that change rows outside of any batch (a replay, an erasure, retention) carry an amendment instead, so that a
table's rows can be accounted for to the last one: those its batches and amendments added, less those removed.

The log is the ledger until ``maintain`` cleans the log; before that it rolls the lines up into plain files under
``_ledger/<table>/``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from itertools import islice, takewhile

from clickstream_platform.store.place import Place
from clickstream_platform.streaming.lake.entry import MARK, Entry, entry_from_fields
from clickstream_platform.streaming.lake.tables import LakeTable

AMENDMENT = "clickstream_amendment"
# The kinds of amendment.
REPLAY, ERASURE, RETENTION, REBUILD, FILL = "replay", "erasure", "retention", "rebuild", "fill"
REPLACEMENT, COMPLETION = "replacement", "completion"


@dataclass(frozen=True)
class Amendment:
    """What one commit outside of any batch did to a table's rows. Nothing about whose rows they were.

    Attributes:
        table: the table's name.
        kind: ``replay`` of rejected records, ``erasure`` of a person, ``retention`` of old events,
            ``rebuild`` of a stretch, ``fill`` of declared columns, ``replacement`` of events by earlier copies,
            ``completion`` of what a batch that was killed has put into ``copies``.
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
        by: of a replacement: who made it, as the rows of ``copies`` say it in ``left_out_by``. Of events that come back
            as a replay is undone: that one.
        restored: of a replay's line of ``events``: of the rows added, those that were in ``copies``.
        events_version: of a replay's line of ``copies``: the version of ``events`` that it had read; else -1.
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
    events_version: int = -1

    @property
    def became_events(self) -> int:
        """Of a replay's line of ``quarantine``: how many events it took out of it."""
        return self.removed - self.opened + self.inside - self.added - self.duplicates - self.passed_over

    def to_json(self) -> str:
        """The text that the commit carries as ``userMetadata``."""
        return json.dumps({AMENDMENT: 1, **asdict(self)}, separators=(",", ":"))


@dataclass(frozen=True)
class VersionedLine:
    """One line of a ledger: what a commit carries, and the table's version that it made."""

    version: int
    line: Entry | Amendment


def parse_line(text: str | None) -> Entry | Amendment | None:
    """What a commit's ``userMetadata`` says; None for a commit that booked nothing: it compacted the table, say."""
    if not text or (MARK not in text and AMENDMENT not in text):
        return None
    written = json.loads(text)
    if MARK in written:
        return entry_from_fields(written)
    return Amendment(**{f.name: written[f.name] for f in fields(Amendment) if f.name in written})


def versioned_lines(table: LakeTable, after: int = -1) -> Iterator[VersionedLine]:
    """The lines of a table's ledger above a version, newest first: those of the Delta log, then those rolled up.

    Lazy: who takes only the first lines reads these commits; no file is read that has only older lines.
    """
    commits, below = table.log.commits(after), sys.maxsize
    for newest in islice(commits, 1):  # who takes only the last line asks for no roll-ups
        below = newest["version"]
        if line := parse_line(newest.get("userMetadata")):
            yield VersionedLine(below, line)
    rolled_up = [file for file in roll_up_files(table) if int(file.stem) > after]
    last = int(rolled_up[-1].stem) if rolled_up else after
    for commit in takewhile(lambda each: each["version"] > last, commits):
        below = commit["version"]
        if line := parse_line(commit.get("userMetadata")):
            yield VersionedLine(below, line)
    for file in reversed(rolled_up):
        for text in reversed(file.read_text().splitlines()):
            version, _, metadata = text.partition(" ")
            if after < int(version) < below and (line := parse_line(metadata)):
                yield VersionedLine(int(version), line)


def ledger_lines(table: LakeTable) -> Iterator[Entry | Amendment]:
    """Every line, newest first, without its version; none if there is no table."""
    return (each.line for each in versioned_lines(table))


def entries(table: LakeTable) -> Iterator[Entry]:
    """Every batch's entry, newest first."""
    return (line for line in ledger_lines(table) if isinstance(line, Entry))


def last_entry(table: LakeTable) -> Entry | None:
    """The newest entry; None before the first batch."""
    return next(entries(table), None)


def is_ledger_complete(table: LakeTable) -> bool:
    """Whether no line is missing. Without a roll-up in time, what cleans Delta's log takes the oldest ones."""
    rolled_up = roll_up_files(table)
    return bool(rolled_up) or not (history := table.log.history()) or history[-1]["version"] == 0


def roll_up_files(table: LakeTable) -> list[Place]:
    """The files into which older lines were rolled up, the oldest first."""
    return sorted(roll_up_folder(table).glob("[0-9]*.txt"), key=lambda file: file.name)


def roll_up_folder(table: LakeTable) -> Place:
    """The folder of a table's roll-ups."""
    return table.path.parent / "_ledger" / table.path.name
