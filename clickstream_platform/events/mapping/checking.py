"""What would become of some records, and why: what ``clickstream check`` shows. By the code that a run reads with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa

from clickstream_platform.events.contract.model import Contract
from clickstream_platform.events.json_record import BOM, any_json
from clickstream_platform.events.mapping.matching import FieldReader
from clickstream_platform.events.mapping.model import COLUMNS, Mapping
from clickstream_platform.events.mapping.paths import Getter, getter, steps_of
from clickstream_platform.events.mapping.sampling import BEGINNING, paths_in
from clickstream_platform.events.opening import bytes_to_read, open_records
from clickstream_platform.events.parsing import read_events
from clickstream_platform.events.rules import Rules
from clickstream_platform.events.schema import EMPTY
from clickstream_platform.events.time_faults import OF_TIME, fault_of_time

EVENT, REJECTED, PASSED_OVER, NOTHING = "event", "rejected", "passed over", "empty"
SHOWN = 3  # records of each reason that are kept whole
SAMPLED = 200  # records by whose values the columns of an unknown shape are guessed


class RecordFate(NamedTuple):
    """What becomes of one record, or of one of the events that it holds.

    Attributes:
        partition: the file or the topic's partition that it is of.
        offset: its offset there.
        fate: ``event``, ``rejected``, ``passed over``, or ``empty`` of an envelope without an event.
        why: the event's type, the reasons, or the value by which it is passed over.
        nth: which of the events of its record it is, from 0 on.
    """

    partition: str
    offset: int
    fate: str
    why: str
    nth: int = 0


@dataclass
class CheckSummary:
    """What becomes of all of them.

    Attributes:
        records: how many they are.
        opened: of these, envelopes.
        inside: how many events these held.
        fates: of each record, or of each event of an envelope.
        reasons: rejected records by reason; one that has several counts for each.
        passed_over: records passed over, by the value that told so.
        event_types: events by type.
        columns: in how many events each column has a value.
        placeholders: events with an id that is none, such as ``undefined``.
        violations: how often events break which rule of the contract.
        paths: of each column of the mapping, in how many records there is something at each of its paths.
        over: the same of the paths by which records are passed over.
        first: without a mapping, the first records that are JSON.
        lines: without a mapping, those of the first records that are not written as JSON, as texts.
        extra: in how many of these each field is one that no column takes, by its path.
        examples: the first records of each reason: partition, offset, its beginning or the wrong time.
        no_text: rejected records whose bytes are no UTF-8.
    """

    records: int = 0
    opened: int = 0
    inside: int = 0
    fates: list[RecordFate] = field(default_factory=list[RecordFate])
    reasons: Counter[str] = field(default_factory=Counter[str])
    passed_over: Counter[str] = field(default_factory=Counter[str])
    event_types: Counter[str] = field(default_factory=Counter[str])
    columns: Counter[str] = field(default_factory=Counter[str])
    placeholders: int = 0
    violations: Counter[str] = field(default_factory=Counter[str])
    first: list[Any] = field(default_factory=list[Any])
    lines: list[str] = field(default_factory=list[str])
    paths: dict[str, dict[str, int]] = field(default_factory=dict[str, "dict[str, int]"])
    over: dict[str, int] = field(default_factory=dict[str, int])
    extra: Counter[str] = field(default_factory=Counter[str])
    examples: dict[str, list[tuple[str, int, str]]] = field(default_factory=dict[str, "list[tuple[str, int, str]]"])
    no_text: int = 0

    def count(self, fate: str) -> int:
        """How many records, or events of envelopes, have that fate."""
        return sum(each.fate == fate for each in self.fates)

    @property
    def never(self) -> list[tuple[str, str]]:
        """Columns and paths of theirs at which no record has anything."""
        unused = [(column, path) for column, paths in self.paths.items() for path, count in paths.items() if not count]
        return [*unused, *(("pass_over", path) for path, count in self.over.items() if not count)]

    @property
    def is_clean(self) -> bool:
        """Whether there are records, and each of them is an event or passed over."""
        return bool(self.fates) and not self.count(REJECTED)


def check_records(batches: Iterable[pa.RecordBatch], rules: Rules) -> CheckSummary:
    """What becomes of some records by these rules. Raises what :func:`.opening.open_records` does.

    Args:
        batches: the records: ``source``, ``partition``, ``offset``, ``value``, ``size``, ``arrived_at`` and
            ``event_id``, as a source gives them to a run.
        rules: what makes a record an event.
    """
    summary = CheckSummary()
    looking = _PathUse(rules.mapping, summary, rules.contract) if rules.mapping else None
    declared = rules.contract.names if rules.contract else ()
    for batch in (events for records in batches for events in open_records(records, rules)):
        places = batch.select(["partition", "offset", "index", "inside", "inherited", "value"]).to_pylist()
        rows, texts = read_events(batch, rules).to_pylist(), bytes_to_read(batch).to_pylist()
        for place, row, text in zip(places, rows, texts, strict=True):
            _count(summary, place, row, declared, rules)
            if rules.mapping is None and len(summary.fates) <= SAMPLED:
                _sample(summary, text or b"")
            if looking and text is not None:
                looking.look_at(text, place["inherited"])
    return summary


def _count(
    summary: CheckSummary, place: dict[str, Any], row: dict[str, Any], declared: Sequence[str], rules: Rules
) -> None:
    partition, offset, index = place["partition"], place["offset"], place["index"]
    summary.records += index == 0
    summary.opened += index == 0 and place["inside"] is not None
    summary.inside += bool(place["inside"])
    if place["inside"] == 0:
        summary.fates.append(RecordFate(partition, offset, NOTHING, EMPTY))
        return
    if row["passed_over"] is not None:
        summary.fates.append(RecordFate(partition, offset, PASSED_OVER, row["passed_over"], index))
        summary.passed_over[row["passed_over"]] += 1
    elif row["reasons"]:
        summary.fates.append(RecordFate(partition, offset, REJECTED, ", ".join(row["reasons"]), index))
        summary.reasons.update(row["reasons"])
        value = place["value"] or b""
        summary.no_text += not _is_text(value)
        for reason in row["reasons"]:
            examples = summary.examples.setdefault(reason, [])
            if len(examples) < SHOWN:
                examples.append((partition, offset, _shown(reason, value, rules)))
    else:
        summary.fates.append(RecordFate(partition, offset, EVENT, row["event_type"], index))
        summary.event_types[row["event_type"]] += 1
        summary.columns.update(name for name in COLUMNS if row[name] is not None)
        summary.placeholders += row["has_placeholder"]
        summary.violations.update(row["violations"])
        summary.columns.update(name for name in declared if row[name] is not None)
    summary.extra.update(sorted(set(paths_in(row["extra"]))))


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError as wrong:
        return wrong.reason == "unexpected end of data"  # of a record of which only the beginning was kept
    return True


def _shown(reason: str, value: bytes, rules: Rules) -> str:
    """Of a record that was rejected, what a person has to see: the time, if that is the fault; else its beginning."""
    fault = fault_of_time(value, rules.timestamp_unit, rules.mapping) if reason in OF_TIME else ""
    return fault or value[:BEGINNING].decode(errors="replace")


def _sample(summary: CheckSummary, text: bytes) -> None:
    """Keep a record for the guesses at its shape."""
    text = text.removeprefix(BOM)
    try:
        value = any_json(text.decode())
    except ValueError:
        value = None
    if isinstance(value, dict | list):
        summary.first.append(value)
    elif text.strip() and text.lstrip()[:1] != b"{":  # else it is a record that is broken
        summary.lines.append(text.decode(errors="replace"))


class _PathUse:
    """At which paths of a mapping records have anything."""

    def __init__(self, mapping: Mapping, summary: CheckSummary, contract: Contract | None) -> None:
        self._fielded = FieldReader(mapping)
        self._of: list[tuple[dict[str, int], str, Getter]] = []
        declared = [(each.name, each.paths) for each in contract.columns] if contract else []
        for name, paths in (*((name, column.paths) for name, column in mapping.columns), *declared):
            counts = summary.paths.setdefault(name, dict.fromkeys(paths, 0))
            self._of += [(counts, path, getter(steps_of(path))) for path in paths]
        for path, _ in mapping.pass_over:
            summary.over[path] = 0
            self._of.append((summary.over, path, getter(steps_of(path))))

    def look_at(self, value: bytes, inherited: str | None) -> None:
        fields = self._fielded.fields_of(value, inherited)
        if fields is not None:
            for counts, path, find in self._of:
                counts[path] += find(fields) is not None
