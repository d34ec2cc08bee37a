"""What the ledgers of ``events`` and ``quarantine`` say of each other, and of the tables they belong to.

Both are added up line by line, so that whoever kept the sums goes on from there: with the new lines alone, and as
strictly as from the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING

from clickstream_platform.errors import SourceError
from clickstream_platform.streaming.audit.balance import imbalances
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import (
    REPLAY,
    Amendment,
    entries,
    is_ledger_complete,
    last_entry,
    parse_line,
    versioned_lines,
)
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.roll_up import refused_files
from clickstream_platform.streaming.lake.tables import LakeTable
from clickstream_platform.wording import number_of

if TYPE_CHECKING:
    from clickstream_platform.streaming.contract.table import StreamingTable

SHOWN = 3  # files that were refused whole


@dataclass(frozen=True)
class Sums:
    """The ledger of one table up to a version, added up.

    Attributes:
        version: the version; -1 before there is a table.
        complete: whether no older line is missing.
        landed: rows that its batches brought.
        amended: rows that its amendments added, less those they removed.
        replayed: of replays: events added, or rejected records that became one.
    """

    version: int = -1
    complete: bool = True
    landed: int = 0
    amended: int = 0
    replayed: int = 0


@dataclass(frozen=True)
class Books:
    """The sums of both ledgers up to a version, and what the next lines must continue from.

    Attributes:
        events: the sums of ``events``.
        rejected: the sums of ``quarantine``.
        ends: the newest entry of ``events`` of each source, as its commit carries it, without its files.
        ahead: rejected records by source, generation and batch, of batches that ``events`` did not have yet.
        refused: how many files were refused whole.
        newest: the newest of them, with what was found.
        remembered: the sums of ``copies``.
    """

    events: Sums = field(default_factory=Sums)
    rejected: Sums = field(default_factory=Sums)
    ends: dict[str, str] = field(default_factory=dict)
    ahead: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    newest: dict[str, str] = field(default_factory=dict)
    remembered: Sums = field(default_factory=Sums)


_Brought = Callable[[Entry], int]  # how many rows a batch has brought to a table


@dataclass(frozen=True)
class _LedgerLines:
    """The lines of a table's ledger that are new, newest first, and its sums with them."""

    name: str
    rows: int
    entries: list[Entry]
    sums: Sums

    def complete_since_ms(self) -> int:
        """The moment, in milliseconds since 1970, after which no entry is missing."""
        return self.entries[-1].committed_at_ms if self.entries and not self.sums.complete else 0

    def quarantined(self, since: int) -> dict[str, int]:
        """Rejected records by source, generation and batch, of the entries after a moment."""
        after = (entry for entry in self.entries if entry.committed_at_ms > since and entry.records.quarantined)
        return {f"{entry.source}/{entry.generation}/{entry.batch_id}": entry.records.quarantined for entry in after}

    def row_errors(self) -> list[str]:
        """How the number of rows contradicts the ledger, if it does. An incomplete ledger is not compared."""
        expected = self.sums.landed + self.sums.amended
        if not self.sums.complete or self.rows == expected:
            return []
        return [f"{self.name} has {number_of(self.rows, 'row')}, its ledger {expected}"]


def _log(
    table: LakeTable, before: Sums, brought: _Brought, *, rejects: bool = False, version: int | None = None
) -> _LedgerLines:
    opened = table.open()
    if opened is None:
        return _LedgerLines(table.name, 0, [], before)
    if version is not None:
        opened.load_as_version(version)
    until = opened.version()
    new = [
        each.line for each in versioned_lines(table, before.version) if each.version <= until
    ]  # a run may go on meanwhile
    batches = [line for line in new if isinstance(line, Entry)]
    amendments = [line for line in new if isinstance(line, Amendment)]
    replays = [line for line in amendments if line.kind == REPLAY]
    became = sum(each.became_events if rejects else each.added - each.restored for each in replays)
    sums = Sums(
        until,
        before.complete if before.version >= 0 else is_ledger_complete(table),
        before.landed + sum(map(brought, batches)),
        before.amended + sum(line.added - line.removed for line in amendments),
        before.replayed + became,
    )
    return _LedgerLines(table.name, opened.count(), batches, sums)  # counted by the statistics in the log


def ledger_errors(table: StreamingTable, lake: Lake) -> list[str]:
    """What is wrong with the ledgers of ``events`` and ``quarantine``. No data file is read."""
    return add_up_ledgers(table, lake)[0]


