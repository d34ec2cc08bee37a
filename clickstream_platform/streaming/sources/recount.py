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


def combine_recounts(by_source: Mapping[str, Recount]) -> Recount:
    """Several sources in one, by name; that of one is as it is. What is told of a source begins with its name."""
    if len(by_source) == 1:
        return next(iter(by_source.values()))
    recounts = list(by_source.values())
    return Recount(
        unit=" and ".join(dict.fromkeys(recount.unit for recount in recounts)),
        checked=sum(recount.checked for recount in recounts),
        bytes=sum(recount.bytes for recount in recounts),
        records=sum(recount.records for recount in recounts),
        unread={
            f"{name}: {what}": size for name, recount in by_source.items() for what, size in recount.unread.items()
        },
        gone=tuple(
            replace(gone, what=f"{name}: {gone.what}") for name, recount in by_source.items() for gone in recount.gone
        ),
        unnamed=frozenset(file for recount in recounts for file in recount.unnamed),
        notes=tuple(f"{name}: {note}" for name, recount in by_source.items() for note in recount.notes),
        errors=tuple(f"{name}: {error}" for name, recount in by_source.items() for error in recount.errors),
        opened=sum(recount.opened for recount in recounts),
        inside=sum(recount.inside for recount in recounts),
    )
