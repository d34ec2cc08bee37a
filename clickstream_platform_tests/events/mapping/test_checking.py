"""`clickstream check`: whose records they look like, what becomes of each, and that a run says the same."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clickstream_platform.events.mapping.checking import EVENT, REJECTED, check_records
from clickstream_platform.events.mapping.model import COLUMNS
from clickstream_platform.events.mapping.named import mapping_named, presets
from clickstream_platform.events.mapping.sampling import paths_in
from clickstream_platform.events.rules import Parse
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.ingest.staged import StagedBatch
from clickstream_platform.streaming.ingest.staging import stage_records
from clickstream_platform.streaming.sources.files.sample import sample_files
from clickstream_platform.streaming.sources.source import PartRead
from clickstream_platform.tables.events import rules_from
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.events.mapping.checked import told
from clickstream_platform_tests.events.mapping.producers.all_of_them import PRODUCERS

UNKNOWN = {"visitor": {"uid": "u1"}, "ts": 1709287200, "action": "open", "location": {"url": "/x"}}
OWN = {"user_id": "u", "timestamp": "2024-03-01T10:00:00Z", "event_type": "click"}


def lines_of(name: str) -> list[str]:
    rows: Any = PRODUCERS[name].ROWS
    return [each if isinstance(each, str) else json.dumps(each) for each, _ in rows]


def file_of(folder: Path, *records: Any, name: str = "events.json") -> Path:
    file = folder / name
    lines = [each if isinstance(each, str) else json.dumps(each) for each in records]
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


@pytest.mark.parametrize("name", presets())
def test_every_producer_is_recognised_by_what_it_sends(name: str, tmp_path: Path) -> None:
    found = told(str(file_of(tmp_path, *lines_of(name))))
    assert (found["looks_like"], found["mapping"]) == (name, name)
    assert found["records"] == found["events"] + found["rejected"] + sum(found["passed_over"].values())


def test_our_own_shape_is_recognised_even_if_half_of_its_types_are_unknown(tmp_path: Path) -> None:
    found = told(str(file_of(tmp_path, OWN, {**OWN, "event_type": "scroll"})))
    assert (found["looks_like"], found["events"], found["reasons"]) == ("own", 1, {"unknown_event_type": 1})


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


def test_each_record_has_its_fate_and_its_reason(tmp_path: Path) -> None:
    page, identify = {**OWN, "type": "page", "userId": "u"}, {"type": "identify"}
    file = file_of(tmp_path, page, identify, {**page, "userId": None}, "{")
    result = clickstream("check", str(file), "--mapping", "segment", "--records")
    assert result.exit_code == 1
    for words in ("passed over  identify", "rejected     missing_user_id", "rejected     malformed_json", "page_view"):
        assert words in result.stdout


def test_of_a_time_that_is_none_the_time_is_shown_and_of_bytes_that_are_no_text_what_to_do(tmp_path: Path) -> None:
    event = {"user_id": "u", "event_type": "click", "page_url": "/" + "x" * 300, "timestamp": "Mar 1, 2024"}
    result = clickstream("check", str(file_of(tmp_path, event)), "--mapping", "own")
    assert "0: Mar 1, 2024: neither a text by ISO-8601" in result.stdout
    (tmp_path / "a.csv").write_bytes("user_id;event_type;ort\nu;click;Köln\nv;click;Bonn\n".encode("cp1252"))
    shown = " ".join(clickstream("check", str(tmp_path / "a.csv")).stdout.split())
    assert "1 rejected record is no UTF-8: export as UTF-8, or convert the file" in shown
    assert told(str(tmp_path / "a.csv"))["not_utf8"] == 1


def test_a_path_that_matches_nothing_is_named_with_the_number_of_records(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('extends = "segment"\n[columns]\nproduct_id = ["properties.sku"]\n')
    result = clickstream("check", str(file_of(tmp_path, *lines_of("segment"))), "--mapping", str(mine))
    assert "match no record of 23" in result.stdout
    assert "product_id: properties.sku" in result.stdout


def test_a_packed_file_a_folder_and_what_cannot_be_read_are_taken_as_a_run_takes_them(tmp_path: Path) -> None:
    (tmp_path / "a.json.gz").write_bytes(gzip.compress("\n".join(lines_of("ga4")).encode()))
    (tmp_path / "b.gz").write_bytes(b"\x1f\x8b\x08")
    (tmp_path / "_hidden.json").write_text("{")
    found = told(str(tmp_path))
    assert (found["looks_like"], found["records"]) == ("ga4", len(lines_of("ga4")))
    assert list(found["refused"]) == ["b.gz"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["/no/such/file"], "there is no such file"),
        ([__file__, "--mapping", "segmnt"], "--mapping: there is no mapping 'segmnt'"),
        ([__file__, "--write", "/no/such/folder/mine.toml"], "there is no folder"),
        (["kafka://nowhere"], "is not allowed"),
        ([__file__, "--format", "xml"], "--format: 'xml' is not allowed; choose from auto, lines, json, csv, tsv"),
    ],
)
def test_what_cannot_be_checked_is_said_in_one_line(arguments: list[str], words: str) -> None:
    result = clickstream("check", *arguments)
    assert result.exit_code in (1, 2)
    assert words in result.stderr.replace("\n", " ")


def test_no_more_is_looked_at_than_asked_for_and_an_empty_file_is_no_success(tmp_path: Path) -> None:
    file = file_of(tmp_path, *[OWN] * 30)
    assert told(str(file), "--limit", "7")["records"] == 7
    empty = clickstream("check", str(file_of(tmp_path, name="empty.json")))
    assert (empty.exit_code, "0 records = " in empty.stdout) == (1, True)


def test_fields_in_lists_have_paths_that_a_mapping_takes() -> None:
    extra = {
        "params": [{"key": "a", "value": {"s": 1, "n": None}}, {"key": "b"}],
        "items": [{"id": 1}, {"id": 2}],
        "x.y": [1],
    }
    assert sorted(paths_in(json.dumps(extra))) == [
        '"x.y"',
        "items[0].id",
        "params[key=a].value.s",
        "params[key=b]",
    ]


RECORDS = st.sampled_from(
    [*chain(*map(lines_of, presets())), json.dumps(OWN), json.dumps(UNKNOWN), "{", "[]", "nothing"]
)


FORMS = st.sampled_from(["lines", "auto"])


@given(st.lists(RECORDS, min_size=1, max_size=30), st.sampled_from(["", *presets()]), FORMS)
@example(["[]"], "", "auto")  # an array of nothing, so no record
@settings(max_examples=60)
def test_a_run_stages_what_a_check_says(records: list[str], name: str, form: str) -> None:
    rules = rules_from(Settings(mapping=name))
    with TemporaryDirectory() as folder:
        file = file_of(Path(folder), *records)
        batches = [each for each in sample_files(file, 1_000_000, form) if not isinstance(each, PartRead)]
        said = check_records(batches, rules)
        staged = Path(folder) / "staged.parquet"
        stage_records(iter(_with_parts(batches)), Parse(rules), staged)
        facts = StagedBatch(Path(folder), (staged.name,)).facts()
    assert (facts.records, len(facts.times), facts.rejected) == (
        len(said.fates),
        said.count(EVENT),
        said.count(REJECTED),
    )
    assert (dict(facts.passed_over), facts.by_reason()) == (dict(said.passed_over), dict(sorted(said.reasons.items())))
    assert form == "auto" or len(said.fates) == len(records)


def _with_parts(batches: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch | PartRead]:
    yield from batches
    yield PartRead("events.json", 0, 0)


def test_a_mapping_is_written_that_can_be_read_whatever_keys_and_names_are_called(tmp_path: Path) -> None:
    hostile = {'us"er\n.id': {"uid": "u"}, "ts": "2024-03-01", "action": 'o"pe\\n\nx = 1', "\x7f\u2028é": 1}
    file, mine = file_of(tmp_path, hostile), tmp_path / "mine.toml"
    told(str(file), "--write", str(mine))
    assert told(str(file), "--mapping", str(mine))["events"] == 1


FORMATS = {
    "a.json": json.dumps([OWN, OWN], indent=1),
    "b.json": json.dumps(OWN) + json.dumps(OWN),
    "c.csv": "user_id,timestamp,event_type\n" + "u,2024-03-01T10:00:00Z,click\n" * 2,
    "d.tsv": "user_id\ttimestamp\tevent_type\n" + "u\t2024-03-01T10:00:00Z\tclick\n" * 2,
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_any_format_is_looked_at_as_a_run_reads_it(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(FORMATS[name])
    found = told(str(tmp_path / name))
    assert (found["looks_like"], found["records"], found["events"]) == ("own", 2, 2)
    as_lines = told(str(tmp_path / name), "--format", "lines")
    assert as_lines["events"] == 0


def test_a_table_without_a_telling_name_is_looked_at_as_its_source_or_the_option_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "landing" / "a.txt"
    file.parent.mkdir()
    file.write_text(FORMATS["c.csv"])
    assert told(str(file))["events"] == 2  # as what its columns are called is enough
    file.write_text('"user_id","timestamp","event_type",""\n' + "u,2024-03-01T10:00:00Z,click,\n" * 2)
    assert told(str(file))["events"] == 0
    assert told(str(file), "--format", "csv")["events"] == 2
    monkeypatch.setenv("CLICKSTREAM_SOURCE", json.dumps({"main": str(tmp_path / "a"), "old": str(file.parent)}))
    monkeypatch.setenv("CLICKSTREAM_FORMAT", '{"old": "csv"}')
    assert told(str(file))["events"] == 2


@pytest.mark.parametrize("name", ["snowplow_tsv", "access_log"])
def test_records_that_are_no_json_are_lines_whatever_their_file_is_named(name: str, tmp_path: Path) -> None:
    rows = lines_of(name)
    for file in "a.log", "a.tsv":
        found = told(str(file_of(tmp_path, *rows, name=file)), "--mapping", name)
        assert [(each["offset"], each["partition"]) for each in found["fates"]] == [(n, file) for n in range(len(rows))]
        assert found["events"] > 5
