"""``validate``: a table's expectations, evaluated on all of its rows.

What a row must satisfy is answered by one aggregation over the table, however many expectations there are; the ledger's
balance by the Delta log. Every row is looked at every time, which is simple and right; it costs as much as the table is
long.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import reduce
from typing import TYPE_CHECKING, Any

from clickstream_platform.expectations import (
    AcceptedValues,
    Conservation,
    DuplicateShare,
    Expectation,
    FreshEvents,
    MatchesEvents,
    NonNegative,
    NotNull,
    RejectedShare,
    UniqueKey,
)
from clickstream_platform.streaming.audit.books import refused, refused_said, unbalanced
from clickstream_platform.streaming.audit.shares import ShareExpectation, said, share
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.ledger import last_entry
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
        numbers: what was measured, where there is more than one number to it.
    """

    table: str
    name: str
    passed: bool
    blocking: bool
    found: int | str
    description: str
    numbers: dict[str, int | float] = field(default_factory=dict[str, "int | float"])


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
    return [look.result(each, fact) for each, fact in zip(table.expectations, look.facts(), strict=True)]


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
            ways = "accepted + quarantined + duplicates + passed over"
            return f"Read = {ways}, in every batch, without holes or overlaps of offsets."
        case FreshEvents(max_age):
            return f"The newest event is at most {_spoken(max_age)} old."
        case RejectedShare(most, rise):
            return f"At most {most:.0%} of what came last is rejected, and {rise:g} times what is usual."
        case DuplicateShare(most, rise):
            return f"At most {most:.0%} of what came last are duplicates, and {rise:g} times what is usual."


def _spoken(age: timedelta) -> str:
    """A duration in the largest unit of which it has two or more."""
    for unit, length in (("days", timedelta(days=1)), ("h", timedelta(hours=1))):
        if age >= 2 * length:
            return f"{age // length} {unit}"
    return f"{age // timedelta(minutes=1)} min"


def _result(
    table: StreamingTable,
    expectation: Expectation,
    passed: bool,
    found: int | str,
    numbers: dict[str, int | float] | None = None,
) -> CheckResult:
    text = described(expectation)
    return CheckResult(table.name, expectation.name, passed, expectation.blocking, found, text, numbers or {})


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

    def result(self, expectation: Expectation, fact: Any) -> CheckResult:
        """What an expectation came to, by the ledger or by what the rows say to it."""
        match expectation:
            case RejectedShare() | DuplicateShare():
                return self._of_share(expectation)
            case _:
                return _result(self.table, expectation, *self._at(expectation, fact))

    def _of_share(self, expectation: ShareExpectation) -> CheckResult:
        found = share(expectation, self.lake)
        passed, numbers = not found.exceeds(expectation), found.numbers()
        return _result(self.table, expectation, passed, said(found, expectation), numbers)

    def _at(self, expectation: Expectation, fact: Any) -> tuple[bool, int | str]:
        """Whether it holds, and what was found."""
        match expectation:
            case MatchesEvents(event_type):
                return self._matches_events(event_type, fact)
            case Conservation():
                return self._is_balanced()
            case FreshEvents(max_age):
                return self._is_fresh(max_age, fact)
            case _:
                return fact == 0, fact

    def _is_balanced(self) -> tuple[bool, str]:
        wrong, files = unbalanced(self.table, self.lake), refused(self.lake)
        text = "; ".join(wrong[:5]) or "the ledger balances"
        return not wrong, f"{text}; {refused_said(files)}" if files else text

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
        case Conservation() | RejectedShare() | DuplicateShare():  # asks the Delta log alone
            return F.lit(None)


def _any(conditions: Iterable[Column]) -> Column:
    return reduce(lambda a, b: a | b, conditions)
