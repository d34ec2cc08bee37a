"""What a table promises of its rows, declared as data. Asset checks and ``clickstream validate`` evaluate it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class UniqueKey:
    """No two rows share the key; null equals null."""

    columns: tuple[str, ...]
    name = "unique_key"
    blocking = True


@dataclass(frozen=True)
class NotNull:
    """No row lacks one of the columns."""

    columns: tuple[str, ...]
    name = "not_null"
    blocking = True


@dataclass(frozen=True)
class AcceptedValues:
    """Every row's value is one of those listed."""

    column: str
    values: tuple[str, ...]
    name = "accepted_values"
    blocking = True


@dataclass(frozen=True)
class NonNegative:
    """No value is below zero."""

    columns: tuple[str, ...]
    name = "non_negative"
    blocking = True


@dataclass(frozen=True)
class MatchesEvents:
    """As many rows as ``events`` has of one event type, at the version that the table has read."""

    event_type: str
    name = "matches_events"
    blocking = True


@dataclass(frozen=True)
class Conservation:
    """The ledger balances: read = accepted + quarantined + duplicates + passed over, without holes or overlaps."""

    name = "conservation"
    blocking = True


@dataclass(frozen=True)
class FreshEvents:
    """The newest event is younger than this. A warning: an idle shop is not a broken table."""

    max_age: timedelta
    name = "fresh_events"
    blocking = False


@dataclass(frozen=True)
class RejectedShare:
    """Of what arrived last, not too much was rejected: no more than a share, and not far more than in the runs before.

    Attributes:
        most: the share of the records, and of the bytes in files that were refused whole.
        rise: how many times the usual share it may be, as far as that is more than ``most / rise``.
        at_least: records that are looked at: the newest run's, and those of the runs before it until there are as many.
    """

    most: float
    rise: float
    at_least: int = 20  # below, one record more or less is too much of a share
    name = "rejected_share"
    blocking = True


@dataclass(frozen=True)
class DuplicateShare:
    """As :class:`RejectedShare`, of events that were left out as duplicates."""

    most: float
    rise: float
    at_least: int = 20
    name = "duplicate_share"
    blocking = True


@dataclass(frozen=True)
class KeptContract:
    """No rule of the contract of columns is broken by more than a share of what came last. A warning.

    Attributes:
        most: the share of the records, for each rule.
        at_least: as above.
    """

    most: float
    at_least: int = 20
    name = "contract_violations"
    blocking = False


Expectation = (
    UniqueKey
    | NotNull
    | AcceptedValues
    | NonNegative
    | MatchesEvents
    | Conservation
    | FreshEvents
    | RejectedShare
    | DuplicateShare
    | KeptContract
)
