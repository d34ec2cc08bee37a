"""A table at the moment when its checks look at it, and what ledgers and log say of that moment without a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import pyarrow as pa

from clickstream_platform.expectations import KeptContract
from clickstream_platform.streaming.audit import passes
from clickstream_platform.streaming.audit.books import Books, add_up_ledgers, describe_refused_count
from clickstream_platform.streaming.audit.broken_rules import broken_rules
from clickstream_platform.streaming.audit.increment import Increment
from clickstream_platform.streaming.audit.passes import ResumePoint
from clickstream_platform.streaming.audit.result import CheckScope
from clickstream_platform.streaming.audit.shares import ShareExpectation, describe_share, newest_share
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import versioned_lines
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.tables import LakeTable
from clickstream_platform.wording import length, number_of


@dataclass(frozen=True)
class CheckFinding:
    """What a look at a table found of one expectation.

    Attributes:
        passed: whether it holds.
        found: the number of rows that break it, or a sentence.
        look: what was looked at.
        kept: what the next look goes on from, if this one passed; None: it always looks at the newest.
        numbers: what was measured, where there is more than one number to it.
    """

    passed: bool
    found: int | str
    look: CheckScope
    kept: ResumePoint | None = None
    numbers: Mapping[str, int | float] = field(default_factory=dict[str, "int | float"])


@dataclass(frozen=True)
class TableSnapshot:
    """A table as it stands; a run may go on meanwhile.

    Attributes:
        contract: its contract.
        lake: where it lies.
        version: the version that is looked at.
        entry: the newest entry of its ledger up to there.
        now: the time.
    """

    contract: StreamingTable
    lake: Lake
    version: int
    entry: Entry
    now: datetime

    @property
    def table(self) -> LakeTable:
        """The table."""
        return self.lake.table(self.contract.name)

    def since(self, version: int) -> Increment:
        """What the table has that it did not have at an older version."""
        return Increment(self.table, version, self.version)

    def events_since(self, version: int) -> Increment:
        """What ``events`` has gained since a version, up to the one that the table has read or one of equal rows."""
        return Increment(self.lake.events, version, self.lake.events.log.same_rows_until(self.entry.events_version))

    def version_marks(self, **others: int) -> dict[str, tuple[int, str]]:
        """The marks of its version and of versions of other tables."""
        return passes.version_marks(self.lake, {self.contract.name: self.version, **others})

    def scope(self, since: int = -1) -> CheckScope:
        """A look at everything or, if the check had passed at a version, at what came since."""
        return CheckScope("full", self.version) if since < 0 else CheckScope("incremental", self.version, since)

    def none_breaks(self, breaking: int, since: int = -1, last: dict[str, int] | None = None) -> CheckFinding:
        """That none of the rows that were looked at may break an expectation."""
        return CheckFinding(
            breaking == 0, breaking, self.scope(since), ResumePoint(self.version_marks(), last=last or {})
        )

    def matches(self, event_type: str, rows: int, count: int, version: int, since: int = -1) -> CheckFinding:
        """Whether the table has as many rows as ``events`` has events of one type at a version."""
        kept = ResumePoint(self.version_marks(events=version), count=count, rows=rows)
        finding, numbers = (
            f"{number_of(rows, 'row')}, {number_of(count, 'event')} of type {event_type}",
            {"rows_missing": count - rows},
        )
        return CheckFinding(rows == count, finding, self.scope(since), kept, numbers)

    def ledgers(self, before: Books | None = None) -> CheckFinding:
        """Whether the ledgers balance; from where these books did, if they are given."""
        wrong, books = add_up_ledgers(self.contract, self.lake, before, self.version)
        text = "; ".join(wrong[:5]) or "the ledger balances"
        text += f"; {describe_refused_count(books.refused, books.newest)}" if books.refused else ""
        assert self.contract.side_output is not None
        kept = ResumePoint(self.version_marks(**{self.contract.side_output.name: books.rejected.version}), books=books)
        look, numbers = self.scope(before.events.version if before else -1), {"contradictions": len(wrong)}
        return CheckFinding(not wrong, text, look, kept, numbers)

    def share(self, expectation: ShareExpectation) -> CheckFinding:
        """How much of what came last was rejected, or was a duplicate."""
        share, look = newest_share(expectation, self.lake), CheckScope("newest", self.version)
        return CheckFinding(
            not share.exceeds(expectation), describe_share(share, expectation), look, numbers=share.numbers()
        )

    def contract_kept(self, expectation: KeptContract) -> CheckFinding:
        """How often what came last breaks which rule of the contract of columns."""
        broken, look = broken_rules(expectation, self.lake), CheckScope("newest", self.version)
        return CheckFinding(not broken.exceeds(expectation), str(broken), look, numbers=broken.numbers())

    def age(self, most: timedelta, newest_ms: int | None, look: CheckScope) -> CheckFinding:
        """Whether the newest event is young enough."""
        if newest_ms is None:
            return CheckFinding(False, "there is no event", look)
        age = self.now - datetime.fromtimestamp(newest_ms / 1000, timezone.utc)
        return CheckFinding(age <= most, f"the newest event is {length(age)} old", look)

    def newest_ms(self) -> int | None:
        """The time of the newest event, in milliseconds since 1970: by the log, and by files without statistics."""
        column = self.contract.span[-1]
        files = pa.table(self.table.plain_table(self.version).get_add_actions(flatten=True))
        name = f"max.{column}"
        stated = files[name].cast(pa.int64()).to_pylist() if name in files.column_names else [None] * files.num_rows
        unknown = [path for path, micros in zip(files["path"].to_pylist(), stated, strict=True) if micros is None]
        read = self.since(self.version).newest(column, unknown) if unknown else None
        return max((micros // 1000 for micros in [read, *stated] if micros is not None), default=None)


def take_snapshot(contract: StreamingTable, lake: Lake, now: datetime | None) -> TableSnapshot | None:
    """A table as it stands now; None if it has no committed batch."""
    version = lake.table(contract.name).version()
    lines = (
        each.line
        for each in versioned_lines(lake.table(contract.name))
        if version is not None and each.version <= version
    )
    entry = next((line for line in lines if isinstance(line, Entry)), None)
    if version is None or entry is None:
        return None
    return TableSnapshot(contract, lake, version, entry, now or datetime.now(timezone.utc))
