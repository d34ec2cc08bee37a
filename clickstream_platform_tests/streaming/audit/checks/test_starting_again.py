"""When a check must look at everything again, and when what it found is forgotten. No JVM."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit import passes
from clickstream_platform.streaming.audit.passes import PassedCheck, ResumePoint
from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.lakes import write
from clickstream_platform_tests.local import local
from clickstream_platform_tests.streaming.audit.checks.batches import Batches, because, failed, kinds, record, session


def spoilt(text: str) -> Any:
    def damage(home: Home) -> Home:
        record(home).write_text(text)
        return home

    return damage


def forgot(home: Home) -> Home:
    record(home).unlink()
    return home


def other_commit(home: Home) -> Home:
    log = home.lake.table("sessions").path / "_delta_log" / f"{0:020d}.json"
    local(log).write_text(log.read_text() + "\n")
    return home


def of_before(home: Home) -> Home:
    lines = json.loads(record(home).read_text())
    record(home).write_text(json.dumps({name: {**line, "asked": "something else"} for name, line in lines.items()}))
    return home


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (forgot, "it has not passed before"),
        (spoilt("{"), "it has not passed before"),
        (spoilt('{"unique_key": {"asked": 1}}'), "it has not passed before"),
        (other_commit, "version 0 of sessions, at which it passed, is not there any more"),
        (of_before, "it asks for something else than when it passed"),
    ],
)
def test_what_breaks_the_induction_asks_for_a_look_at_everything(
    home: Home, sessions: Batches, change: Any, why: str
) -> None:
    assert failed(home, "sessions") == {}
    assert because(change(home), "sessions") == {why}
    assert kinds(home, "sessions") == {"incremental"}


def test_a_new_generation_asks_for_a_look_at_everything(home: Home, sessions: Batches) -> None:
    assert failed(home, "sessions") == {}
    write(home, "sessions", [session("c")], of=entry("sessions", 0, generation=2))
    assert because(home, "sessions") == {"generation 2 has begun since it passed"}


def test_another_setting_asks_for_a_look_at_everything(home: Home, events: Batches) -> None:
    assert failed(home, "events") == {}
    stricter = Home(Settings.model_validate({"home": home.settings.home, "event_types": ("purchase",)}))
    assert failed(stricter, "events") == {"accepted_values": 3}


def test_a_log_that_was_cleaned_asks_for_a_look_at_everything(home: Home, sessions: Batches) -> None:
    assert failed(home, "sessions") == {}
    for user in "cdef":
        sessions([session(user)])
    DeltaTable(str(home.lake.table("sessions").path)).create_checkpoint()
    (home.lake.table("sessions").path / "_delta_log" / f"{2:020d}.json").unlink()
    assert because(home, "sessions") == {"the log of version 2 is gone"}


def test_a_table_that_was_put_back_asks_for_a_look_at_everything(home: Home, sessions: Batches, tmp_path: Path) -> None:
    path = home.lake.table("sessions").path
    shutil.copytree(local(path), tmp_path / "before")
    sessions([session("c")])
    assert failed(home, "sessions") == {}
    shutil.rmtree(local(path))
    shutil.copytree(tmp_path / "before", local(path))
    write(home, "sessions", [session("d"), session("a")])
    assert failed(home, "sessions") == {"unique_key": 1}


def test_what_failed_on_all_rows_is_forgotten_as_passed_by_whoever_found_it(home: Home, sessions: Batches) -> None:
    assert failed(home, "sessions") == {}
    before = passes.read_check_record(home.lake, "sessions")
    passes.record_passes(home.lake, "sessions", before, {}, ["unique_key"])  # as `validate` does
    passes.record_passes(home.lake, "sessions", before, before.checks, [])  # who began before, and ends after it
    assert passes.read_check_record(home.lake, "sessions").checks.keys() == before.checks.keys() - {"unique_key"}


def test_a_lake_that_cannot_be_written_is_warned_of(
    home: Home, sessions: Batches, caplog: pytest.LogCaptureFixture
) -> None:
    local(home.lake.root / "_checks").write_text("a file where the folder should be")
    passes.record_passes(
        home.lake, "sessions", passes.CheckRecord(), {"not_null": PassedCheck("", 1, ResumePoint({}))}, []
    )
    assert "what its checks came to cannot be noted" in caplog.text
