"""What came late is listed by the batch that read it, with what that changed. Hand-made tables; no JVM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.errors import SourceError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.observe.late import LateChange, late_report
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.lakes import at, write

NOON_MS = int(at("12:00:00").timestamp() * 1000)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path / "home"))
    return Home(Settings(home=tmp_path / "home"))


def row(clock: str, partition: str = "a", offset: int = 0, **fields: Any) -> dict[str, Any]:
    place = {"source": "l", "partition": partition, "offset": offset, "arrived_at": at("13:00:00")}
    return {"user_id": "u", "event_type": "click", "timestamp": at(clock), **place, **fields}


def two_batches(home: Home) -> Home:
    """On time in the first; in the second one at the watermark, one before it, and one after it."""
    first = entry(rows_in=1, rows_out=1, files={"a": [9, 1]}, end={"logOffset": 0})
    write(home, "events", [row("11:00:00")], of=first)
    rows = [row("12:00:00", "b", 0), row("11:30:00", "b", 1, user_id="v"), row("12:00:01", "b", 2)]
    late_ones: dict[str, Any] = {"late_rows": 3, "late_before_ms": NOON_MS, "files": {"b": [9, 4]}, "duplicates": 1}
    write(home, "events", rows, of=entry(batch_id=1, rows_in=4, rows_out=3, **late_ones))
    return home


def test_events_at_or_before_the_watermark_are_listed_by_their_batch(home: Home) -> None:
    found = late_report(two_batches(home).lake)
    assert (found.late_rows, found.of) == (3, 5)
    (batch,) = found.batches
    assert (batch.batch_id, batch.late_before_ms, batch.late_rows, batch.changed) == (1, NOON_MS, 3, {})
    assert [(e.partition, e.offset, e.user_id, e.timestamp) for e in batch.events] == [
        ("b", 1, "v", at("11:30:00")),
        ("b", 0, "u", at("12:00:00")),
    ]


def test_what_was_changed_is_told_of_the_batch_that_read_them(home: Home) -> None:
    two_batches(home)  # versions 0 and 1
    write(home, "sessions", [], of=entry("sessions", events_version=0, rows_out=1))
    write(home, "sessions", [], of=entry("sessions", 1, events_version=1, rows_out=5, revisions=2))
    write(home, "sessions", [], of=entry("sessions", 2, events_version=3, rows_out=9, revisions=9))
    write(home, "purchases", [], of=entry("purchases", events_version=0))
    write(home, "late_events", [row("11:30:00", "b", 1)], of=entry("user_patterns", events_version=1))
    (batch,) = late_report(home.lake).batches
    assert batch.changed == {"sessions": LateChange(batch_id=1, rows=5, revisions=2)}
    assert [each.is_left_out for each in batch.events] == [True, False]


def test_of_a_topic_the_offsets_tell_the_batch(home: Home) -> None:
    offsets = [{"t": {"0": at_, "1": 0}} for at_ in (0, 5, 9)]
    late_ones: dict[str, Any] = {"rows_in": 1, "rows_out": 1, "late_rows": 1, "late_before_ms": NOON_MS}
    for n in (0, 1):
        batch = entry(batch_id=n, start=offsets[n], end=offsets[n + 1], **late_ones)
        write(home, "events", [row("11:00:00", "t/0", 4 + n)], of=batch)
    newest, oldest = late_report(home.lake).batches
    assert [[each.offset for each in batch.events] for batch in (newest, oldest)] == [[5], [4]]
    assert [batch.batch_id for batch in late_report(home.lake, limit=1).batches] == [1]


def test_the_same_file_of_another_source_is_of_another_batch(home: Home) -> None:
    late_one: dict[str, Any] = {"rows_in": 1, "rows_out": 1, "late_rows": 1, "late_before_ms": NOON_MS}
    for n, (source, column) in enumerate([("main", "file"), ("history", "file:history")]):
        late_row = row("11:00:00", user_id=source) | {"source": column}
        write(home, "events", [late_row], of=entry(batch_id=n, source=source, files={"a": [9, 1]}, **late_one))
    assert [[each.user_id for each in batch.events] for batch in late_report(home.lake).batches] == [
        ["history"],
        ["main"],
    ]


def test_the_command_shows_them_and_json_has_all(home: Home) -> None:
    two_batches(home)
    write(home, "sessions", [], of=entry("sessions", events_version=1, rows_out=5, revisions=2))
    shown = clickstream("late")
    assert shown.exit_code == 0, shown.output
    assert "3 of 5 records came late" in shown.stdout
    assert "batch 1, watermark 2024-03-01 12:00:00 UTC: rows revised that were final: sessions 2" in shown.stdout
    assert "2024-03-01 11:30:00  30 min" in shown.stdout
    assert "1 more: duplicates, gone since, or beyond --limit" in shown.stdout
    told = json.loads(clickstream("late", "--json").stdout)
    assert (told["late_records"], told["records"]) == (3, 5)
    (batch,) = told["batches"]
    assert batch["changed"] == {"sessions": {"batch_id": 0, "rows": 5, "revisions": 2}}
    assert [each["offset"] for each in batch["events"]] == [1, 0]


def test_a_lake_without_any_says_so_and_one_that_is_not_there_is_an_error(home: Home) -> None:
    with pytest.raises(SourceError, match="nothing was read yet"):
        late_report(home.lake)
    assert clickstream("late").exit_code == 1
    assert clickstream("late", "--limit", "x").exit_code == 2
    write(home, "events", [row("11:00:00")], of=entry(rows_in=1, rows_out=1))
    assert "0 of 1 record came late" in clickstream("late").stdout
