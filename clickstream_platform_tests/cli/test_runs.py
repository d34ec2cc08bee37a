"""``run`` and ``stream``: what they print, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from threading import Barrier, Event, main_thread
from typing import Any

import pytest
from py4j.protocol import Py4JNetworkError
from pyspark.errors import PySparkException

from clickstream_platform.cli.app import Terminated
from clickstream_platform.cli.libraries import ERRORS, Raised
from clickstream_platform.errors import StateError, TableBusyError
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.runtime.report import RunReport
from clickstream_platform.streaming.runtime.side_by_side import usual_jobs
from clickstream_platform_tests.cli.engine import TABLES, report, runs
from clickstream_platform_tests.command import clickstream, in_a_process_of_its_own
from clickstream_platform_tests.conftest import event
from clickstream_platform_tests.homes import Home, entry


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
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background have none
    try:
        result = clickstream("run", "--jobs", "2")
    finally:
        signal.signal(signal.SIGINT, before)
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
