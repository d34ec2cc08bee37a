"""What is refused before anything is done: one line, and an exit code."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from clickstream_platform.streaming.lake.lease import lease
from clickstream_platform.streaming.maintenance.replay_report import ReplayReport
from clickstream_platform_tests.cli.engine import TABLES
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.lakes import at, write
from clickstream_platform_tests.local import local


@pytest.mark.usefixtures("impatient")
def test_a_run_over_a_kafka_that_is_down_says_so_before_a_jvm_starts(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKSTREAM_SOURCE", "kafka://127.0.0.1:1/clicks")
    monkeypatch.setattr("clickstream_platform.jvm.session.build_session", None)
    result = clickstream("run")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "127.0.0.1:1 does not answer within 0.2 s" in result.stderr


def test_a_wrong_setting_is_one_line_with_variable_value_and_what_is_allowed(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKSTREAM_STARTING_OFFSETS", "middle")
    for command in ("status", "run", "doctor", "demo"):
        result = clickstream(command)
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
        assert all(word in result.stderr for word in ("CLICKSTREAM_STARTING_OFFSETS", "'middle'", "earliest, latest"))


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("stream --every now_and_then", "--every: 'now_and_then': it is no interval; allowed: a number and a unit"),
        ("stream --every 5", "--every: '5': it has no unit; say 5 seconds, 5 minutes or 5 hours"),
        ("stream --every 0s", "--every: '0s': an interval must be at least a millisecond"),
        ("stream --every -5s", "--every: '-5s': an interval must be at least a millisecond"),
        (
            "stream --every once",
            "once is not for `clickstream stream`: it ends, and a stream does not; use `clickstream",
        ),
        ("run --trigger 2min", "every 2 min is not for `clickstream run`: it never ends, and a run does; use"),
        (
            "run --trigger continuous_1s",
            "--trigger: 'continuous_1s' is no trigger of a run; say `available now` or `once`",
        ),
        ("tap --every 0s", "--every: '0s': an interval must be at least a millisecond"),
        ("tap --real-time", "FileStreamSource is not supported; leave --real-time out"),
        ("tap --console nope", "nope: there is no such table"),
    ],
)
def test_a_trigger_that_cannot_be_is_refused_before_a_jvm_starts(
    home: Home, monkeypatch: pytest.MonkeyPatch, command: str, answer: str
) -> None:
    monkeypatch.setattr("clickstream_platform.jvm.session.build_session", None)
    result = clickstream(*command.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert answer in result.stderr


def test_a_stream_whose_input_is_nowhere_is_refused_before_a_jvm_starts(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clickstream_platform.jvm.session.build_session", None)
    result = clickstream("stream", "sessions")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "sessions: there is no table events yet; run events first\n"


def test_an_unknown_table_is_answered_with_the_known_ones(home: Home) -> None:
    for command in ("run", "explain", "verify", "rebuild", "validate"):
        result = clickstream(command, "nope")
        assert result.exit_code == 2
        assert result.stderr == f"nope: there is no such table; choose from {', '.join(TABLES)}\n"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("sesions", "say sessions, or choose from events, "),
        ("quarantine", "say events; `clickstream sql` shows its rows"),
        ("late_events", "say user_patterns; `clickstream sql` shows its rows"),
    ],
)
def test_a_table_that_has_no_contract_is_answered_with_one_that_has(home: Home, name: str, remedy: str) -> None:
    result = clickstream("explain", name)
    assert result.exit_code == 2
    assert remedy in result.stderr


@pytest.mark.parametrize("command", ["status sessions", "ledger", "run", "reset", "backup ../copy"])
def test_a_table_whose_log_is_damaged_is_named_with_what_to_do(
    home: Home, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    for name in ("events", "sessions"):
        home.commit(name, rows=3, of=entry(name, rows_in=3, rows_out=3))
    log = local(home.lake.table("sessions").path / "_delta_log")
    (log / f"{1:020}.json").write_text("{broken")
    home.land("a.json")
    monkeypatch.setattr("clickstream_platform.jvm.session.build_session", None)
    result = clickstream(*command.split())
    assert result.exit_code == 1
    assert result.stderr.startswith("sessions: its Delta log cannot be read: ")
    assert "move its folder away, and `clickstream rebuild` it" in result.stderr


@pytest.mark.parametrize("name", ["sessions", "events", "quarantine"])
def test_status_names_a_damaged_table_and_says_where_the_others_stand(home: Home, name: str) -> None:
    for each in ("events", "sessions", "quarantine"):
        home.commit(each, rows=3, of=entry(each, rows_in=3, rows_out=3))
    (local(home.lake.table(name).path / "_delta_log") / f"{1:020}.json").write_text("{broken")
    result, found = clickstream("status"), json.loads(clickstream("status", "--json").stdout)
    assert result.exit_code == 1
    assert result.stdout.count(f"{name}: its Delta log cannot be read: ") == 1
    assert [each.partition(":")[0] for each in found["damaged"]] == [name]
    rows = {each["name"]: each["rows"] for each in found["tables"] if each["damage"] is None}
    assert rows == {each: 3 if each in ("events", "sessions") else 0 for each in TABLES if each != name}


def test_a_report_to_a_folder_is_told_in_a_line(home: Home, tmp_path: Path) -> None:
    result = clickstream("report", "--to", str(tmp_path))
    assert (result.exit_code, result.stderr) == (2, f"--to: {tmp_path} is a folder; name a file to write\n")


def test_debug_shows_the_traceback(home: Home) -> None:
    assert type(clickstream("--debug", "explain", "nope").exception).__name__ == "SettingsError"


def test_doctor_exits_1_when_something_is_missing(home: Home) -> None:
    result = clickstream("doctor")
    assert result.exit_code == 1
    assert "missing  java: JAVA_HOME is" in result.stdout
    assert "ok       python: " in result.stdout


WHOLE = "demo simulate run stream replay maintain tap verify validate quarantine report status ledger"


@pytest.mark.parametrize(
    "command", [*WHOLE.split(), "explain events", "rebuild alerts", "forget --user u", "kafka up", "sql select"]
)
def test_a_home_that_is_a_file_is_told_before_anything_is_done(
    home: Home, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    home.settings.home.write_text("mine")
    monkeypatch.setattr("clickstream_platform.jvm.session.build_session", None)
    result = clickstream(*command.split())
    assert result.exit_code == 1
    assert result.stderr.endswith(f"{home.settings.home} is not a folder; set CLICKSTREAM_HOME to a folder\n")
    assert result.stderr.count("\n") == 1
    assert home.settings.home.read_text() == "mine"


def test_a_home_that_cannot_be_made_is_one_line(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_HOME", "/proc/nowhere")
    assert clickstream("run").stderr.startswith("/proc/nowhere/l")
    assert clickstream("run").stderr.endswith("; set CLICKSTREAM_HOME to a folder that can\n")


@pytest.mark.parametrize("command", ["run", "stream", "tap"])
def test_a_source_that_somebody_named_and_is_not_there_is_told_before_a_jvm_starts(
    home: Home, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("clickstream_platform.jvm.session.build_session", None)
    monkeypatch.setenv("CLICKSTREAM_SOURCE", "/nowhere")
    result = clickstream(command)
    assert result.exit_code == 1
    assert result.stderr == "source: there is no folder /nowhere; make it, or set CLICKSTREAM_SOURCE to another\n"


@pytest.mark.parametrize("command", ["run", "run sessions", "rebuild sessions"])
def test_a_busy_table_is_told_before_a_jvm_starts(home: Home, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setattr("clickstream_platform.jvm.session.build_session", None)
    write(home, "events", [{"user_id": "u"}])
    with lease(home.lake, "sessions", "r7"):
        result = clickstream(*command.split())
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"sessions: run r7 holds it (pid {os.getpid()} on ")


def test_a_stream_says_of_a_busy_table_that_it_waits(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home, "events", [{"user_id": "u"}])
    with lease(home.lake, "sessions", "r7"):
        said = clickstream("stream", "sessions").stderr
    assert "sessions: run r7 holds it" in said
    assert "its query starts once that run has ended" in said


def test_a_command_that_waits_for_a_table_says_so(without_spark: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    write(without_spark, "quarantine", [{"record_id": "r", "reasons": ["malformed_json"]}])
    write(without_spark, "events", [{"user_id": "u"}])
    monkeypatch.setattr(
        "clickstream_platform.streaming.maintenance.reprocess.replay",
        lambda *_: ReplayReport(0, 0, 0, 0),  # pyright: ignore[reportUnknownLambdaType]
    )
    with lease(without_spark.lake, "events", "r7"):
        result = clickstream("replay")
    assert result.exit_code == 0, result.output
    assert "events: run r7 holds it" in result.stderr
    assert "waits up to ten minutes" in result.stderr


def test_a_replay_of_no_record_says_so_and_starts_no_jvm(without_spark: Home) -> None:
    write(without_spark, "quarantine", [])
    write(without_spark, "events", [{"user_id": "u"}])
    result = clickstream("replay")
    assert (result.exit_code, result.stdout) == (0, "quarantine: it has no record, so there is nothing to try again\n")


def test_a_run_over_an_empty_landing_folder_says_what_to_do_and_starts_no_jvm(home: Home) -> None:
    result = clickstream("run")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"nothing has landed in {home.landing} yet: put files of events there")
    assert home.landing.is_dir()


@pytest.mark.parametrize("command", ["verify", "verify sessions", "rebuild sessions"])
def test_where_nothing_was_read_that_is_told_before_a_jvm_starts_and_nothing_is_left_behind(
    home: Home, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("clickstream_platform.jvm.session.build_session", None)
    result = clickstream(*command.split())
    assert (result.exit_code, result.stdout) == (1, "")
    assert " yet; " in result.stderr
    assert not list(home.lake.root.rglob("*"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_in_a_line_whatever_is_written(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*_: object) -> None:
        with Path("/dev/full").open("w") as file:
            file.write("x" * 100_000)

    home.commit("events")
    monkeypatch.setattr("clickstream_platform.report.page.report", write)
    result = clickstream("report")
    assert result.exit_code == 1
    assert "No space left on device; make room, or choose another disk" in result.stderr


def _emptied(found: Path) -> None:
    found.write_bytes(b"")


def _garbled(found: Path) -> None:
    found.write_bytes(b"{ no file of ours " * 9)


@pytest.mark.parametrize(
    ("file", "harm"),
    [
        ("events/_delta_log/*0.json", Path.unlink),
        ("events/_delta_log/*0.json", _garbled),
        ("events/**/*.parquet", Path.unlink),
        ("events/**/*.parquet", _emptied),
        ("quarantine/*.parquet", _garbled),
        ("_checkpoints/sessions/1/offsets/0", _garbled),
        ("_checkpoints/sessions/1/commits/0", _emptied),
        ("_checkpoints/sessions/1/fingerprint.json", _garbled),
    ],
)
def test_a_damaged_file_of_the_lake_ends_no_command_in_a_traceback(
    home: Home, file: str, harm: Callable[[Path], None]
) -> None:
    for number in range(2):
        happened = at(f"10:0{number}:00")
        row = {"user_id": "u", "timestamp": happened, "event_date": happened.date(), "event_type": "click"}
        write(home, "events", [row], of=entry(batch_id=number, rows_in=2, rows_out=1, quarantined=1))
        place = {"source": "file", "partition": "a.json", "offset": number, "value": b"{}", "arrived_at": happened}
        write(home, "quarantine", [{**place, "reasons": ["bad_timestamp"]}], of=entry(batch_id=number))
        write(home, "sessions", [{"user_id": "u"}], of=entry("sessions", batch_id=number))
    for name, said in (
        ("offsets", 'v1\n{"batchWatermarkMs": 0}\n-'),
        ("commits", "v1\n{}"),
        ("fingerprint.json", "{}"),
    ):
        place = home.lake.root / "_checkpoints" / "sessions" / "1" / name
        place = place if place.suffix else place / "0"
        place.parent.mkdir(parents=True, exist_ok=True)
        local(place).write_text(said)
    harm(next(local(home.lake.root).glob(file)))
    count = "select count(*), max(timestamp) from events"
    for command in (
        ["status"],
        ["sql", count],
        ["ledger"],
        ["report"],
        ["quarantine"],
        ["late"],
        ["verify", "--source"],
    ):
        result = clickstream(*command)
        assert result.exception is None or isinstance(result.exception, SystemExit), (command, result.exception)
        assert result.exit_code in (0, 1)
        assert "Traceback" not in result.output


@pytest.mark.parametrize("command", ["verify", "verify --source", "report", "maintain", "late", "sql 'select 1'"])
def test_a_command_that_needs_a_lake_names_the_place_where_there_is_none_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("clickstream_platform.jvm.session.build_session", None)
    result = clickstream(*shlex.split(command))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"{tmp_path}/home/lake: there is no ")
    assert not any(tmp_path.iterdir())
