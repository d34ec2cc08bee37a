"""What the ledgers of ``events`` and ``quarantine`` say of each other, and of the tables they belong to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clickstream_platform.streaming.audit.balance import imbalances
from clickstream_platform.streaming.lake.ledger import Amendment, Entry, booked, entries, is_complete
from clickstream_platform.streaming.lake.places import Lake

if TYPE_CHECKING:
    from clickstream_platform.streaming.contract.table import StreamingTable


@dataclass(frozen=True)
class _Log:
    """A table's rows, and what is left of its ledger."""

    name: str
    rows: int
    entries: list[Entry]
    amendments: list[Amendment]
    complete: bool

    def since(self) -> int:
        """The moment, in milliseconds since 1970, after which no entry is missing."""
        return self.entries[-1].committed_at_ms if self.entries and not self.complete else 0

    def quarantined(self, since: int) -> dict[tuple[int, int], int]:
        """Rejected records by generation and batch, of the entries after a moment."""
        after = (entry for entry in self.entries if entry.committed_at_ms > since and entry.quarantined)
        return {(entry.generation, entry.batch_id): entry.quarantined for entry in after}

    def differs(self, landed: int) -> list[str]:
        """Whether the rows are those that the ledger booked. What the log no longer holds cannot be added up."""
        expected = landed + sum(each.added - each.removed for each in self.amendments)
        if not self.complete or self.rows == expected:
            return []
        return [f"{self.name} has {self.rows} rows, its ledger {expected}"]


def _log(lake: Lake, name: str) -> _Log:
    table = lake.table(name)
    opened = table.open()
    if opened is None:
        return _Log(name, 0, [], [], complete=True)
    lines = [each.line for each in booked(table) if each.version <= opened.version()]  # a run may go on meanwhile
    return _Log(
        name,
        opened.count(),  # by the statistics in the log
        [line for line in lines if isinstance(line, Entry)],
        [line for line in lines if isinstance(line, Amendment)],
        is_complete(table),
    )


def unbalanced(table: StreamingTable, lake: Lake) -> list[str]:
    """What is wrong with the ledgers of ``events`` and ``quarantine``. No data file is read.

    A batch of ``quarantine`` that ``events`` lacks is not wrong: it was killed in between, or it is being written. So
    ``events``, which is written last, is read first.
    """
    assert table.beside is not None  # a contract with this expectation declares what it rejects
    events = _log(lake, table.name)
    rejected = _log(lake, table.beside.name)
    since = max(events.since(), rejected.since())
    landed = rejected.quarantined(since)
    return [
        *imbalances(events.entries),
        *(
            f"batch {b}: {n} quarantined, {landed.get((g, b), 0)} landed"
            for (g, b), n in events.quarantined(since).items()
            if landed.get((g, b)) != n
        ),
        *events.differs(sum(entry.rows_out for entry in events.entries)),
        *rejected.differs(sum(entry.quarantined for entry in rejected.entries)),
        *_unfinished_replay(events, rejected),
    ]


def _unfinished_replay(events: _Log, rejected: _Log) -> list[str]:
    """Whether what a replay added to ``events`` has left ``quarantine``, where the ledgers go back that far."""
    added = sum(each.added for each in events.amendments if each.kind == "replay")
    left = sum(
        each.removed - each.duplicates - each.passed_over for each in rejected.amendments if each.kind == "replay"
    )
    if added == left or not (events.complete and rejected.complete):
        return []
    return [f"a replay added {added - left} events that are still in quarantine: run `clickstream replay` again"]


def refused(lake: Lake) -> dict[str, str]:
    """The files that were refused whole, with what was found, oldest first."""
    newest_first = list(entries(lake.events))
    return {path: fault for entry in reversed(newest_first) for path, fault in entry.unreadable.items()}


def passed_over(lake: Lake) -> dict[str, int]:
    """The records that were passed over by any batch, by the value that told so."""
    found = Counter[str]()
    for entry in entries(lake.events):
        found.update(entry.passed_over)
    return dict(found.most_common())


def refused_said(files: Mapping[str, str], shown: int = 3) -> str:
    """Files that were refused whole, in words: how many there are, and the newest of them."""
    newest = [f"{path}: {fault}" for path, fault in list(files.items())[-shown:]]
    more = "; ..." if len(files) > shown else ""
    return f"{len(files):,} {'file was' if len(files) == 1 else 'files were'} refused whole ({'; '.join(newest)}{more})"
