"""The command line: what it prints, what it exits with, and that what needs no JVM starts none."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from threading import Barrier, Event, main_thread
from typing import TYPE_CHECKING, Any

import pytest
from py4j.protocol import Py4JNetworkError
from pyspark.errors import PySparkException
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group
from typer.testing import CliRunner

from clickstream_platform.cli import kafka, ledger_view, program, views
from clickstream_platform.cli.app import Terminated, tables_like
from clickstream_platform.cli.contents import COMMANDS
from clickstream_platform.cli.libraries import ERRORS, Raised
from clickstream_platform.cli.progress import print_line, show_progress
from clickstream_platform.errors import StateError, TableBusyError
from clickstream_platform.settings import Settings
from clickstream_platform.simulator import kafka_producer
from clickstream_platform.streaming.audit.result import NO_BATCH, CheckResult
from clickstream_platform.streaming.audit.verify import Difference, Verification
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.contract.trigger import ProcessingTime
from clickstream_platform.streaming.lake.lease import lease
from clickstream_platform.streaming.maintenance.reprocess import ReplayReport
from clickstream_platform.streaming.runtime.report import RunReport
from clickstream_platform.streaming.runtime.side_by_side import usual_jobs
from clickstream_platform.tables import tables
from clickstream_platform.tables.events import COPIES, QUARANTINE
from clickstream_platform.tables.user_patterns import LATE_EVENTS
from clickstream_platform.terminal import ago, cell, dated, grid, show
from clickstream_platform_tests.command import clickstream, in_a_process_of_its_own
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.lakes import at, write
from clickstream_platform_tests.local import local
from clickstream_platform_tests.on_store import needs_a_folder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from typer.testing import Result

TABLES = list(tables(Settings()))


def loaded(name: str) -> TyperCommand | TyperGroup:
    """A command of the table of contents, imported."""
    group = get_group(import_module(f"clickstream_platform.cli.{COMMANDS[name].module}").commands)
    return group.commands.get(name, group)  # pyright: ignore[reportReturnType]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty home, in a folder without a ``.env``, on a machine without Java."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return Home(Settings(home=tmp_path / "home"))


@pytest.fixture
def without_spark(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Commands get no SparkSession; the test says what the engine does."""
    monkeypatch.setattr("clickstream_platform.cli.app.spark_session", lambda settings, **_: nullcontext(None))  # pyright: ignore[reportUnknownLambdaType]
    home.land("a.json")
    return home


@pytest.fixture
def filled(without_spark: Home) -> Home:
    """Every table has a batch."""
    for name in TABLES:
        without_spark.commit(name, rows=1, of=entry(name))
    return without_spark


def report(table: str) -> RunReport:
    """What a run of one batch says."""
    batch = entry(table, rows_in=3, rows_out=2, late_rows=1)
    return RunReport(table, "r", 1, (batch,), 0, None, None, None, None, 0, 2, 1, timedelta(seconds=1.5))


def runs(monkeypatch: pytest.MonkeyPatch, fails_at: str = "", failure: BaseException | None = None) -> None:
    """Let a run of a table end well, or with a failure."""

    def run(table: StreamingTable, *_: object, **__: object) -> RunReport:
        if failure and table.name == fails_at:
            raise failure
        return report(table.name)

    monkeypatch.setattr("clickstream_platform.streaming.runtime.run.run", run)


def found(monkeypatch: pytest.MonkeyPatch, function: str, of: Callable[[str], Any]) -> None:
    """Let ``verify`` or ``validate`` find something for each table."""
    monkeypatch.setattr(f"clickstream_platform.streaming.audit.{function}.{function}", lambda table, *_: of(table.name))  # pyright: ignore[reportUnknownLambdaType]


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


