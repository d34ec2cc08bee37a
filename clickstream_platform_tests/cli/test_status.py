"""``status``, ``explain`` and ``ledger``: what they print. No JVM."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from clickstream_platform.cli import ledger_view, views
from clickstream_platform.streaming.contract.trigger import ProcessingTime
from clickstream_platform.streaming.lake.lease import lease
from clickstream_platform.tables.events import COPIES, QUARANTINE
from clickstream_platform.tables.user_patterns import LATE_EVENTS
from clickstream_platform_tests.cli.engine import TABLES
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.homes import Home, entry


def test_status_explain_and_ledger_need_no_java(home: Home) -> None:
    home.commit("events", rows=3, of=entry(rows_in=3, rows_out=3))
    for command in (["status"], ["status", "--json"], ["explain", "sessions"], ["ledger"], ["ledger", "--json"]):
        assert clickstream(*command).exit_code == 0, command
    home.land("a.json")
    assert clickstream("run").stderr.startswith("java: JAVA_HOME is ")


def test_status_as_json_has_every_table_with_these_keys(home: Home) -> None:
    home.land("a.json")
    found = json.loads(clickstream("status", "--json").stdout)["tables"]
    assert [table["name"] for table in found] == TABLES
    keys = {"name", "rows", "delta_version", "watermark", "batches", "lag", "generation", "last_run"}
    assert all(keys <= table.keys() for table in found)
    assert [table["lag"] for table in found] == [1] + [0] * (len(TABLES) - 1)


def test_status_names_a_source_that_is_left_out(home: Home) -> None:
    home.commit("events", rows=3, of=entry(rows_in=3, rows_out=3))
    home.plan("events/history", 0, {"logOffset": 0})
    shown = clickstream("status").stdout
    assert f"events from main: files {home.landing}: 0 batches read, 0 files to read" in " ".join(shown.split())
    assert "events from history: 1 batch read; CLICKSTREAM_SOURCE leaves it out; named 'history' again" in shown


@pytest.mark.usefixtures("impatient")
def test_status_says_what_is_unknown_and_why(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_SOURCE", "kafka://127.0.0.1:1/clicks")
    result = clickstream("status")
    assert result.exit_code == 0
    assert "unknown" in result.stdout
    assert "127.0.0.1:1 does not answer" in result.stdout


def test_explain_prints_the_six_sentences_the_columns_and_the_checkpoint(home: Home) -> None:
    text = clickstream("explain", "sessions").stdout
    assert all(sentence in text for sentence in home.contracts["sessions"].sentences())
    assert all(column.name in text for column in home.contracts["sessions"].columns)
    assert "_checkpoints/sessions/1 (not yet)" in text


def test_status_names_the_trigger(home: Home) -> None:
    assert "trigger: available now\n" in clickstream("status").stdout
    with lease(home.lake, "sessions", "live", trigger=ProcessingTime(timedelta(seconds=30)).name):
        assert "trigger: every 30 s (sessions)\n" in clickstream("status").stdout


def test_ledger_shows_the_newest_entries_first_and_that_they_balance(home: Home) -> None:
    for batch_id in range(3):
        home.commit("events", of=entry(batch_id=batch_id, rows_in=1_000, rows_out=990, quarantined=10))
    home.commit("sessions", of=entry("sessions", committed_at_ms=entry().committed_at_ms + 1_000))
    result = clickstream("ledger", "--limit", "3")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()[2:5]
    assert [line.split()[2:6] for line in lines] == [
        ["sessions", "1/0", "log", "0"],
        ["events", "1/2", "log", "2"],
        ["events", "1/1", "log", "1"],
    ]
    assert "the ledger balances" in result.stdout
    booked = json.loads(clickstream("ledger", "--table", "events", "--limit", "0", "--json").stdout)
    assert [line["batch_id"] for line in booked["entries"]] == [2, 1, 0]


def test_a_ledger_with_a_hole_or_a_lost_record_exits_1(home: Home) -> None:
    home.commit("events", of=entry(rows_in=3, rows_out=2))
    home.commit("events", of=entry(batch_id=2))
    result = clickstream("ledger")
    assert result.exit_code == 1
    assert "read 3, but 2 accepted + 0 quarantined + 0 duplicates" in result.stdout
    assert "events batch 2 starts at" in result.stdout


def test_offsets_are_shown_with_both_ends_included() -> None:
    def delta(version: int) -> dict[str, Any]:
        return {"reservoirVersion": version, "index": -1}

    assert ledger_view.offsets(None, {"logOffset": 0}) == "log 0"
    assert ledger_view.offsets({"logOffset": 0}, {"logOffset": 3}) == "log 1-3"
    assert ledger_view.offsets(None, delta(2)) == "v0-1"
    assert ledger_view.offsets(delta(2), delta(3)) == "v2"
    assert ledger_view.offsets({"t": {"0": 5}}, {"t": {"0": 9, "1": 2}}) == "5-10"


def test_status_counts_the_tables_that_others_write_beside_themselves() -> None:
    assert set(views.LEFT_OUT) == {QUARANTINE.name, COPIES.name, LATE_EVENTS.name}


def test_status_says_of_one_row_that_it_is_one(home: Home) -> None:
    home.commit("events", rows=3, of=entry(rows_in=4, rows_out=3, quarantined=1))
    home.commit("quarantine", rows=1)
    shown = clickstream("status").stdout
    assert "quarantine: 1 rejected record\n" in shown
    assert "late_events: 0 events that came too late" in shown


def test_status_says_which_lake_it_looked_at(home: Home) -> None:
    home.land("a.json")
    text = clickstream("status").stdout
    assert text.startswith(f"no lake at {home.lake.root} yet; `clickstream run` makes it")
    assert "events: 1 file to read" in text
    assert "sessions" not in text
    home.commit("events", rows=3, of=entry(rows_in=3, rows_out=3))
    first, *lines = clickstream("status").stdout.splitlines()
    assert first == f"lake {home.lake.root}"
    rows = {name: words[0] for name, *words in map(str.split, filter(None, lines)) if words}
    assert (rows["events"], rows["sessions"]) == ("3", "-")
    assert json.loads(clickstream("status", "--json").stdout)["lake"] == str(home.lake.root)


def test_explain_as_json_has_these_keys(home: Home) -> None:
    found = json.loads(clickstream("explain", "sessions", "--json").stdout)
    assert found.keys() == {
        "table", "description", "sentences", "query", "columns", "key", "path", "generation", "checkpoint",
        "has_checkpoint", "sources",
    }  # fmt: skip
    assert found["sentences"] == home.contracts["sessions"].sentences()
    assert found["columns"][0] == {"name": "user_id", "type": "string", "description": "The visitor."}


def test_where_there_is_no_table_the_ledger_is_not_said_to_balance_and_nothing_is_looked_after(home: Home) -> None:
    home.plan("events", 0, {"logOffset": 0}, done=False)
    assert clickstream("ledger").stdout == "no batch is committed yet: `clickstream run`\n"
    assert "there is no table in it yet" in clickstream("maintain").stdout
    assert not list(home.lake.root.rglob("lease"))
