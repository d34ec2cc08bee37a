"""Events as producers publish them, raw: each with its source, and all that it becomes, the shop's columns too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.events.mapping.named import preset
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


@pytest.mark.parametrize("name", ["segment", "rudderstack", "jitsu", "aws_clickstream", "posthog"])
def test_rows_of_tables_with_objects_as_texts_become_the_same(name: str) -> None:
    records = [dict(row["record"]) for row in PUBLISHED[name]]
    texts = set(preset(name).record.texts)
    for record in records:
        record |= {key: json.dumps(value) for key, value in record.items() if key in texts and isinstance(value, dict)}
    found = come_of(name, records, "commerce")
    assert [there(each) for each in found] == [row["becomes"] for row in PUBLISHED[name]]