@pytest.mark.usefixtures("impatient")
def test_a_run_over_a_kafka_that_is_down_says_so_before_a_jvm_starts(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKSTREAM_SOURCE", "kafka://127.0.0.1:1/clicks")
    monkeypatch.setattr("clickstream_platform.jvm.session.build_session", None)
    result = clickstream("run")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "127.0.0.1:1 does not answer within 0.2 s" in result.stderr


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


def test_status_names_the_trigger(home: Home) -> None:
    assert "trigger: available now\n" in clickstream("status").stdout
    with lease(home.lake, "sessions", "live", trigger=ProcessingTime(timedelta(seconds=30)).name):
        assert "trigger: every 30 s (sessions)\n" in clickstream("status").stdout


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


def test_run_says_what_each_table_did(without_spark: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    runs(monkeypatch)
    without_spark.land("a.json", "b.json")
    result = clickstream("run", "sessions", "events")
    assert result.exit_code == 0
    assert result.stdout.index("events: 2 files to read") < result.stdout.index("sessions: 0 events to read")
    summary = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines()[-3:] if line}
    assert summary == {
        "events": ["1", "3", "2", "1", "0", "0", "0", "-", "1.5"],
        "sessions": ["1", "3", "2", "1", "0", "-", "-", "-", "1.5"],
    }


def test_a_run_lists_its_landing_folder_once_before_it_begins(
    without_spark: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[str] = []
    scandir = os.scandir

    def counted(path: Any) -> Any:
        listed.append(os.fsdecode(path))
        return scandir(path)

    runs(monkeypatch)
    monkeypatch.setattr(os, "scandir", counted)
    assert clickstream("status").exit_code == 0
    once = listed.count(str(without_spark.landing))
    listed.clear()
    assert clickstream("run", "events").exit_code == 0
    assert listed.count(str(without_spark.landing)) == once > 0


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_a_table_that_fails_does_not_stop_the_others(
    without_spark: Home, monkeypatch: pytest.MonkeyPatch, jobs: str
) -> None:
    runs(monkeypatch, "sessions", TableBusyError("sessions", "run 7 holds it (pid 1 on h)", "wait for that run to end"))
    result = clickstream("run", "--jobs", jobs)
    assert result.exit_code == 1
    assert result.stderr == "sessions: run 7 holds it (pid 1 on h); wait for that run to end\n"
    assert [name for name in TABLES if f"\n{name} " in result.stdout] == [name for name in TABLES if name != "sessions"]
    assert result.stdout.endswith("failed: sessions\n")


def test_every_table_that_fails_is_told(without_spark: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(table: StreamingTable, *_: object, **__: object) -> RunReport:
        if table.name in ("sessions", "alerts"):
            raise StateError(table.name, "it is full", "make room")
        return report(table.name)

    monkeypatch.setattr("clickstream_platform.streaming.runtime.run.run", run)
    result = clickstream("run", "--jobs", "1")
    assert result.exit_code == 1
    assert sorted(result.stderr.splitlines()) == ["alerts: it is full; make room", "sessions: it is full; make room"]
    assert result.stdout.endswith("failed: sessions, alerts\n")


def test_if_events_fails_no_table_that_reads_it_is_begun(without_spark: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    runs(monkeypatch, "events", TableBusyError("events", "run 7 holds it", "wait for that run to end"))
    result = clickstream("run", "--jobs", "4")
    assert result.exit_code == 1
    assert f"failed: events\nnot done: {', '.join(TABLES[1:])}\n" in result.stdout


def test_without_its_jvm_no_other_table_is_begun(without_spark: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    runs(monkeypatch, "sessions", Py4JNetworkError("Answer from Java side is empty"))
    result = clickstream("run", "--jobs", "1")
    assert result.exit_code == 1
    assert f"failed: sessions\nnot done: {', '.join(TABLES[TABLES.index('sessions') + 1 :])}\n" in result.stdout


def test_tables_run_as_many_at_a_time_as_is_said_and_events_alone(
    without_spark: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    on, most, together = list[str](), Counter[int](), Barrier(3)

    def run(table: StreamingTable, *_: object, **__: object) -> RunReport:
        on.append(table.name)
        most[len(on)] += 1
        if table.name in TABLES[1:4]:
            together.wait(60)  # breaks, and fails the run, unless three are on at once
        assert "events" not in on or on == ["events"]
        on.remove(table.name)
        return report(table.name)

    monkeypatch.setattr("clickstream_platform.streaming.runtime.run.run", run)
    assert clickstream("run", "--jobs", "3").exit_code == 0
    assert max(most) == 3
    assert clickstream("run", "--jobs", "0").exit_code == 2


@pytest.mark.parametrize(("cores", "jobs"), [(1, 1), (2, 2), (64, 4)])
def test_as_many_tables_as_cores_are_run_at_a_time_if_nobody_says_so(
    monkeypatch: pytest.MonkeyPatch, cores: int, jobs: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)  # pyright: ignore[reportUnknownLambdaType]
    assert usual_jobs() == jobs


def test_what_spark_raises_is_one_line(without_spark: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    runs(monkeypatch, "events", PySparkException("[STREAM_FAILED] disk full\n== Physical plan ==\njava.lang..."))
    result = clickstream("run")
    assert result.exit_code == 1
    assert result.stderr.startswith("spark: [STREAM_FAILED] disk full; ")
    assert result.stderr.count("\n") == 1


def test_a_table_that_was_stopped_before_it_had_read_all_is_not_done(
    without_spark: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, both = list[str](), Barrier(2)

    def run(table: StreamingTable, *_: object, stop: Event, **__: object) -> RunReport:
        if table.name == "events":
            return report(table.name)
        begun.append(table.name)
        both.wait(60)
        if table.name == begun[0]:
            signal.pthread_kill(main_thread().ident or 0, signal.SIGINT)
        assert stop.wait(60)
        made = report(table.name).batches if table.name == begun[0] else ()
        return replace(report(table.name), batches=made, is_cut_short=True)

    monkeypatch.setattr("clickstream_platform.streaming.runtime.run.run", run)
    result = clickstream("run", "--jobs", "2")
    assert result.exit_code == 130
    assert f"\n{begun[0]} " in result.stdout
    assert f"\n{begun[1]} " not in result.stdout
    assert result.stdout.endswith(f"not done: {', '.join(TABLES[1:])}\n")


@pytest.mark.parametrize("error", ERRORS, ids=[each.name for each in ERRORS])
def test_any_error_of_a_library_is_one_line_that_says_where_to_look(
    without_spark: Home, monkeypatch: pytest.MonkeyPatch, error: Raised
) -> None:
    raised = getattr(import_module(error.module), error.name)
    runs(monkeypatch, "events", raised("it is broken\nat java.lang"))
    result = clickstream("run")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{'lake' if error.of_files else 'spark'}: it is broken; ")
    assert result.stderr.count("\n") == 1


def test_ctrl_c_is_one_line(without_spark: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    runs(monkeypatch, "sessions", KeyboardInterrupt())
    result = clickstream("run")
    assert result.exit_code == 130
    assert result.stderr == "interrupted; what is committed stays, and the next run goes on from there\n"


def test_sigterm_is_one_line_and_the_exit_code_that_supervisors_know(
    without_spark: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(monkeypatch, "sessions", Terminated())
    result = clickstream("run")
    assert result.exit_code == 143
    assert result.stderr == "told to end; what is committed stays, and the next run goes on from there\n"


@pytest.mark.parametrize(
    ("told", "code", "said"), [("SIGTERM", 143, "told to end; "), ("SIGINT", 130, "interrupted; ")]
)
def test_a_process_that_is_told_to_end_says_so_and_exits_as_shells_expect(
    home: Home, told: str, code: int, said: str
) -> None:
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job has none
    program += "from clickstream_platform.cli import main; main()"
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", program, "simulate", "--rate", "1"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()  # it writes from now on
        process.send_signal(getattr(signal, told))
        assert (process.wait(), process.stderr.read()[: len(said)]) == (code, said)


def test_verify_shows_rows_that_only_one_side_has(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"user_id": "u[red]1", "purchases": 3}
    first = (Difference({"user_id": "u[red]1"}, row, None), Difference({"user_id": "u2"}, None, row))
    found(monkeypatch, "verify", lambda name: Verification(name, 4, 7, 1, 1, 0, first if name == "alerts" else (), ()))
    result = clickstream("verify", "alerts")
    assert result.exit_code == 1
    assert "DIFFERS  alerts: 1 missing, 1 extra, 0 different, of 7 rows" in result.stdout
    words = [line.split() for line in result.stdout.splitlines()]
    assert ["user_id=u[red]1"] in words
    assert ["purchases", "3", "no", "such", "row"] in words
    assert ["purchases", "no", "such", "row", "3"] in words


def test_verify_says_how_many_events_a_table_has_left_out(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, "verify", lambda name: Verification(name, 4, 7, 0, 0, 0, (), (), left_out=1_200))
    result = clickstream("verify", "user_patterns")
    assert result.exit_code == 0
    assert "7 rows, as its query over events v4, without 1,200 that came too late (late_events)" in result.stdout


def test_verify_says_what_is_wrong_with_the_ledger(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, "verify", lambda name: Verification(name, -1, 7, 0, 0, 0, (), ("events batch 2 starts at 5",)))
    result = clickstream("verify", "events")
    assert result.exit_code == 1
    assert "events batch 2 starts at 5" in result.stdout


@pytest.mark.parametrize(("blocking", "exit_code", "word"), [(True, 1, "FAILED"), (False, 0, "warning")])
def test_validate_exits_1_if_a_blocking_check_fails(
    filled: Home, monkeypatch: pytest.MonkeyPatch, *, blocking: bool, exit_code: int, word: str
) -> None:
    found(monkeypatch, "validate", lambda name: [CheckResult(name, "unique_key", False, blocking, 2, "No twins.")])
    result = clickstream("validate", "events")
    assert result.exit_code == exit_code
    assert result.stdout == f"{word:9}events unique_key: No twins. Found: 2 rows break it.\n"


def test_simulate_writes_the_landing_folder_and_prints_the_truth(home: Home) -> None:
    result = clickstream("simulate", "--events", "2000", "--malformed", "0", "--future", "0.5", "--only", "2")
    assert result.exit_code == 0
    assert f"4 files in {home.landing}" in result.stdout
    words = [line.split() for line in result.stdout.splitlines()]
    assert ["records", "2,000"] in words
    assert any(line[:1] == ["future_timestamp"] for line in words)
    assert not any(line[:1] == ["malformed_json"] for line in words)
    assert sum(len(file.read_bytes().splitlines()) for file in home.landing.iterdir()) == 1_000


def test_simulate_with_a_rate_is_a_live_feed(home: Home) -> None:
    result = clickstream("simulate", "--rate", "50", "--duration", "0.5")
    assert "50 records written" in result.stdout
    assert len(list(home.landing.iterdir())) == 1


def test_simulate_needs_a_folder_when_the_source_is_none(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_SOURCE", "kafka://127.0.0.1:1/clicks")
    result = clickstream("simulate", "--events", "10")
    assert (result.exit_code, result.stderr.split(":")[0]) == (2, "CLICKSTREAM_SOURCE")
    assert clickstream("simulate", "--events", "10", "--folder", str(home.landing)).exit_code == 0


def test_demo_refuses_a_home_with_other_events(home: Home) -> None:
    home.land("mine.json")
    result = clickstream("demo", "--events", "1000")
    assert (result.exit_code, result.stderr.split(":")[0]) == (2, "CLICKSTREAM_HOME")
    assert "mine.json" in result.stderr
    assert len(list(home.landing.iterdir())) == 1


def test_demo_refuses_a_lake_that_read_other_events(home: Home) -> None:
    home.list_files(0, [home.landing / "gone.json"])
    home.plan("events", 0, {"logOffset": 0})
    assert "gone.json" in clickstream("demo", "--events", "1000").stderr


def test_demo_refuses_rules_that_its_truth_does_not_know(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_ALERT_TOTAL_EVENTS", "3")
    result = clickstream("demo", "--events", "1000")
    assert (result.exit_code, result.stderr.split(":")[0]) == (2, "CLICKSTREAM_ALERT_TOTAL_EVENTS")


def test_a_value_stays_on_its_line_and_steers_no_terminal() -> None:
    assert cell("a\n\x1b[31mb") == "a��[31mb"
    assert cell(b"\xff[bold]") == "�[bold]"
    assert cell(None) == "-"
    assert cell(1_234_567) == "1,234,567"
    assert cell(datetime(1, 1, 1)) == "0001-01-01 00:00:00.000"


def every_command() -> list[tuple[str, ...]]:
    """What can be called, those of ``kafka`` included."""
    groups = {name: loaded(name) for name in COMMANDS}
    below = [(name, sub) for name, group in groups.items() if isinstance(group, TyperGroup) for sub in group.commands]
    return [(name,) for name in COMMANDS] + below


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_help_gives_an_example(home: Home, command: tuple[str, ...]) -> None:
    result = clickstream(*command, "--help")
    assert result.exit_code == 0
    assert "Example: " in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_what_help_lists_is_what_the_command_says_of_itself(name: str) -> None:
    command, listed = loaded(name), COMMANDS[name]
    assert " ".join((command.help or "").partition("\n\n")[0].split()) == listed.help
    if not isinstance(command, TyperGroup):
        assert command.rich_help_panel == listed.panel  # pyright: ignore[reportAttributeAccessIssue]


def test_a_misspelt_command_is_answered_with_the_nearest(home: Home) -> None:
    result = clickstream("statsu")
    assert result.exit_code == 2
    assert "status" in result.stderr


def test_one_machine_has_no_workers(home: Home) -> None:
    assert clickstream("workers").stdout.startswith("local[*]: tasks run in one process on this machine")
    assert json.loads(clickstream("workers", "--json").stdout) == {"master": "local[*]", "workers": []}


def test_version(home: Home) -> None:
    assert clickstream("--version").stdout.startswith("clickstream")


def test_a_stream_warns_of_rejection_in_mass_as_a_run_does(
    without_spark: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = entry("events", rows_in=10, rows_out=1, quarantined=9, reasons={"missing_user_id": 9})
    said = RunReport("events", "r", 1, (batch,), 0, None, None, None, None, 0, 1, 1, timedelta(seconds=1))

    def stream(tables: list[StreamingTable], *about: Any, **_: object) -> None:
        about[3].reported(tables[0], said)

    monkeypatch.setattr("clickstream_platform.streaming.runtime.stream.stream", stream)
    assert (
        "warning: events: 9 of 10 records were rejected (missing_user_id 9)" in clickstream("stream", "events").stdout
    )


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("sta", "status"),
        ("explain sess", "sessions"),
        ("verify events pur", "purchases"),
        ("ledger --table al", "alerts"),
        ("check --mapping seg", "segment"),
    ],
)
def test_completion_is_offered_for_the_shell(
    home: Home, monkeypatch: pytest.MonkeyPatch, typed: str, offered: str
) -> None:
    monkeypatch.setenv("_CLICKSTREAM_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"clickstream {typed}")
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split())))
    assert CliRunner().invoke(program, [], prog_name="clickstream").stdout.split() == [offered]


def test_completion_offers_every_table_without_importing_one() -> None:
    assert tables_like("") == sorted(tables(Settings()))


def test_a_sign_that_the_terminal_has_not_ends_no_command(home: Home) -> None:
    found = in_a_process_of_its_own(home.settings.home, "explain", "n\u00efx", PYTHONIOENCODING="ascii")
    assert (found.returncode, found.stderr[:7]) == (2, "n\\xefx:")


@pytest.mark.parametrize("width", [20, 40, 200])
def test_a_table_of_values_says_all_of_them_at_every_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    monkeypatch.setattr("clickstream_platform.terminal.WIDTH", width)
    rows = [("clickstream_aggregated", "48,181", "2026-11-28 23:39"), ("alerts", "6", "-")]
    show(grid("table", "rows", "watermark (UTC)", rows=rows, cut=("table",)))
    shown = capsys.readouterr().out
    assert all(said in shown for said in ("clickstr", "48,181", "2026-11-28", "23:39", "alerts", "6", "rows"))


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


def test_a_run_over_an_empty_landing_folder_says_what_to_do_and_starts_no_jvm(home: Home) -> None:
    result = clickstream("run")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"nothing has landed in {home.landing} yet: put files of events there")
    assert home.landing.is_dir()


def test_status_counts_the_tables_that_others_write_beside_themselves() -> None:
    assert set(views.LEFT_OUT) == {QUARANTINE.name, COPIES.name, LATE_EVENTS.name}


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


def test_a_time_is_shown_with_its_year_its_zone_and_its_age() -> None:
    minute, now = 60_000, 1_800_000_000_000
    assert dated(now - 3 * minute).startswith("2027-01-15 07:57 UTC, ")
    assert [ago(now - back, now) for back in (5_000, 3 * minute, 200 * minute, 100 * 24 * 60 * minute)] == [
        "5 s ago", "3 min ago", "3 h ago", "100 days ago"
    ]  # fmt: skip
    assert ago(now + 3 * minute, now) == "in 3 min"


def test_what_goes_on_is_said_on_a_terminal_only_and_erased_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("clickstream_platform.cli.progress.PATIENCE", 0.0)
    with show_progress("events: running"):
        print_line("a line")
    assert capsys.readouterr() == ("a line\n", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with show_progress("events: running"):
        time.sleep(0.1)
        print_line("a line")
    out, err = capsys.readouterr()
    assert out == "a line\n"
    assert "events: running ... 0 s" in err
    assert err.endswith("\x1b[2K")


def test_explain_as_json_has_these_keys(home: Home) -> None:
    found = json.loads(clickstream("explain", "sessions", "--json").stdout)
    assert found.keys() == {
        "table", "description", "sentences", "query", "columns", "key", "path", "generation", "checkpoint",
        "has_checkpoint", "sources",
    }  # fmt: skip
    assert found["sentences"] == home.contracts["sessions"].sentences()
    assert found["columns"][0] == {"name": "user_id", "type": "string", "description": "The visitor."}


def test_doctor_as_json_says_what_is_missing(home: Home) -> None:
    result = clickstream("doctor", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["ok"]) == (1, False)
    assert found["findings"][0].keys() == {"name", "ok", "finding", "remedy"}
    assert "java" in {one["name"] for one in found["findings"] if not one["ok"]}


@pytest.mark.parametrize("command", ["verify", "verify sessions", "rebuild sessions"])
def test_where_nothing_was_read_that_is_told_before_a_jvm_starts_and_nothing_is_left_behind(
    home: Home, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("clickstream_platform.jvm.session.build_session", None)
    result = clickstream(*command.split())
    assert (result.exit_code, result.stdout) == (1, "")
    assert " yet; " in result.stderr
    assert not list(home.lake.root.rglob("*"))


def test_a_check_of_nothing_fails_in_a_line_a_table_and_in_json_whole(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clickstream_platform.jvm.session.build_session", None)
    result = clickstream("validate")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1] == f"FAILED   user_activity: {NO_BATCH}, so none of its 3 checks holds"
    assert len(result.stdout.splitlines()) == len(TABLES)
    found = json.loads(clickstream("validate", "user_activity", "--json").stdout)["checks"]
    assert [each["found"] for each in found] == [NO_BATCH] * 3


def test_where_there_is_no_table_the_ledger_is_not_said_to_balance_and_nothing_is_looked_after(home: Home) -> None:
    home.plan("events", 0, {"logOffset": 0}, done=False)
    assert clickstream("ledger").stdout == "no batch is committed yet: `clickstream run`\n"
    assert "there is no table in it yet" in clickstream("maintain").stdout
    assert not list(home.lake.root.rglob("lease"))


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


def test_sql_takes_json_as_every_command_does(home: Home) -> None:
    home.commit("events")
    asked = "select 1 as one"
    assert clickstream("sql", asked, "--json").stdout == clickstream("sql", asked, "--format", "json").stdout != ""


def test_verify_and_validate_as_json_are_one_object(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"user_id": "u", "at": datetime(2024, 3, 1), "price": Decimal("1.5")}
    found(monkeypatch, "verify", lambda name: Verification(name, 4, 7, 1, 0, 0, (Difference({"u": 1}, row, None),), ()))
    result = clickstream("verify", "alerts", "--json")
    said = json.loads(result.stdout)
    assert (result.exit_code, said["clean"], said["tables"][0]["clean"]) == (1, False, False)
    assert said["tables"][0]["first"][0]["expected"] == {"user_id": "u", "at": "2024-03-01 00:00:00", "price": "1.5"}
    found(monkeypatch, "validate", lambda name: [CheckResult(name, "unique_key", False, False, 2, "No twins.")])
    result = clickstream("validate", "alerts", "--json")
    assert (result.exit_code, json.loads(result.stdout)["passed"]) == (0, True)
    assert json.loads(result.stdout)["checks"][0]["name"] == "unique_key"


def test_a_topic_has_as_many_partitions_by_kafka_up_as_by_simulate() -> None:
    assert kafka.PARTITIONS == kafka_producer.PARTITIONS


def test_kafka_status_says_that_no_broker_runs(home: Home) -> None:
    result = clickstream("kafka", "status")
    assert result.exit_code == 1
    assert "it does not run" in result.stdout
    assert json.loads(clickstream("kafka", "status", "--json").stdout)["running"] is False


@pytest.mark.spark
def test_a_run_shows_nothing_of_its_jvm(tmp_path: Path) -> None:
    (tmp_path / "home" / "landing").mkdir(parents=True)
    (tmp_path / "home" / "landing" / "1.json").write_text(json.dumps(event("a")) + "\n")
    result = in_a_process_of_its_own(tmp_path / "home", "run", "events")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("events: 1 file to read\nevents: batch 0 committed: 1 in, 1 out")
    assert "incubator modules" in (tmp_path / "home" / "spark.log").read_text()


@pytest.mark.spark
def test_a_home_that_cannot_be_written_is_warned_of_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "1.json").write_text(json.dumps(event("a")) + "\n")
    apart = {
        f"CLICKSTREAM_{name}": str(tmp_path / folder) for name, folder in (("LAKE", "lake"), ("SOURCE", "landing"))
    }
    result = in_a_process_of_its_own(tmp_path / "file" / "home", "run", "events", cwd=tmp_path, **apart)
    warned = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert (result.returncode, len(warned)) == (0, 2), result.stderr
    assert "spark.log: it cannot be written (Not a directory); " in warned[0]
    assert "queries: what the queries say cannot be written down (Not a directory); " in warned[1]
    assert "events: batch 0 committed: 1 in, 1 out" in result.stdout


@pytest.mark.spark
def test_a_jvm_that_does_not_start_is_one_line_with_its_reason(tmp_path: Path) -> None:
    (landing := tmp_path / "home" / "landing").mkdir(parents=True)
    (landing / "a.json").write_text("{}\n")
    result = in_a_process_of_its_own(tmp_path / "home", "run", CLICKSTREAM_SPARK_DRIVER_MEMORY="90000t")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("spark: its JVM does not start (Could not reserve enough space")
    assert result.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def demo(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Result]]:
    """A small demo, run once: its home, and what it said."""
    home = tmp_path_factory.mktemp("demo") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home.parent)
        for name, value in Lab(spark, Settings(home=home)).environment.items():
            patch.setenv(name, value)
        patch.delenv("DAGSTER_HOME", raising=False)
        patch.setattr("clickstream_platform.cli.app.spark_session", lambda settings, **_: nullcontext(spark))  # pyright: ignore[reportUnknownLambdaType]
        yield home, clickstream("demo", "--events", "2000")


@pytest.mark.spark
@pytest.mark.timeout(600)  # ten runs and their verification come with it, 40 s on two idle cores
def test_the_demo_finds_what_was_simulated(demo: tuple[Path, Result]) -> None:
    _, result = demo
    assert result.exit_code == 0, result.output
    words = [line.split() for line in result.stdout.splitlines()]
    compared = {" ".join(line[: line.index("ok") - 2]): line for line in words if "ok" in line[1:]}
    known = set(TABLES[1:]) - {"processed_events", "user_patterns"}  # the simulator does not count what these hold
    assert {"records read", "accepted", "duplicates", "rejected", *known} <= compared.keys()
    assert compared["records read"][2:4] == ["2,000", "2,000"]
    assert [line[1].rstrip(":") for line in words if line[:1] == ["ok"]] == TABLES
    assert "DIFFERS" not in result.stdout


@pytest.mark.spark
def test_a_second_demo_lands_nothing_and_commits_nothing(demo: tuple[Path, Result]) -> None:
    before = clickstream("status", "--json").stdout
    again = clickstream("demo", "--events", "2000")
    assert again.exit_code == 0
    assert again.stdout.count("was there already") == 2
    assert "committed" not in again.stdout
    assert clickstream("status", "--json").stdout == before


@pytest.mark.spark
def test_verify_shows_the_row_that_someone_changed_and_rebuild_mends_it(
    demo: tuple[Path, Result], spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_a_folder("it is copied")
    shutil.copytree(demo[0], tmp_path / "home")
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path / "home"))
    alerts = f"delta.`{tmp_path / 'home' / 'lake' / 'alerts'}`"
    spark.sql(f"UPDATE {alerts} SET value = 1234 WHERE rule = 'many_events'")
    broken = clickstream("verify", "alerts")
    assert broken.exit_code == 1
    assert "0 missing, 0 extra, 1 different" in broken.stdout
    changed = [line.split() for line in broken.stdout.splitlines() if "1,234" in line]
    assert [(line[0], line[2]) for line in changed] == [("value", "1,234")]
    assert clickstream("rebuild", "alerts").exit_code == 0
    assert clickstream("verify", "alerts").exit_code == 0


@pytest.mark.spark
def test_a_lake_is_looked_after_from_the_command_line(
    demo: tuple[Path, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_a_folder("it is copied")
    shutil.copytree(demo[0], tmp_path / "home")
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLICKSTREAM_SOURCE", str(demo[0] / "landing"))  # a checkpoint knows its source
    found = {
        each["reason"]: each["records"] for each in json.loads(clickstream("quarantine", "--json").stdout)["reasons"]
    }
    assert "unknown_event_type" in clickstream("quarantine").stdout
    monkeypatch.setenv("CLICKSTREAM_FUTURE_TOLERANCE", "P400D")
    assert clickstream("run").exit_code == 0
    replayed = clickstream("replay", "--reason", "future_timestamp")
    assert replayed.exit_code == 0, replayed.output
    assert replayed.stdout.split("records tried")[1].split()[0] == str(found["future_timestamp"])
    user = "u000001"
    (tmp_path / "ids.txt").write_text(f"{user}\n")
    forgotten = clickstream("forget", "--from-file", str(tmp_path / "ids.txt"))
    assert forgotten.exit_code == 0, forgotten.output
    assert "completed" in forgotten.stdout
    assert ", of this user" in clickstream("forget", "--proof", "--user", user).stdout
    assert ", not of this user" in clickstream("forget", "--proof", "--user", "u000002").stdout
    maintained = clickstream("maintain")
    assert maintained.exit_code == 0, maintained.output
    looked_after = [line.split()[0] for line in maintained.stdout.splitlines()[2 : 4 + len(TABLES)]]
    assert looked_after == ["events", "quarantine", *TABLES[1:], "late_events"]
    assert clickstream("verify").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("sessions --from 2026-01-02", "a stretch has both ends"),
        ("sessions --from 2026-01-02 --to yesterday", "--to: 'yesterday' is no time"),
        ("sessions --from 2026-01-02 --to 2026-01-02", "is not after"),
        ("user_patterns --from 2026-01-02 --to 2026-01-03", "no stretch of it can be rebuilt"),
        ("sessions --from 2026-01-02 --to 2026-01-03", "there is no table events yet; run events first"),
    ],
)
def test_a_stretch_that_cannot_be_rebuilt_is_told_without_a_jvm(home: Home, arguments: str, said: str) -> None:
    home.plan("events", 0, {"logOffset": 0}, done=False)
    found = clickstream("rebuild", *arguments.split())
    assert found.exit_code in (1, 2)
    assert said in " ".join(found.stderr.split())


@pytest.mark.parametrize("command", ["run", "stream", "tap", "replay", "fill"])
def test_a_column_that_is_declared_with_another_type_is_told_without_a_jvm(
    home: Home, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (home.settings.home / "mine.toml").parent.mkdir(exist_ok=True)
    (home.settings.home / "mine.toml").write_text('[columns.amount]\ntype = "text"\n')
    write(home, "events", [{"user_id": "u", "event_type": "click", "event_date": at("10:00:00").date()}])
    write(home, "quarantine", [])
    home.land("a.json")
    monkeypatch.setenv("CLICKSTREAM_CONTRACT", "commerce")
    assert "nothing to fill" in clickstream("fill").stdout
    monkeypatch.setenv("CLICKSTREAM_CONTRACT", str(home.settings.home / "mine.toml"))
    found = clickstream(command)
    assert found.exit_code == 2
    assert "amount as decimal(18,4), and it is declared as text now" in " ".join(found.stderr.split())


def test_fill_says_what_it_did_and_the_ledger_on_which_date(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"extra": '{"amount":"9.90","currency":"euro"}', "event_date": at("10:00:00").date()}
    write(home, "events", [{"user_id": "u", "event_type": "click", **extra}])
    assert "no contract is named" in clickstream("fill").stderr
    monkeypatch.setenv("CLICKSTREAM_CONTRACT", "commerce")
    assert "declares no column 'amuont'; say amount" in " ".join(clickstream("fill", "amuont").stderr.split())
    said = clickstream("fill", "amount", "currency")
    assert said.exit_code == 0, said.output
    assert "1 violation of the contract: currency:pattern 1" in said.stdout
    assert "fill of 2024-03-01: 2 values" in clickstream("ledger").stdout
    (amended,) = json.loads(clickstream("ledger", "--json").stdout)["amendments"]
    assert amended["filled"] == {"amount": 1, "currency": 1}


def test_what_cannot_be_looked_after_is_said_without_a_jvm(home: Home) -> None:
    home.plan("events", 0, {"logOffset": 0}, done=False)
    assert "quarantine is empty" in clickstream("quarantine").stdout
    assert "nobody was erased" in clickstream("forget", "--proof").stdout
    assert clickstream("maintain").exit_code == 0
    unknown, too_early, empty = (
        clickstream("replay", "--reason", "typo"), clickstream("replay"), clickstream("forget", "--user", "")
    )  # fmt: skip
    assert unknown.exit_code == 2
    assert "--reason: 'typo' is not allowed; choose from malformed_json, " in unknown.stderr
    assert "run `clickstream run events` first" in too_early.stderr
    assert "an empty id is nobody's" in empty.stderr
    absent = clickstream("forget", "--from-file", "absent.txt")
    assert (absent.exit_code, "absent.txt cannot be read" in absent.stderr) == (2, True)
