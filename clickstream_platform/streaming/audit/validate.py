"""``validate``: a table's expectations, evaluated on all of its rows.

What a row must satisfy is answered by one aggregation over the table, however many expectations there are; the ledger's
balance by the Delta log. Every row is looked at every time, which is simple and right; it costs as much as the table is
long.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import reduce
from typing import TYPE_CHECKING, Any

from clickstream_platform.expectations import (
    AcceptedValues,
    Conservation,
    Expectation,
    FreshEvents,
    MatchesEvents,
    NonNegative,
    NotNull,
    UniqueKey,
)
from clickstream_platform.streaming.audit.balance import imbalances
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.ledger import Amendment, Entry, booked, is_complete, last_entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import snapshot

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

NO_BATCH = "no committed batch yet"


@dataclass(frozen=True)
class CheckResult:
    """What one expectation of one table came to.

    Attributes:
        table: the table's name.
        name: the expectation's name, unique within the table.
        passed: whether it holds.
        blocking: whether what is downstream must not be built on the table when it does not.
        found: the number of rows that break it, or a sentence.
        description: what is expected, in words.
    """

    table: str
    name: str
    passed: bool
    blocking: bool
    found: int | str
    description: str


def validate(
    table: StreamingTable, spark: SparkSession, lake: Lake, *, now: datetime | None = None
) -> list[CheckResult]:
    """Evaluate every expectation of a table, in the order of its contract.

    A table without a committed batch keeps none of its promises: each result fails with :data:`NO_BATCH`, so that a
    gate that looks at the wrong folder does not pass.

    Args:
        table: the table's contract.
        spark: the session; it scans the table once.
        lake: where the tables lie.
        now: what the age of the newest event is measured against; the clock, if not given.
    """
    if last_entry(lake.table(table.name)) is None:
        return [_result(table, each, False, NO_BATCH) for each in table.expectations]
    look = _Look(table, spark, lake, now or datetime.now(timezone.utc))
    return [
        _result(table, each, *look.at(each, facts))
        for each, facts in zip(table.expectations, look.facts(), strict=True)
    ]


def described(expectation: Expectation) -> str:
    """What an expectation asks for, in words."""
    match expectation:
        case UniqueKey(columns):
            return f"No two rows share the key ({', '.join(columns)})."
        case NotNull(columns):
            return f"No row lacks {', '.join(columns)}."
        case AcceptedValues(column, values):
            return f"Every {column} is one of: {', '.join(values)}."
        case NonNegative(columns):
            return f"No value is below zero: {', '.join(columns)}."
        case MatchesEvents(event_type):
            return f"As many rows as events has of type {event_type}, at the version that the table has read."
        case Conservation():
            return "Read = accepted + quarantined + duplicates, in every batch, without holes or overlaps of offsets."
        case FreshEvents(max_age):
            return f"The newest event is at most {_spoken(max_age)} old."


def _spoken(age: timedelta) -> str:
    """A duration in the largest unit of which it has two or more."""
    for unit, length in (("days", timedelta(days=1)), ("h", timedelta(hours=1))):
        if age >= 2 * length:
            return f"{age // length} {unit}"
    return f"{age // timedelta(minutes=1)} min"


def _result(table: StreamingTable, expectation: Expectation, passed: bool, found: int | str) -> CheckResult:
    return CheckResult(table.name, expectation.name, passed, expectation.blocking, found, described(expectation))


@dataclass(frozen=True)
class _Look:
    table: StreamingTable
    spark: SparkSession
    lake: Lake
    now: datetime

    def facts(self) -> Sequence[Any]:
        """What the rows say to each expectation. The one scan."""
        asked = [_measure(each).alias(str(i)) for i, each in enumerate(self.table.expectations)]
        row = self._rows(self.table.name).agg(*asked).first()
        assert row is not None
        return row

    def at(self, expectation: Expectation, fact: Any) -> tuple[bool, int | str]:
        """Whether it holds, and what was found."""
        match expectation:
            case MatchesEvents(event_type):
                return self._matches_events(event_type, fact)
            case Conservation():
                wrong = _unbalanced(self.table, self.lake)
                return not wrong, "; ".join(wrong[:5]) or "the ledger balances"
            case FreshEvents(max_age):
                return self._is_fresh(max_age, fact)
            case _:
                return fact == 0, fact

    def _matches_events(self, event_type: str, rows: int) -> tuple[bool, int | str]:
        entry = last_entry(self.lake.table(self.table.name))
        assert entry is not None
        version = self.lake.events.same_rows_until(entry.events_version)
        events = self._rows("events", version).where(f"event_type = '{event_type}'").count()
        return rows == events, f"{rows} rows, {events} events of type {event_type}"

    def _is_fresh(self, max_age: timedelta, newest_ms: int | None) -> tuple[bool, int | str]:
        if newest_ms is None:
            return False, "there is no event"
        age = self.now - datetime.fromtimestamp(newest_ms / 1000, timezone.utc)
        return age <= max_age, f"the newest event is {_spoken(age)} old"

    def _rows(self, name: str, version: int | None = None) -> DataFrame:
        return snapshot(self.spark, self.lake.table(name).path, version)


def _measure(expectation: Expectation) -> Column:
    """The aggregate that an expectation needs: rows that break it, or what it compares with something else."""
    from pyspark.sql import functions as F  # noqa: PLC0415

    match expectation:
        case UniqueKey(columns):
            return F.count("*") - F.count_distinct(F.struct(*columns))
        case NotNull(columns):
            return F.count_if(_any(F.col(name).isNull() for name in columns))
        case AcceptedValues(column, values):
            return F.count_if(~F.coalesce(F.col(column).isin(*values), F.lit(False)))
        case NonNegative(columns):
            return F.count_if(_any(F.coalesce(F.col(name) < 0, F.lit(False)) for name in columns))
        case MatchesEvents():
            return F.count("*")
        case FreshEvents():
            return F.unix_millis(F.max("timestamp"))
        case Conservation():  # asks the Delta log alone
            return F.lit(None)


def _any(conditions: Iterable[Column]) -> Column:
    return reduce(lambda a, b: a | b, conditions)


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


def _unbalanced(table: StreamingTable, lake: Lake) -> list[str]:
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
    left = sum(each.removed - each.duplicates for each in rejected.amendments if each.kind == "replay")
    if added == left or not (events.complete and rejected.complete):
        return []
    return [f"a replay added {added - left} events that are still in quarantine: run `clickstream replay` again"]
