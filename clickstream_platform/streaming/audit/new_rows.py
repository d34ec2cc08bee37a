"""The expectations of a table, evaluated on what is new since each of them passed. Starts no JVM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from clickstream_platform import expectations
from clickstream_platform.errors import CheckpointError
from clickstream_platform.expectations import Expectation
from clickstream_platform.streaming.audit import passes
from clickstream_platform.streaming.audit.increment import Increment
from clickstream_platform.streaming.audit.passes import PassedCheck, ResumePoint
from clickstream_platform.streaming.audit.result import CheckScope
from clickstream_platform.streaming.audit.table_snapshot import CheckFinding, TableSnapshot
from clickstream_platform.wording import number_of

MUCH = 5_000_000  # rows to look at: from there on Spark, which spills to disk, is the one to ask
Inductive = (
    expectations.UniqueKey
    | expectations.NotNull
    | expectations.AcceptedValues
    | expectations.NonNegative
    | expectations.MatchesEvents
    | expectations.Conservation
)
NOTHING = ResumePoint({})  # what an empty table keeps: all that there is now is new


class TooManyRowsError(Exception):
    """There are more new rows to look at than :data:`MUCH`.

    Its text says why the check cannot go on from where it passed, or, if it can, how many rows are new.
    """


@dataclass(frozen=True)
class NewRows:
    """The rows that a table has gained since each of its checks passed; all its rows, where that cannot be told.

    Attributes:
        standing: the table as it is now.
        passed: the checks that have passed, by name.
        increments: what was found to be new so far, by the version since which it is.
    """

    standing: TableSnapshot
    passed: Mapping[str, PassedCheck]
    increments: dict[int, Increment] = field(default_factory=dict[int, Increment])

    def finding(self, expectation: Expectation) -> CheckFinding:
        """Whether the new rows keep an expectation. Raises a TooManyRowsError."""
        standing, passed = self.standing, self.passed.get(expectation.name)
        match expectation:
            case expectations.RejectedShare() | expectations.DuplicateShare():
                return standing.share(expectation)
            case expectations.KeptContract():
                return standing.contract_kept(expectation)
            case expectations.FreshEvents(max_age):
                return standing.age(max_age, standing.newest_ms(), CheckScope("newest", standing.version))
            case _:
                generation = standing.entry.generation
                why = passes.resume_obstacle(passed, expectation, standing.contract, generation, standing.lake)
        try:
            return self._from(NOTHING if why or not passed else passed.kept, expectation, why)
        except CheckpointError as gone:  # of the log in between
            return self._from(NOTHING, expectation, gone.finding)

    def _from(self, kept: ResumePoint, expectation: Inductive, why: str) -> CheckFinding:
        """The finding from a resume point on; ``why`` says why that is the beginning, if it is."""
        finding = self._since(kept, expectation, why)
        return replace(finding, look=replace(finding.look, because=why))

    def _since(self, kept: ResumePoint, expectation: Inductive, why: str) -> CheckFinding:
        standing = self.standing
        match expectation:
            case expectations.Conservation():
                return standing.ledgers(kept.books)
            case expectations.UniqueKey(columns):
                new = self._new(kept, why)
                more, last = new.surplus(columns, standing.contract.span[0], kept.last)
                return standing.none_breaks(more, new.since, last)
            case expectations.NotNull() | expectations.AcceptedValues() | expectations.NonNegative():
                new = self._new(kept, why)
                return standing.none_breaks(new.count_breaking(expectation), new.since)
            case expectations.MatchesEvents(event_type):
                return self._matches(event_type, kept, why)

    def _new(self, kept: ResumePoint, why: str) -> Increment:
        since, _ = kept.at.get(self.standing.contract.name, (-1, ""))
        return _if_few(self.increments.setdefault(since, self.standing.since(since)), why)

    def _matches(self, event_type: str, kept: ResumePoint, why: str) -> CheckFinding:
        new, events = self._new(kept, why), self.standing.events_since(kept.at["events"][0] if kept.at else -1)
        if new.files.removed or events.since > events.until or events.files.removed:
            raise CheckpointError(self.standing.contract.name, "files that it counted have left the table", "")
        count = kept.count + _if_few(events, why).count_with_value("event_type", event_type)
        return self.standing.matches(event_type, kept.rows + new.rows, count, events.until, new.since)


def _if_few(new: Increment, why: str) -> Increment:
    if new.rows > MUCH:
        raise TooManyRowsError(why or f"{number_of(new.rows, 'row is', 'rows are')} new")
    return new
