"""What one batch did, as its own Delta commit carries it: one line of the ledger.

In Python its fields stand together by subject; as JSON they are one flat object, the same as in every release before.
:func:`entry_fields` and :func:`entry_from_fields` are the only two places that know so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from clickstream_platform.source_list import MAIN, title

MARK = "clickstream_ledger"
Lost = dict[str, list[tuple[int, int | None]]]  # by partition: offsets, the last one excluded; None: nobody knows


@dataclass(frozen=True)
class Account:
    """What a batch has read of its source, beside the records.

    Attributes:
        files: of each file, its bytes and the records that were read of it; those of a refused one are 0.
        unreadable: files that were refused whole, by path, with what was found.
        formats: of each file of another format than a record a line, which one.
        lost: offsets that were gone before they were read, by Kafka partition: the first, and the one after the last,
            which is None where the partition itself is gone.
    """

    files: dict[str, list[int]] = field(default_factory=dict[str, "list[int]"])
    unreadable: dict[str, str] = field(default_factory=dict[str, str])
    formats: dict[str, str] = field(default_factory=dict[str, str])
    lost: Lost = field(default_factory=dict[str, "list[tuple[int, int | None]]"])

    @property
    def lost_offsets(self) -> int:
        """How many offsets ``lost`` comes to, as far as anybody knows."""
        return sum(end - first for spans in self.lost.values() for first, end in spans if end is not None)


@dataclass(frozen=True)
class RecordCounts:
    """What the records of a batch were, where they did not simply become an event each.

    Attributes:
        quarantined: records rejected, and duplicates that say something else than their event.
        reasons: these by reason; a record with several faults counts for each.
        opened: envelopes: each held any number of events, or none.
        inside: how many events these held.
        passed_over: records that were no events and not meant as such, by the value that told so.
        placeholder_ids: records not rejected that have an id such as ``null`` or ``undefined``.
    """

    quarantined: int = 0
    reasons: dict[str, int] = field(default_factory=dict[str, int])
    opened: int = 0
    inside: int = 0
    passed_over: dict[str, int] = field(default_factory=dict[str, int])
    placeholder_ids: int = 0

    @property
    def passed(self) -> int:
        """How many records were passed over."""
        return sum(self.passed_over.values())


@dataclass(frozen=True)
class CopyCounts:
    """How many events of a batch came more than once, and what became of them.

    Attributes:
        duplicates: events left out because the table, or this batch, already has them.
        reused_ids: accepted events whose event_id was seen with another timestamp.
        set_aside: of the duplicates, those at another time than their event. They are in the table ``copies``.
        replaced: events that gave way to one of the batch. They are in ``copies`` too.
        restored: events that were in ``copies``, and are in the table from now on.
        span_us: by which rule: so long after an event, in microseconds, another one of its id was a copy of it; 0 where
            only one at the same time was. None where no release wrote it down yet.
    """

    duplicates: int = 0
    reused_ids: int = 0
    set_aside: int = 0
    replaced: int = 0
    restored: int = 0
    span_us: int | None = None

    @property
    def remembered(self) -> int:
        """How many rows the batch added to ``copies``."""
        return self.set_aside + self.replaced


@dataclass(frozen=True)
class Declarations:
    """By what the lake's owner has declared a batch was read, and what of it did not hold.

    Attributes:
        mapping: the name of the mapping, and a hash of what it says; empty for records of our own shape.
        looked_at: in how many records something was looked for at the paths of somebody's own mapping.
        never_matched: those of the paths at which none of these had anything, each with its column.
        contract: the name of the contract of columns, and a hash of what it says; empty without one.
        violations: how often records that were not rejected break which rule of that contract.
    """

    mapping: str = ""
    looked_at: int = 0
    never_matched: list[str] = field(default_factory=list[str])
    contract: str = ""
    violations: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True)
class Entry:
    """What one committed batch did.

    Attributes:
        table: the table's name.
        generation: the checkpoint's generation; batch ids start again at 0 with each.
        batch_id: the batch's number.
        run_id: the run that committed it.
        start: the source's offset where the batch begins, included; None for the first.
        end: the source's offset where it ends, excluded.
        events_version: the version of ``events`` that the table equals its query over; -1 for ``events`` itself.
        rows_in: records or events read.
        rows_out: rows inserted, updated or deleted.
        late_rows: events read whose time was at or before the watermark.
        revisions: rows changed although the watermark had passed their ``final_at``.
        late_before_ms: that watermark, in milliseconds since 1970: the batch's own, or the one before where a state
            store drops.
        committed_at_ms: when the entry was written, just before the commit.
        duration_ms: from the start of the batch until then.
        handled_ms: ``user_patterns`` only: the event time, in milliseconds since 1970, that events are handled to.
        source: the name of the source that the batch has read. Each has batch ids of its own.
        account: ``events`` only: what was read of the source beside the records.
        records: ``events`` only: what the records were.
        copies: ``events`` only: what came more than once.
        declared: ``events`` only: by which mapping and contract of columns the records were read.
    """

    table: str
    generation: int
    batch_id: int
    run_id: str
    start: dict[str, Any] | None
    end: dict[str, Any] | None
    events_version: int
    rows_in: int
    rows_out: int
    late_rows: int
    revisions: int
    late_before_ms: int
    committed_at_ms: int
    duration_ms: int
    handled_ms: int = 0
    source: str = MAIN
    account: Account = field(default_factory=Account)
    records: RecordCounts = field(default_factory=RecordCounts)
    copies: CopyCounts = field(default_factory=CopyCounts)
    declared: Declarations = field(default_factory=Declarations)

    @property
    def batch(self) -> tuple[str, int, int]:
        """Which batch of its table it is: source, generation and number."""
        return self.source, self.generation, self.batch_id

    @property
    def accepted(self) -> int:
        """How many of the events that were in the records became events of the table."""
        return self.rows_out - self.copies.restored

    @property
    def events_in(self) -> int:
        """How many events were in the records, or were to be: those of envelopes, and all other records, one each."""
        return self.rows_in - self.records.opened + self.records.inside

    @property
    def offered(self) -> int:
        """How many of these were meant to be events."""
        return self.events_in - self.records.passed

    @property
    def title(self) -> str:
        """The table, and which source of it, where that is not the main one."""
        return title(self.table, self.source)

    def refused(self) -> dict[str, str]:
        """The files that were refused whole, with what was found; under their source's name, if it is not ``main``."""
        before = "" if self.source == MAIN else f"{self.source}: "
        return {f"{before}{path}": fault for path, fault in self.account.unreadable.items()}

    def to_json(self) -> str:
        """The text that the commit carries as ``userMetadata``."""
        return json.dumps({MARK: 1, **entry_fields(self)}, separators=(",", ":"))


_PARTS = {"account": Account, "records": RecordCounts, "copies": CopyCounts, "declared": Declarations}
_FIELDS = {name: frozenset(f.name for f in fields(part)) for name, part in _PARTS.items()}
_OWN = frozenset(f.name for f in fields(Entry)) - _PARTS.keys()


def entry_fields(entry: Entry) -> dict[str, Any]:
    """All fields of an entry beside one another, as commits and ``clickstream ledger --json`` have them."""
    of_parts = (vars(getattr(entry, name)) for name in _PARTS)
    own = {name: value for name, value in vars(entry).items() if name in _OWN}
    return own | {name: value for part in of_parts for name, value in part.items()}


def entry_from_fields(written: Mapping[str, Any]) -> Entry:
    """The entry of such fields. Fields that older releases did not write are empty; unknown ones are ignored."""
    parts: dict[str, Any] = {name: part(**_only(written, _FIELDS[name])) for name, part in _PARTS.items()}
    return Entry(**_only(written, _OWN), **parts)


def _only(written: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in written.items() if name in names}
