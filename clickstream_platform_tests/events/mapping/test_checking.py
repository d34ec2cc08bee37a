"""`clickstream check`: whose records they look like, what becomes of each, and that a run says the same."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clickstream_platform.events.mapping.checking import EVENT, REJECTED, check_records
from clickstream_platform.events.mapping.named import presets
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
from clickstream_platform_tests.events.mapping.records_of import OWN, UNKNOWN, file_of, lines_of


@pytest.mark.parametrize("name", presets())
def test_every_producer_is_recognised_by_what_it_sends(name: str, tmp_path: Path) -> None:
    found = told(str(file_of(tmp_path, *lines_of(name))))
    assert (found["looks_like"], found["mapping"]) == (name, name)
    assert found["records"] == found["events"] + found["rejected"] + sum(found["passed_over"].values())


def test_our_own_shape_is_recognised_even_if_half_of_its_types_are_unknown(tmp_path: Path) -> None:
    found = told(str(file_of(tmp_path, OWN, {**OWN, "event_type": "scroll"})))
    assert (found["looks_like"], found["events"], found["reasons"]) == ("own", 1, {"unknown_event_type": 1})


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
