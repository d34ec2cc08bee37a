"""How much of what came was rejected or a duplicate, by the ledger alone: no row is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from statistics import median

from clickstream_platform.events.contract.model import PREFIX
from clickstream_platform.events.mapping.matching import describe_unmatched
from clickstream_platform.expectations import DuplicateShare, RejectedShare
from clickstream_platform.streaming.audit.unmatched import unmatched_paths
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import REPLAY, Amendment, entries, versioned_lines
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.wording import number_of

RUNS = 20  # before the newest: what is usual
BATCHES = 1_000  # the newest of the ledger: what is further back is not asked, however few records these had
FEWEST = 5  # of them: fewer say nothing of what is usual

ShareExpectation = RejectedShare | DuplicateShare


@dataclass(frozen=True)
class Share:
    """A part of what came last.

    Attributes:
        count: records of the kind that is asked for.
        records: all of them.
        refused: files that were refused whole; 0 where duplicates are asked for.
        refused_bytes: of these files.
        bytes: of all files.
        usual: the median of the runs before; None if there were too few of them.
        reasons: rejected records by reason.
    """

    count: int
    records: int
    refused: int = 0
    refused_bytes: int = 0
    bytes: int = 0
    usual: float | None = None
    reasons: tuple[tuple[str, int], ...] = ()

    @property
    def of_records(self) -> float:
        """The share of the records."""
        return self.count / self.records if self.records else 0.0

    @property
    def of_bytes(self) -> float:
        """The share of the bytes that lie in files that were refused whole."""
        return self.refused_bytes / self.bytes if self.bytes else 0.0

    def exceeds(self, expectation: ShareExpectation) -> bool:
        """Whether the share is more than expected. False for too few records, unless all of them were refused."""
        if expectation.most >= 1:
            return False
        if self.records < expectation.at_least:
            return self.refused > 0 and self.records == 0
        rise = None if self.usual is None else max(self.usual * expectation.rise, expectation.most / expectation.rise)
        most = expectation.most if rise is None else min(rise, expectation.most)
        return self.of_records > most or self.of_bytes > expectation.most

    def numbers(self) -> dict[str, int | float]:
        """What there is to plot."""
        known = {} if self.usual is None else {"usual_share": self.usual}
        files = {"refused_files": self.refused, "refused_bytes": self.refused_bytes} if self.bytes else {}
        return {"records": self.records, "count": self.count, "share": self.of_records, **known, **files}


def newest_share(expectation: ShareExpectation, lake: Lake) -> Share:
    """The newest run's share; with that of the runs before it, until there are as many records as are asked for.

    Rejected records that were replayed since no longer count. Reads the newest :data:`BATCHES` entries at most.
    """
    newest, before = newest_runs(expectation.at_least, lake)
    kind = _kind(expectation)
    usual = [*islice((_run_share(run, kind) for run in before if count_offered(run) >= expectation.at_least), RUNS)]
    share_now = _summed(newest, kind, median(usual) if len(usual) >= FEWEST else None)
    if isinstance(expectation, DuplicateShare) or not newest:
        return share_now
    return _with_refused(share_now, newest, _replayed_since(lake, newest[-1].committed_at_ms))


def newest_runs(at_least: int, lake: Lake) -> tuple[list[Entry], Iterator[list[Entry]]]:
    """The batches of the newest run, and of as many runs before it as it takes to have so many records.

    Lazily beside them the runs before these, newest first. Reads the newest :data:`BATCHES` entries at most.
    """
    looked_at = islice(entries(lake.events), BATCHES)
    by_run = (list(of_run) for _, of_run in groupby(looked_at, key=lambda entry: entry.run_id))
    newest: list[Entry] = []
    while count_offered(newest) < at_least and (run := next(by_run, None)):
        newest += run
    return newest, by_run


def count_offered(batches: Sequence[Entry]) -> int:
    """How many records, or events of envelopes, were meant to be events."""
    return sum(entry.offered for entry in batches)


def _kind(expectation: ShareExpectation) -> Callable[[Entry], int]:
    match expectation:
        case RejectedShare():
            return lambda entry: entry.records.quarantined
        case DuplicateShare():
            return lambda entry: entry.copies.duplicates


def _run_share(run: Sequence[Entry], kind: Callable[[Entry], int]) -> float:
    return sum(map(kind, run)) / count_offered(run)


def _summed(batches: Sequence[Entry], kind: Callable[[Entry], int], usual: float | None) -> Share:
    return Share(sum(map(kind, batches)), count_offered(batches), usual=usual)


def _with_refused(counted: Share, batches: Sequence[Entry], replayed: int) -> Share:
    files = [(path, size, entry) for entry in batches for path, (size, _) in entry.account.files.items()]
    reasons = sum((Counter(entry.records.reasons) for entry in batches), Counter[str]())
    return Share(
        max(counted.count - replayed, 0),
        counted.records,
        sum(len(entry.account.unreadable) for entry in batches),
        sum(size for path, size, entry in files if path in entry.account.unreadable),
        sum(size for _, size, _ in files),
        counted.usual,
        tuple(reasons.most_common()),
    )


def _replayed_since(lake: Lake, since_ms: int) -> int:
    """Records that have left ``quarantine`` by a replay since a moment."""
    removed = 0
    for line in (each.line for each in versioned_lines(lake.table("quarantine"))):
        if line.committed_at_ms < since_ms:
            break
        if isinstance(line, Amendment) and line.kind == REPLAY:
            removed += line.removed
    return removed


def describe_share(counted: Share, expectation: ShareExpectation) -> str:
    """A share in words."""
    was, duplicates = ("was", "a duplicate") if counted.count == 1 else ("were", "duplicates")
    what = f"{was} {'rejected' if isinstance(expectation, RejectedShare) else duplicates}"
    reasons = (
        f" ({', '.join(f'{reason} {count:,}' for reason, count in counted.reasons[:4])})" if counted.reasons else ""
    )
    text = f"{counted.count:,} of {number_of(counted.records, 'record')} {what}{reasons if counted.count else ''}"
    if counted.refused:
        text += f", and {number_of(counted.refused, 'file')} refused whole"
    if counted.usual is not None:
        text += f"; usual are {counted.usual:.1%}"
    return text


def run_warnings(table: StreamingTable, batches: Sequence[Entry]) -> list[str]:
    """What a run that has committed these batches should warn of, however few records there were."""
    lines = [*describe_unmatched(unmatched_paths(batches))]
    if broken := sum((Counter(entry.declared.violations) for entry in batches), Counter[str]()):
        lines.append(f"{describe_violations(broken)}; their events are kept")
    for expectation in table.expectations:
        if isinstance(expectation, RejectedShare | DuplicateShare):
            counted = _summed(batches, _kind(expectation), None)
            if isinstance(expectation, RejectedShare):
                counted = _with_refused(counted, batches, replayed=0)
            if counted.refused or counted.of_records > expectation.most:
                lines.append(f"{describe_share(counted, expectation)}: {_where(counted, expectation)}")
    return lines


def run_notes(batches: Sequence[Entry]) -> list[str]:
    """What a run that has committed these batches should say beside that: nothing of it is wrong."""
    passed = sum((Counter(entry.records.passed_over) for entry in batches), Counter[str]())
    each = ", ".join(f"{why} {count:,}" for why, count in passed.most_common(4))
    return [f"{number_of(passed.total(), 'record')} passed over, as the mapping says: {each}"] if passed else []


def describe_violations(broken: Mapping[str, int]) -> str:
    """Which rules of the contract were broken, in words, and how often."""
    each = ", ".join(f"{rule.removeprefix(PREFIX)} {count:,}" for rule, count in Counter(broken).most_common(4))
    return f"{number_of(sum(broken.values()), 'violation')} of the contract: {each}"


def _where(counted: Share, expectation: ShareExpectation) -> str:
    if isinstance(expectation, DuplicateShare):
        return "their event_id and timestamp were there already"
    return "`clickstream quarantine` shows them" if counted.count else "`clickstream ledger --json` says why"
