"""What the ledger says of refused files, without reading all of it."""

from __future__ import annotations

import json
from pathlib import Path

from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import parse_line
from clickstream_platform.streaming.lake.roll_up import refused_files, roll_up
from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.local import local


def test_refused_files_are_told_from_the_log_and_the_notes_beside_its_roll_ups(tmp_path: Path) -> None:
    home = Home(Settings(home=tmp_path))
    events, ledger = home.lake.events, home.lake.root / "_ledger" / "events"
    for batch in range(30):
        unreadable = {f"{batch}.gz": "it is cut off"} if batch % 10 == 4 else {}
        home.commit("events", of=entry(batch_id=batch, unreadable=unreadable))
        if batch in (9, 19):
            roll_up(events)
    files = dict.fromkeys(("4.gz", "14.gz", "24.gz"), "it is cut off")
    assert list(refused_files(events).items()) == list(files.items())

    for note in ledger.glob("*.refused.json"):  # as an earlier release has left it
        local(note).rename(local(note.with_suffix(".kept")))
    assert refused_files(events) == files
    for note in ledger.glob("*.kept"):
        local(note).rename(local(note.with_suffix(".json")))
    for rolled_up in ledger.glob("*.txt"):
        local(rolled_up).write_text("nobody reads this")
    assert refused_files(events) == files


def test_a_lake_without_events_has_refused_nothing(tmp_path: Path) -> None:
    assert refused_files(Home(Settings(home=tmp_path)).lake.events) == {}


def test_an_entry_is_flat_in_a_commit_whatever_release_wrote_it() -> None:
    booked = entry(rows_in=5, quarantined=2, duplicates=1, files={"a": [9, 5]}, mapping="segment 1", source="web")
    said = json.loads(booked.to_json())
    assert (said["quarantined"], said["duplicates"], said["files"]) == (2, 1, {"a": [9, 5]})
    assert not {"account", "records", "copies", "declared"} & said.keys()
    assert parse_line(booked.to_json()) == booked

    earlier = {name: value for name, value in said.items() if name not in ("mapping", "source", "duplicates")}
    read = parse_line(json.dumps({**earlier, "of_a_later_release": 1}))
    assert isinstance(read, Entry)
    assert (read.declared.mapping, read.source, read.copies.duplicates) == ("", "main", 0)
    assert (read.records.quarantined, read.account.files) == (2, {"a": [9, 5]})
