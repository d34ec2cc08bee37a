"""Mappings that `clickstream check` writes for records of no known shape: what is taken for who, when and what."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.events.mapping.model import COLUMNS
from clickstream_platform.events.mapping.named import mapping_named, presets
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.events.mapping.checked import told
from clickstream_platform_tests.events.mapping.records_of import UNKNOWN, file_of, lines_of


def test_what_is_like_nothing_known_is_said_to_be_so_and_a_mapping_to_start_from_reads_it(tmp_path: Path) -> None:
    file, mine = file_of(tmp_path, UNKNOWN), tmp_path / "mine.toml"
    found = told(str(file), "--write", str(mine))
    assert (found["looks_like"], found["events"]) == (None, 0)
    assert set(found["extra"]) == {"visitor.uid", "ts", "action", "location.url"}
    result = clickstream("check", str(file), "--mapping", str(mine))
    assert result.exit_code == 0
    assert "1 record = 1 event" in result.stdout
    refused = clickstream("check", str(file), "--write", str(mine))
    assert (refused.exit_code, "is there already" in refused.stderr) == (2, True)


AT = "2026-11-28T10:00:00Z"
UUIDS = ("6f1c9a52-7a55-4d3c-9c0e-1b0f5f7c0001", "6f1c9a52-7a55-4d3c-9c0e-1b0f5f7c0002")
# Of two records each, after what producers without a preset publish; and what their columns must be.
SHAPES: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "Amplitude's export": (
        [{"user_id": "u", "device_id": "d", "event_id": n, "uuid": UUIDS[n], "event_time": "2026-11-28 10:00:00.5",
          "event_type": "Viewed", "session_id": 1764410400123} for n in (0, 1)],
        {"events": 2, "event_id": "uuid", "timestamp": "event_time", "user_id": "user_id"},
    ),
    "our own names in another order of things": (
        [{"timestamp": AT, "user_id": 7 + n, "name": "pageview", "url": "/x"} for n in (0, 1)],
        {"events": 2, "timestamp": "timestamp", "event_type": "name", "page_url": "url"},
    ),
    "an array of events": (
        [{"events": [{"eventType": "click", "at": AT, "user": {"id": n}}] * 3} for n in (0, 1)],
        {"events": 6, "envelope": "events", "user_id": "user.id", "timestamp": "at"},
    ),
    "mParticle's batches": (
        [{"events": [{"event_type": "custom_event", "data": {"timestamp_unixtime_ms": 1764410400123, "event_id": 1}}],
          "user_identities": {"customer_id": f"c{n}"}, "timestamp_unixtime_ms": 1764410400125} for n in (0, 1)],
        {"events": 2, "envelope": "events", "user_id": "user_identities.customer_id", "event_id": None},
    ),
    "Elastic's common schema": (
        [{"@timestamp": AT, "event": {"action": "view", "id": UUIDS[n]}, "user": {"id": "u"}, "url": {"full": "/"}}
         for n in (0, 1)],
        {"events": 2, "user_id": "user.id", "event_type": "event.action", "event_id": "event.id"},
    ),
    "nginx as JSON, with its own time": (
        [{"time_local": "28/Nov/2026:10:00:00 +0100", "remote_addr": "10.0.0.1", "remote_user": "",
          "request_method": "GET", "request_uri": "/"} for _ in (0, 1)],
        {"events": 2, "user_id": "remote_user", "timestamp": "time_local", "event_type": "request_method"},
    ),
    "rows of a table with objects as texts": (
        [{"distinct": "x", "at": AT, "kind": "row", "payload": json.dumps({"uid": "u", "event": "open", "n": [1]}),
          "note": "{no JSON"} for _ in (0, 1)],
        {"events": 2, "user_id": "payload.uid", "event_type": "payload.event", "timestamp": "at"},
    ),
    "CloudEvents": (
        [{"specversion": "1.0", "type": "t", "id": f"{n}", "time": AT, "data": {"userId": "u"}} for n in (0, 1)],
        {"events": 2, "user_id": "data.userId", "event_id": "id", "timestamp": "time"},
    ),
    "a time by what it holds, and ids of other things": (
        [{"visitor": {"id": "v"}, "verb": "open", "logged": AT, "date": "28 Nov"} for _ in (0, 1)],
        {"events": 2, "user_id": "visitor.id", "timestamp": "logged", "event_id": None},
    ),
    "names that say nothing": (
        [{"uid": f"k{n}", "sent": 1764410400123 + n, "what": {"kind": ("tap", "view", "buy")[n % 3], "os": "android"},
          "at": f"https://kiosk/{n}", "ref": f"v{n // 2}"} for n in range(12)],
        {"events": 12, "event_type": "what.kind", "timestamp": "sent", "page_url": "at"},
    ),
    "a list of events whose names say nothing": (
        [{"device": {"id": f"d{n % 3}"}, "flushed": 1764410400123,
          "steps": [{"t": 1764410400000 + n, "n": ("open", "press")[n % 2], "item": n}] * 2} for n in range(12)],
        {"events": 24, "envelope": "steps", "event_type": "n", "timestamp": "t", "user_id": "device.id"},
    ),
    "times as people write them": (
        [{"visitor": "v", "event": "open", "when": f"{day}.11.2026 9:05"} for day in (1, 13)],
        {"events": 2, "timestamp": "when"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_the_mapping_that_is_written_for_an_unknown_shape_reads_it_as_it_is(shape: str, tmp_path: Path) -> None:
    records, wanted = SHAPES[shape]
    file, mine = file_of(tmp_path, *records), tmp_path / "mine.toml"
    assert told(str(file), "--write", str(mine))["looks_like"] in (None, "own")
    found = told(str(file), "--mapping", str(mine))
    assert (found["events"], found["rejected"]) == (wanted["events"], 0)
    mapping = mapping_named(str(mine))
    assert mapping is not None
    firsts = {column: next(iter(mapping.column(column).paths), None) for column in wanted if column in COLUMNS}
    assert firsts == {column: path for column, path in wanted.items() if column in COLUMNS}
    assert [each.path for each in mapping.envelope] == [wanted[key] for key in ("envelope",) if key in wanted]


def test_of_a_day_and_a_month_that_cannot_be_told_apart_both_forms_are_named(tmp_path: Path) -> None:
    records = [{"visitor": "v", "event": "open", "date": f"0{day}/11/2026 09:05"} for day in (1, 2)]
    file, mine = file_of(tmp_path, *records), tmp_path / "mine.toml"
    told(str(file), "--write", str(mine))
    assert 'unit = "%m/%d/%Y %H:%M" }  # needed: or is it "%d/%m/%Y %H:%M"?' in mine.read_text()
    refused = clickstream("check", str(file), "--mapping", str(mine))
    assert (refused.exit_code, "add columns.timestamp" in refused.stderr) == (2, True)


def test_where_nobody_is_called_so_the_fields_whose_values_come_again_are_named(tmp_path: Path) -> None:
    records = [{"Kunde": f"K{n % 4}", "Aktion": ("Klick", "Kauf")[n % 2], "Nr": n, "at": AT} for n in range(12)]
    file, mine = file_of(tmp_path, *records), tmp_path / "mine.toml"
    told(str(file), "--write", str(mine))
    text = mine.read_text()
    assert 'user_id = ["Kunde"]  # needed: a guess, as the same values come again there\n' in text
    assert told(str(file), "--mapping", str(mine))["events"] == 12
    assert '#   "Kauf" = "click"  # 6' in text


def test_an_address_is_a_visitor_only_where_no_id_is_and_then_says_so(tmp_path: Path) -> None:
    records = [{"Kunde": f"K{n % 4}", "ip": f"203.0.113.{n % 3}", "type": "open", "at": AT} for n in range(12)]
    file, mine = file_of(tmp_path, *records), tmp_path / "mine.toml"
    told(str(file), "--write", str(mine))
    remark = 'an address, which many may share; the same values come again at "Kunde"'
    assert f'user_id = ["ip"]  # {remark}\n' in mine.read_text()
    assert told(str(file), "--mapping", str(mine))["columns"]["user_id"] == 12
    mine.unlink()
    told(str(file_of(tmp_path, *({**each, "uid": "u"} for each in records))), "--write", str(mine))
    assert 'user_id = ["uid"]\n' in mine.read_text()


def test_what_a_session_is_called_after_may_be_who_and_seconds_may_be_when(tmp_path: Path) -> None:
    records = [{"visit_id": f"v{n % 4}", "event": "open", "n": 1_709_287_200 + n} for n in range(12)]
    file, mine = file_of(tmp_path, *records), tmp_path / "mine.toml"
    told(str(file), "--write", str(mine))
    assert 'user_id = ["visit_id"]  # needed: a guess, as the same values come again there\n' in (
        text := mine.read_text()
    )
    assert 'timestamp = ["n"]  # needed: a guess, as numbers as of seconds since 1970 are there\n' in text


@pytest.mark.parametrize("separator", [",", ";", "|", "\t"])
def test_lines_with_a_separator_begin_a_mapping_that_takes_them_apart(separator: str, tmp_path: Path) -> None:
    rows = [(f"2026-11-28T10:00:{n % 60:02}Z", f"u{n % 3}", ("open", "close")[n % 2], f"/p/{n}") for n in range(60)]
    file, mine = tmp_path / "a.csv", tmp_path / "mine.toml"
    odd = f"2026-11-28T10:00:00Z{separator}u0{separator}open{separator}/a\\{separator}b"  # one sign more
    file.write_text("\n".join([*map(separator.join, rows), odd]))
    told(str(file), "--write", str(mine))
    assert 'user_id = ["column_2"]  # needed: a guess' in mine.read_text()
    found = told(str(file), "--mapping", str(mine))
    assert (found["events"], found["event_types"], found["rejected"]) == (60, {"open": 30, "close": 30}, 1)
    assert set(found["columns"]) == {"user_id", "event_type", "page_url", "timestamp"}


def test_lines_without_one_are_told_how_they_may_be_taken_apart(tmp_path: Path) -> None:
    file, mine = tmp_path / "a.log", tmp_path / "mine.toml"
    file.write_text("10:00 INFO user=u\n10:01 WARN\n")
    told(str(file), "--write", str(mine))
    assert '# format = "pattern"' in mine.read_text()


def test_of_nothing_no_mapping_is_written_and_no_pipe_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    result = clickstream("check", str(tmp_path / "empty"), "--write", str(tmp_path / "mine.toml"))
    assert (result.exit_code, "there is no record to look at" in result.stdout) == (1, True)
    assert not (tmp_path / "mine.toml").exists()
    os.mkfifo(tmp_path / "pipe")
    refused = clickstream("check", str(tmp_path / "pipe"))
    assert (refused.exit_code, "it is a pipe, a socket or a device" in refused.stderr) == (1, True)


@pytest.mark.parametrize("name", presets())
def test_a_mapping_written_for_a_producer_reads_as_its_preset_does(name: str, tmp_path: Path) -> None:
    file, mine = file_of(tmp_path, *lines_of(name)), tmp_path / "mine.toml"
    before = told(str(file), "--write", str(mine))
    assert mapping_named(str(mine)) is not None
    assert told(str(file), "--mapping", str(mine))["fates"] == before["fates"]


def test_a_mapping_is_written_that_can_be_read_whatever_keys_and_names_are_called(tmp_path: Path) -> None:
    hostile = {'us"er\n.id': {"uid": "u"}, "ts": "2024-03-01", "action": 'o"pe\\n\nx = 1', "\x7f\u2028é": 1}
    file, mine = file_of(tmp_path, hostile), tmp_path / "mine.toml"
    told(str(file), "--write", str(mine))
    assert told(str(file), "--mapping", str(mine))["events"] == 1
