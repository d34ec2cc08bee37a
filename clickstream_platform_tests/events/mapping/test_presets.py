"""Every shipped mapping, on records made after what its producer publishes."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from clickstream_platform.events.mapping.model import COLUMNS
from clickstream_platform.events.mapping.named import preset, presets
from clickstream_platform.events.opening import open_records
from clickstream_platform.events.parsing import read_events
from clickstream_platform_tests.events.mapping.producers.all_of_them import PRODUCERS
from clickstream_platform_tests.events.mapping.producers.batches import BATCHES, SOURCES
from clickstream_platform_tests.events.mapping.producers.expected import Row
from clickstream_platform_tests.events.mapping.producers.reading import ARRIVED, come_of, rules


def compared(found: dict[str, Any], row: Row) -> dict[str, Any]:
    """The part of it that a row writes down."""
    time = found["timestamp"]
    shown = {**found, "timestamp": time and time.isoformat().replace("+00:00", "Z")}
    return {name: shown[name] for name in row[1]}


def as_written(row: Row) -> dict[str, Any]:
    time = row[1].get("timestamp")
    if time is None:
        return row[1]
    return {
        **row[1],
        "timestamp": datetime.fromisoformat(time.replace("Z", "+00:00")).isoformat().replace("+00:00", "Z"),
    }


@pytest.mark.parametrize("name", presets())
def test_every_row_becomes_what_was_written_down_by_hand(name: str) -> None:
    rows: list[Row] = [*PRODUCERS[name].ROWS, PRODUCERS[name].HOSTILE]
    found = come_of(name, [record for record, _ in rows])
    for each, row in zip(found, rows, strict=True):
        assert compared(each, row) == as_written(row), row[0]


@pytest.mark.parametrize("name", presets())
def test_a_preset_is_tried_on_twenty_rows_of_a_named_source(name: str) -> None:
    assert len(PRODUCERS[name].ROWS) >= 20
    assert PRODUCERS[name].SOURCE


@pytest.mark.parametrize("name", presets())
def test_a_preset_says_whose_records_it_reads_and_has_every_required_column(name: str) -> None:
    found = preset(name)
    assert found.about.endswith(".")
    assert {"user_id", "timestamp", "event_type"} <= {column for column, _ in found.columns} <= {*COLUMNS}


@pytest.mark.parametrize("name", presets())
def test_a_batch_of_a_producer_becomes_the_events_that_were_written_down_by_hand(name: str) -> None:
    assert (name in BATCHES) == (name in SOURCES) == bool(preset(name).envelope)
    if name not in BATCHES:
        return
    sent, wanted = BATCHES[name]
    value = json.dumps(sent).encode()
    records = pa.RecordBatch.from_pydict(
        {
            "value": pa.array([value], pa.binary()),
            "size": pa.array([len(value)], pa.int64()),
            "arrived_at": pa.array([ARRIVED], pa.timestamp("us", "UTC")),
            "event_id": pa.nulls(1, pa.binary()),
        }
    )
    (events,) = open_records(records, rules(name))
    found = read_events(events, rules(name)).to_pylist()
    for each, expected in zip(found, wanted, strict=True):
        assert compared(each, (None, expected)) == as_written((None, expected))
