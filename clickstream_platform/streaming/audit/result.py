"""What a check came to, and what it looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from clickstream_platform import expectations
from clickstream_platform.expectations import Expectation
from clickstream_platform.wording import length, number_of

NO_BATCH = "no committed batch yet"


@dataclass(frozen=True)
class CheckScope:
    """What a check looked at.

    Attributes:
        kind: ``full``: everything; ``incremental``: what came since it passed; ``newest``: what came last, as it
            always does.
        version: of the table, which the result speaks of.
        since: of an incremental look: the version at which it had passed.
        because: of a full look where an incremental one was asked for: why.
    """

    kind: Literal["full", "incremental", "newest"]
    version: int
    since: int | None = None
    because: str = ""

    def __str__(self) -> str:
        """In words."""
        match self.kind:
            case "full":
                return f"all of version {self.version}{f', as {self.because}' if self.because else ''}"
            case "incremental":
                return f"what version {self.version} has beyond version {self.since}, at which it passed"
            case "newest":
                return f"the newest of version {self.version}"


@dataclass(frozen=True)
class CheckResult:
    """What one expectation of one table came to.

    Attributes:
        table: the table's name.
        name: the expectation's name, unique within the table.
        passed: whether it holds.
        blocking: whether what is downstream must not be built on the table when it does not.
        found: the number of rows that break it, of those looked at, or a sentence.
        description: what is expected, in words.
        numbers: what was measured, where there is more than one number to it.
        look: what was looked at; None of a table without a batch.
    """

    table: str
    name: str
    passed: bool
    blocking: bool
    found: int | str
    description: str
    numbers: Mapping[str, int | float] = field(default_factory=dict[str, "int | float"])
    look: CheckScope | None = None

    @property
    def finding(self) -> str:
        """What was found, in words."""
        return number_of(self.found, "row breaks it", "rows break it") if isinstance(self.found, int) else self.found


def describe_expectation(expectation: Expectation) -> str:
    """What an expectation asks for, in words."""
    match expectation:
        case expectations.UniqueKey(columns):
            return f"No two rows share the key ({', '.join(columns)})."
        case expectations.NotNull(columns):
            return f"No row lacks {', '.join(columns)}."
        case expectations.AcceptedValues(column, values):
            return f"Every {column} is one of: {', '.join(values)}."
        case expectations.NonNegative(columns):
            return f"No value is below zero: {', '.join(columns)}."
        case expectations.MatchesEvents(event_type):
            return f"As many rows as events has of type {event_type}, at the version that the table has read."
        case expectations.Conservation():
            ways = "accepted + quarantined + duplicates + passed over"
            return f"Read = {ways}, in every batch, without holes or overlaps of offsets."
        case expectations.FreshEvents(max_age):
            return f"The newest event is at most {length(max_age)} old."
        case expectations.RejectedShare(most, rise):
            return f"At most {most:.0%} of what came last is rejected, and {rise:g} times what is usual."
        case expectations.DuplicateShare(most, rise):
            return f"At most {most:.0%} of what came last are duplicates, and {rise:g} times what is usual."
        case expectations.KeptContract(most):
            return f"Each rule of the contract of columns is broken by at most {most:.0%} of what came last."
