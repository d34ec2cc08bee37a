"""How many events records hold, counted again by other means than a run's (:mod:`.naive_opening`), against the ledger.

Where that cannot tell what a run has made of a record, it says so, and nothing is claimed of that record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clickstream_platform.events.schema import Reason
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.sources.naive_opening import (
    BYTE_ORDER_MARK,
    NaiveValue,
    NotOpenedError,
    UnknownError,
    open_naively,
)
from clickstream_platform.streaming.sources.unframed import NotReadError, decode_framed, is_framed
from clickstream_platform.wording import number_of

if TYPE_CHECKING:
    from clickstream_platform.events.mapping.model import Envelope, Mapping
    from clickstream_platform.events.registry.model import Registry
    from clickstream_platform.events.rules import Rules

_MAY_CHANGE = (Reason.TOO_LARGE, Reason.UNKNOWN_SCHEMA, Reason.NEEDS_REGISTRY)


@dataclass
class Tally:
    """Records, looked into one after another.

    Attributes:
        envelopes: what is around their events.
        opened: how many were envelopes.
        inside: how many events these held.
        unknown: of how many others nobody can tell here.
    """

    envelopes: Envelopes
    opened: int = 0
    inside: int = 0
    unknown: int = 0

    def add(self, record: bytes | None, *, is_of_topic: bool = False) -> None:
        """Look into one; of one that is longer than ``most_bytes`` any longer part of it will do.

        Raises, of one of a topic, what :func:`.unframed.decode_framed` does of a registry.
        """
        if record is None or len(record) > self.envelopes.most_bytes:
            return  # which is rejected unread
        try:
            count = self.envelopes.count(record, is_of_topic=is_of_topic)
        except (NotOpenedError, NotReadError):
            return
        except (UnknownError, RecursionError):
            self.unknown += 1
            return
        self.opened += 1
        self.inside += count

    def contradiction(self, entry: Entry) -> str | None:
        """What the ledger says otherwise of the same records, in words; None if nothing.

        Records that were too large then may not be so by the limits of today, and the other way round; and a schema
        that was not known then may be known.
        """
        unlike = sum(entry.records.reasons.get(reason.value, 0) for reason in _MAY_CHANGE)
        if not unlike and not self.unknown:
            agrees = (self.opened, self.inside) == (entry.records.opened, entry.records.inside)
        else:
            agrees = self.opened - unlike <= entry.records.opened <= self.opened + self.unknown
        return (
            None
            if agrees
            else f"holds {_describe_counts(self.opened, self.inside)}, booked are {_describe_counts(*_booked(entry))}"
        )


def _booked(entry: Entry) -> tuple[int, int]:
    return entry.records.opened, entry.records.inside


def _describe_counts(opened: int, inside: int) -> str:
    return f"{number_of(opened, 'envelope')} with {number_of(inside, 'event')}"


@dataclass(frozen=True)
class Envelopes:
    """How records are opened by today's settings.

    Attributes:
        label: the mapping's, as the ledger has it.
        declared: what is around their events, the outer one first; nothing, if every record is one.
        most_events: a record of more is rejected.
        most_unpacked: likewise one of which more bytes are unpacked.
        most_bytes: likewise a longer one.
        registry: has the schemas of records that its serializers wrote.
    """

    label: str = ""
    declared: tuple[Envelope, ...] = ()
    most_events: int = 0
    most_unpacked: int = 0
    most_bytes: int = 0
    registry: Registry | None = None

    @classmethod
    def from_rules(cls, rules: Rules) -> Envelopes:
        """What rules say of them."""
        mapping: Mapping | None = rules.mapping
        limits = rules.max_events_in_record, rules.max_unpacked_bytes, rules.max_record_bytes
        return cls(mapping.label if mapping else "", mapping.envelope if mapping else (), *limits, rules.registry)

    def tally(self, entry: Entry) -> Tally | None:
        """For the records of a batch; None if they were read in another way, or hold nothing to count."""
        return Tally(self) if self.declared and entry.declared.mapping == self.label else None

    def mapping_changes(self, entries: Iterable[Entry]) -> list[str]:
        """What cannot be counted again, as the mapping is no longer the same, in words."""
        opened: dict[str, int] = {}
        for entry in entries:
            if entry.records.opened and self.tally(entry) is None:
                opened[entry.declared.mapping] = opened.get(entry.declared.mapping, 0) + entry.records.opened
        why = "which is not today's"
        return [
            f"the events in {number_of(count, 'envelope')} are not counted again: they were read by {label}, {why}"
            for label, count in opened.items()
        ]

    def count(self, record: bytes, *, is_of_topic: bool = False) -> int:
        """How many events a record holds. Raises a NotOpenedError, a NotReadError or an UnknownError."""
        left = [self.most_unpacked]
        decoded = decode_framed(record, self.registry) if is_of_topic and is_framed(record) else record
        held = [
            NaiveValue("bytes", decoded.removeprefix(BYTE_ORDER_MARK))
            if isinstance(decoded, bytes)
            else NaiveValue("value", decoded)
        ]
        for each in self.declared:
            held = [item for one in held for item in open_naively(one, each, left)]
            if len(held) > self.most_events:
                raise NotOpenedError
        return len(held)


def describe_unknown(tallies: Iterable[Tally]) -> list[str]:
    """How many records cannot be looked into here, in words; nothing if there are none."""
    count = sum(each.unknown for each in tallies)
    why = "their JSON is nothing that Python's own reader takes, or its bytes are no UTF-8"
    return [f"the events in {number_of(count, 'record')} are not counted again: {why}"] if count else []
