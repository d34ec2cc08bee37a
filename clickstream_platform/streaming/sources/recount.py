"""What a source is found to hold when it is counted again, beside what the ledger says was read of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class VanishedInput:
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
        records: what was counted in them, but for files that were refused whole.
        unread: what no committed batch has read, with its bytes; offsets, for Kafka.
        gone: what cannot be checked any more.
        unnamed: files of batches whose ledger entries do not name their files: those of older lakes.
        notes: what a person may want to know and is no contradiction.
        errors: where source and ledger contradict each other.
        opened: of the records that were looked into, those that are envelopes.
        inside: the events that these were found to hold.
    """

    unit: str
    checked: int = 0
    bytes: int = 0
    records: int = 0
    unread: dict[str, int] = field(default_factory=dict[str, int])
    gone: tuple[VanishedInput, ...] = ()
    unnamed: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    opened: int = 0
    inside: int = 0


def combine_recounts(found: Mapping[str, Recount]) -> Recount:
    """Several sources in one, by name; that of one is as it is. What is told of a source begins with its name."""
    if len(found) == 1:
        return next(iter(found.values()))
    each = list(found.values())
    return Recount(
        unit=" and ".join(dict.fromkeys(one.unit for one in each)),
        checked=sum(one.checked for one in each),
        bytes=sum(one.bytes for one in each),
        records=sum(one.records for one in each),
        unread={f"{name}: {what}": size for name, one in found.items() for what, size in one.unread.items()},
        gone=tuple(replace(gone, what=f"{name}: {gone.what}") for name, one in found.items() for gone in one.gone),
        unnamed=frozenset(file for one in each for file in one.unnamed),
        notes=tuple(f"{name}: {note}" for name, one in found.items() for note in one.notes),
        errors=tuple(f"{name}: {error}" for name, one in found.items() for error in one.errors),
        opened=sum(one.opened for one in each),
        inside=sum(one.inside for one in each),
    )
