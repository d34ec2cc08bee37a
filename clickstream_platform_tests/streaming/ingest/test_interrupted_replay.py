"""A replay that was killed when its events were there, and what comes next, under the default rule. No JVM."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from clickstream_platform.errors import SourceError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit.books import ledger_errors
from clickstream_platform.streaming.ingest.interrupted_replay import settle_replay
from clickstream_platform.streaming.lake.ledger import REPLAY, Amendment
from clickstream_platform.streaming.maintenance.retention import expire_rejected
from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.lakes import at, write


@pytest.fixture
def replayed(tmp_path: Path) -> Home:
    """A batch that has rejected two records; then a replay has made the first one an event, and was killed."""
    home = Home(Settings(home=tmp_path / "home"))
    of_file = dict.fromkeys(("source", "partition"), "file")
    rows = [{**of_file, "record_id": f"r{n}", "offset": n, "arrived_at": at("10:00:00")} for n in range(2)]
    batch = entry(rows_in=2, quarantined=2, reasons={"unknown_event_type": 2})
    write(home, "quarantine", rows, of=batch)
    write(home, "events", [], of=batch)
    replay = Amendment("events", REPLAY, "killed", added=1)
    write(home, "events", [{**of_file, "user_id": "u", "offset": 0, "timestamp": at("09:00:00")}], of=replay)
    (wrong,) = ledger_errors(home.contracts["events"], home.lake)
    assert "1 event that is still in quarantine" in wrong
    return home


def test_it_is_completed_where_only_a_record_at_the_same_time_is_a_copy(replayed: Home) -> None:
    for _ in range(2):
        settle_replay(replayed.contracts["events"], replayed.lake, "run")
        assert (replayed.lake.table("quarantine").rows(), replayed.lake.events.rows()) == (1, 1)
        assert ledger_errors(replayed.contracts["events"], replayed.lake) == []
    assert replayed.lake.names() == ["events", "quarantine"]


def test_what_it_has_made_an_event_does_not_leave_as_a_record_that_was_rejected_long_ago(replayed: Home) -> None:
    assert expire_rejected([*replayed.contracts.values()], replayed.lake, date(2024, 3, 2)) == 1
    assert replayed.lake.table("quarantine").rows() == 0
    assert ledger_errors(replayed.contracts["events"], replayed.lake) == []


def test_one_is_undone_though_another_has_ended_before_it_with_no_batch_in_between(replayed: Home) -> None:
    """It has only left out something, and the other one has changed ``events``."""
    settle_replay(replayed.contracts["events"], replayed.lake, "run")
    line = Amendment("copies", REPLAY, "another", added=1, events_version=replayed.lake.events.version() or 0)
    place = {"source": "file", "partition": "file", "offset": 1, "timestamp": at("09:00:00")}
    write(replayed, "copies", [{**place, "left_out_as": "copy", "left_out_by": "replay/another"}], of=line)
    settle_replay(replayed.contracts["events"], replayed.lake, "run")
    assert (replayed.lake.copies.rows(), replayed.lake.table("quarantine").rows()) == (0, 1)


def test_what_a_batch_has_rejected_stays_until_the_batch_is_whole(replayed: Home) -> None:
    """Else it would not know what it has rejected, and could accept it, too."""
    replayed.plan("events", 1, {"logOffset": 1}, done=False)
    write(replayed, "quarantine", [{"record_id": "r2", "arrived_at": at("10:00:00")}], of=entry(batch_id=1))
    with pytest.raises(SourceError, match="events: batch 1 was killed when its records were in quarantine"):
        expire_rejected([*replayed.contracts.values()], replayed.lake, date(2024, 3, 2))
    assert replayed.lake.table("quarantine").rows() == 3