def add_up_ledgers(
    table: StreamingTable, lake: Lake, before: Books | None = None, version: int | None = None
) -> tuple[list[str], Books]:
    """What is wrong with the ledgers of ``events`` and ``quarantine``, and the books with their new lines.

    A batch of ``quarantine`` that ``events`` lacks is not wrong: it was killed in between, or it is being written. So
    ``events``, which is written last, is read first.

    Args:
        table: the contract of ``events``.
        lake: where the tables lie.
        before: books that balanced: only later lines are read. None: every line is.
        version: of ``events``; the newest, if not given.
    """
    assert table.side_output is not None  # a contract with this expectation declares what it rejects
    before = before or Books()
    events = _log(lake.table(table.name), before.events, lambda entry: entry.rows_out, version=version)
    quarantine = lake.table(table.side_output.name)
    rejected = _log(quarantine, before.rejected, lambda entry: entry.records.quarantined, rejects=True)
    aside = _LedgerLines("", 0, [], Sums())
    if table.copies:
        aside = _log(lake.table(table.copies.name), before.remembered, lambda entry: entry.copies.remembered)
    since = max(events.complete_since_ms(), rejected.complete_since_ms())
    landed = before.ahead | rejected.quarantined(since)
    booked_as_rejected = events.quarantined(since)
    wrong = [
        *imbalances([*events.entries, *(entry for text in before.ends.values() for entry in _entry(text))]),
        *(
            f"batch {name.rpartition('/')[2]}: {count} quarantined, {landed.get(name, 0)} landed"
            for name, count in booked_as_rejected.items()
            if landed.get(name) != count
        ),
        *events.row_errors(),
        *rejected.row_errors(),
        *aside.row_errors(),
        *_unfinished_replay(events.sums, rejected.sums),
    ]
    ahead = {k: v for k, v in landed.items() if k not in booked_as_rejected}
    return wrong, replace(_next_books(before, events, rejected, ahead), remembered=aside.sums)


def _next_books(before: Books, events: _LedgerLines, rejected: _LedgerLines, ahead: dict[str, int]) -> Books:
    new = [each for entry in reversed(events.entries) for each in entry.refused().items()]
    newest = dict([*before.newest.items(), *new][-SHOWN:])
    ends = {each.source: _without_files(each).to_json() for each in reversed(events.entries)}
    return Books(events.sums, rejected.sums, {**before.ends, **ends}, ahead, before.refused + len(new), newest)


def _without_files(entry: Entry) -> Entry:
    return replace(entry, account=replace(entry.account, files={}, unreadable={}))


def _entry(text: str) -> list[Entry]:
    line = parse_line(text)
    return [line] if isinstance(line, Entry) else []


def _unfinished_replay(events: Sums, rejected: Sums) -> list[str]:
    """Whether what a replay added to ``events`` has left ``quarantine``, where the ledgers go back that far."""
    added, left = events.replayed, rejected.replayed
    if added == left or not (events.complete and rejected.complete):
        return []
    both = number_of(added - left, "event that is", "events that are")
    return [f"a replay added {both} still in quarantine: run `clickstream replay` again"]


def all_refused_files(lake: Lake) -> dict[str, str]:
    """The files that were refused whole, with what was found, oldest first."""
    return refused_files(lake.events)


def newest_passed_over(lake: Lake) -> dict[str, int]:
    """The records that the newest run passed over, by the value that told so. Reads that run's entries alone."""
    counts, run_id = Counter[str](), ""
    for entry in entries(lake.events):
        if run_id and entry.run_id != run_id:
            break
        run_id = entry.run_id
        counts.update(entry.records.passed_over)
    return dict(counts.most_common())


def newest_violations(lake: Lake) -> dict[str, int]:
    """The rules of the contract that the newest run saw broken by events that were kept. Reads its entries alone."""
    _, of_run = next(groupby(entries(lake.events), key=lambda entry: entry.run_id), ("", ()))
    return dict(sum((Counter(entry.declared.violations) for entry in of_run), Counter[str]()).most_common())


def describe_refused(files: Mapping[str, str]) -> str:
    """Files that were refused whole, in words: how many there are, and the newest of them."""
    return describe_refused_count(len(files), dict(list(files.items())[-SHOWN:]))


def describe_refused_count(count: int, newest: Mapping[str, str]) -> str:
    """How many files were refused whole, and the newest of them, in words."""
    named = "; ".join(f"{path}: {fault}" for path, fault in newest.items())
    more = "; ..." if count > len(newest) else ""
    return f"{number_of(count, 'file was', 'files were')} refused whole ({named}{more})"


def require_committed(contract: StreamingTable, lake: Lake) -> Entry:
    """The newest entry of a table's ledger.

    Raises:
        SourceError: it has no committed batch yet.
    """
    if (entry := last_entry(lake.table(contract.name))) is None:
        remedy = f"run `clickstream run {contract.name}` first"
        raise SourceError(contract.name, "it has no committed batch yet", remedy)
    return entry


def with_batch(contracts: Sequence[StreamingTable], lake: Lake) -> tuple[list[StreamingTable], list[str]]:
    """The tables that have a committed batch, and the names of the others.

    Raises:
        SourceError: none of them has one.
    """
    made = [table for table in contracts if last_entry(lake.table(table.name))]
    if not made:
        require_committed(contracts[0], lake)
    return made, [table.name for table in contracts if table not in made]
