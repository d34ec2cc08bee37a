"""Events as producers publish them, raw: each with its source, and all that it becomes, the shop's columns too."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.events.mapping.named import preset
from clickstream_platform.streaming.sources.files.formats import file_records
from clickstream_platform.streaming.sources.files.raw import open_raw
from clickstream_platform_tests.events.mapping.checked import told
from clickstream_platform_tests.events.mapping.producers.reading import come_of

PUBLISHED = {
    file.stem: json.loads(file.read_text()) for file in sorted(Path(__file__).with_name("published").iterdir())
}
_ASIDE = ("extra", "event_date", "has_placeholder")


def there(row: dict[str, Any]) -> dict[str, Any]:
    """What has a value, as JSON would have it."""
    found = {name: value for name, value in row.items() if value not in (None, []) and name not in _ASIDE}
    if time := found.get("timestamp"):
        found["timestamp"] = time.isoformat().replace("+00:00", "Z")
    return {name: value if isinstance(value, list | int) else str(value) for name, value in found.items()}


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_a_producer_publishes_becomes_what_was_written_down(name: str) -> None:
    rows = PUBLISHED[name]
    for found, row in zip(come_of(name, [row["record"] for row in rows], "commerce"), rows, strict=True):
        assert there(found) == row["becomes"], row["source"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_its_producer_is_recognised(name: str, tmp_path: Path) -> None:
    records = [row["record"] for row in PUBLISHED[name]]
    file = tmp_path / "events"
    file.write_text("".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in records))
    assert told(str(file))["looks_like"] == name


@pytest.mark.parametrize("name", ["segment", "rudderstack", "jitsu", "aws_clickstream", "posthog", "ga4"])
def test_rows_of_tables_with_objects_as_texts_become_the_same(name: str) -> None:
    found = come_of(name, with_texts(name), "commerce")
    assert [there(each) for each in found] == [row["becomes"] for row in PUBLISHED[name]]


def with_texts(name: str) -> list[dict[str, Any]]:
    """The records, with texts in place of objects and lists."""
    records = [dict(row["record"]) for row in PUBLISHED[name]]
    texts = set(preset(name).record.texts)
    for record in records:
        inside = {key: value for key, value in record.items() if key in texts and isinstance(value, dict | list)}
        record |= {key: json.dumps(value) for key, value in inside.items()}
    return records


def test_an_export_of_ga4_to_csv_is_recognised_and_becomes_the_same(tmp_path: Path) -> None:
    file, records = tmp_path / "export.csv", with_texts("ga4")
    names = list(dict.fromkeys(name for record in records for name in record))
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, names)
        writer.writeheader()
        writer.writerows(records)
    found = told(str(file), "--records")
    assert (found["looks_like"], found["records"], found["reasons"]) == ("ga4", len(records), {})
    with open_raw(file) as raw:
        rows = [
            row for batch in file_records(raw, "named csv", 1_000_000).batches for row in batch["value"].to_pylist()
        ]
    become = [there(each) for each in come_of("ga4", [row.decode() for row in rows], "commerce")]
    assert become == [row["becomes"] for row in PUBLISHED["ga4"]]
