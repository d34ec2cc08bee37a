"""Whose records these are: the preset that makes most of them events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

import pyarrow as pa

from clickstream_platform.events.json_record import to_json
from clickstream_platform.events.mapping.model import COLUMNS
from clickstream_platform.events.mapping.named import preset, presets
from clickstream_platform.events.mapping.paths import getter, steps_of
from clickstream_platform.events.mapping.records import field_reader, json_fields
from clickstream_platform.events.opening import bytes_to_read, open_records
from clickstream_platform.events.parsing import read_events
from clickstream_platform.events.rules import Rules
from clickstream_platform.events.schema import Reason

OWN = ""  # the name of our own shape
_UNMARKED = 0.25  # what being read counts for, beside what only this producer has
FEWEST = 0.5  # of the records: what no preset reads half of is of none of these producers


class ProducerScore(NamedTuple):
    """How much records are like those of a producer.

    Attributes:
        score: by which they are compared: the share of records that it takes, and more if they have its marks.
        filled: how many columns their events have, on average.
        name: of its preset.
        taken: the share of the records that would be events, or be passed over.
    """

    score: float
    filled: float
    name: str
    taken: float


def score_producers(records: pa.RecordBatch, rules: dict[str, Rules]) -> list[ProducerScore]:
    """How much some records are like each producer's, and our own shape: the most first.

    Args:
        records: ``value``, ``size``, ``arrived_at`` and ``event_id``, as a source gives them to a run.
        rules: what makes a record an event, for each preset and for our own shape.
    """
    return sorted((_likeness(name, records, each) for name, each in rules.items()), reverse=True)


def producer_of(records: pa.RecordBatch, rules: dict[str, Rules]) -> str | None:
    """The name of the preset that reads most of some records, ``OWN`` for our own shape; None if none reads half."""
    most = score_producers(records, rules)[0]
    return most.name if most.taken >= FEWEST else None


def as_records(events: Sequence[Any]) -> pa.RecordBatch:
    """Events, which are JSON objects, as a source would give them."""
    values = [to_json(each) for each in events]
    return pa.RecordBatch.from_pydict(
        {
            "value": pa.array(values, pa.binary()),
            "size": pa.array(map(len, values), pa.int64()),
            "arrived_at": pa.array([datetime.now(timezone.utc)] * len(values), pa.timestamp("us", "UTC")),
            "event_id": pa.nulls(len(values), pa.binary()),
        }
    )


def _likeness(name: str, records: pa.RecordBatch, rules: Rules) -> ProducerScore:
    parts = list(open_records(records, rules))
    read = [row for part in parts for row in read_events(part, rules).to_pylist()]
    rows = [row for row in read if not row["reasons"]]
    events = [row for row in rows if row["passed_over"] is None]
    filled = sum(row[column] is not None for row in events for column in COLUMNS)
    taken = len(rows) / max(1, len(read))
    values = [value for part in parts for value in bytes_to_read(part).to_pylist()]
    return ProducerScore(
        taken * (_UNMARKED + _marks_per_record(name, values)), filled / max(1, len(events)), name, taken
    )


def _marks_per_record(name: str, values: Sequence[bytes | None]) -> float:
    """How many of the producer's own marks there are in a record, on average, of all that there may be."""
    mapping = preset(name) if name else None
    finds = [getter(steps_of(path)) for path in (mapping.marks if mapping else COLUMNS)]
    taken = field_reader(mapping.record) if mapping else json_fields
    marks = 0
    for value in values:
        fields = taken(value or b"")
        if not isinstance(fields, Reason):
            marks += sum(find(fields) is not None for find in finds)
    return marks / max(1, len(finds) * len(values))


def known_producers() -> tuple[str, ...]:
    """All that is looked for: our own shape, and every preset."""
    return (OWN, *presets())
