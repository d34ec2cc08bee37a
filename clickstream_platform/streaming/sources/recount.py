"""What a source is found to hold when it is counted again, beside what the ledger says was read of it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Gone:
    """What was read and is no longer there to be counted, with what was booked of it.

    Attributes:
        what: the file, or the batch and what it read.
        bytes: as booked; None where the ledger does not know, as for Kafka.
        records: as booked.
        why: why it cannot be counted.
    """

    what: str
    bytes: int | None
    records: int
    why: str


@dataclass(frozen=True)
class Recount:
    """A source counted again and compared with the ledger.

    Attributes:
        unit: what was compared one by one: files or offset ranges.
        checked: how many of them agree or differ; those that are gone and those that are unread are none of them.
        bytes: what was counted in them; 0 for Kafka.
        records: what was counted in them.
        unread: what no committed batch has read, with its bytes; offsets, for Kafka.
        gone: what cannot be checked any more.
        unnamed: files of batches whose ledger entries do not name their files: those of older lakes.
        notes: what a person may want to know and is no contradiction.
        errors: where source and ledger contradict each other.
    """

    unit: str
    checked: int = 0
    bytes: int = 0
    records: int = 0
    unread: dict[str, int] = field(default_factory=dict[str, int])
    gone: tuple[Gone, ...] = ()
    unnamed: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
