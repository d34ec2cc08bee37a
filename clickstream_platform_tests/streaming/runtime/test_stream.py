"""Tables side by side with processing-time triggers: exact while they run, started again when they fail, stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from clickstream_platform.errors import SourceError, TableBusyError
from clickstream_platform.settings import Settings
from clickstream_platform.simulator.landing import land_live
from clickstream_platform.streaming.contract.trigger import AvailableNow, Once
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.lease import holder_trigger, lease
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.lag import lag
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.run import run
from clickstream_platform.streaming.runtime.stream import require_inputs
from clickstream_platform.tables import tables
from clickstream_platform_tests.conftest import KINDS, Lab, event, without_a_column
from clickstream_platform_tests.few_records import told_of_few
from clickstream_platform_tests.local import local
from clickstream_platform_tests.streamed import EVERY_SECOND, streaming
from clickstream_platform_tests.waiting import is_alive, wait_until

PURCHASES = [event("u1", f"12:00:{i:02}", event_type="purchase") for i in range(6)]  # an alert


@pytest.mark.spark
def test_a_column_that_events_gains_stops_a_stream_of_another_process_once_and_its_own_never(lab: Lab) -> None:
    now = lab.only("events", "sessions", "user_activity").contracts
    without_a_column(lab, "ip_address").land(event())
    lab.run()
    with streaming(lab, "sessions") as going:
        wait_until(lambda: local(lab.lake.checkpoints("sessions")).joinpath("1", "looked_at").exists())
        lab.land(event(at="10:01:00"))
        lab.run("events")
        going.read_all()
        lab.contracts = now
        lab.land(event(at="10:02:00"))
        lab.run("events")
        going.read_all()
    assert [(name, failure) for name, failure, _ in going.failures] == [
        ("sessions", "sessions: events has gained a column meanwhile; run it again: it goes on")
    ]
    lab.assert_exact("events", "sessions")


@pytest.mark.spark
def test_tables_that_are_started_together_wait_for_the_columns_that_events_gains(lab: Lab) -> None:
    now = lab.only("events", "sessions", "user_activity").contracts
    without_a_column(lab, "ip_address").land(event())
    lab.run()
    lab.contracts = now
    lab.land(event(at="10:02:00"))
    with streaming(lab) as going:
        going.read_all()
    assert going.failures == []
    lab.assert_exact()


@pytest.mark.spark
def test_a_stream_is_exact_tells_alerts_on_the_way_and_starts_a_failed_query_again(lab: Lab) -> None:
    rows_of_alerts: list[int] = []
    faults = [OSError("the disk is full")]

    def committed(entry: Entry) -> None:
        if entry.table == "user_activity" and entry.batch_id > 0 and faults:
            raise faults.pop()  # its rows are committed, the checkpoint does not know it yet

    hooks = Hooks(committed=committed, ended=lambda table: rows_of_alerts.append(lab.lake.table("alerts").rows()))
    lab.land(event(at="10:00:00"), event(at="12:00:00"), "{")
    with streaming(lab, hooks=hooks) as going:
        going.read_all()
        lab.land(event(at="10:01:00"), *PURCHASES)  # late, and more purchases than usual
        going.read_all()
        assert 1 in rows_of_alerts  # told while the stream goes on, and then the row is there
        assert holder_trigger(lab.lake, "alerts") == "every 1 s"
    assert [(table, pause) for table, _, pause in going.failures] == [("user_activity", 1.0)]
    assert "the disk is full" in going.failures[0][1]
    assert {report.table for report in going.reports} == set(lab.contracts)
    assert sum(report.rows_in for report in going.reports if report.table == "events") == 10
    for name in lab.contracts:  # queries side by side: no commit carries another table's transaction
        booked = list(entries(lab.lake.table(name)))
        assert {(entry.table, entry.run_id) for entry in booked} == {(name, "live")}
        assert not any(lab.lake.table(name).transaction(f"{other}/1") for other in lab.contracts if other != name)
    lab.assert_exact()
    assert all(not report.batches for report in lab.run().values())  # leases are free, everything is read


@pytest.mark.spark
def test_a_stream_reads_all_sources_of_a_table_and_goes_on_without_one_that_vanishes(lab: Lab, tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("main", "history")}
    lab = lab.reading(json.dumps({name: str(folder) for name, folder in folders.items()}))
    for folder in folders.values():  # the same events in both: their batches must see each other's
        lab.land(*(event(f"u{i}", event_id=f"{i}") for i in range(20)), into=folder)
    with streaming(lab, "events") as going:
        going.read_all()
        folders["history"].rename(tmp_path / "away")
        lab.land(event("new"), into=folders["main"])
        wait_until(lambda: lab.lake.events.rows() == 21 and going.failures)
        assert "the folder of the source 'history' is not there" in going.failures[0][1]
        (tmp_path / "away").rename(folders["history"])
        lab.land(event("old"), into=folders["history"])
        wait_until(lambda: lab.lake.events.rows() == 22)
    assert {entry.source for entry in entries(lab.lake.events)} == {"main", "history"}
    assert sum(entry.copies.duplicates for entry in entries(lab.lake.events)) == 20
    lab.assert_exact("events")


@pytest.mark.spark
def test_a_table_goes_on_from_its_checkpoint_under_another_trigger(lab: Lab) -> None:
    names = ("events", "user_activity")
    for hour, trigger in enumerate([AvailableNow(), Once(), EVERY_SECOND, AvailableNow()]):
        lab.land(event(at=f"{10 + hour}:00:00"), event(at=f"{9 + hour}:58:00"))
        if trigger == EVERY_SECOND:
            with streaming(lab, *names) as going:
                going.read_all()
            continue
        for name in names:
            run(replace(lab.contracts[name], trigger=trigger), lab.spark, lab.lake)
    booked = list(entries(lab.lake.table("events")))
    assert [entry.batch_id for entry in sorted(booked, key=lambda e: e.batch_id)] == [0, 1, 2, 3]
    assert {path.name for path in lab.lake.checkpoints("events").glob("[0-9]*")} == {"1"}
    lab.assert_exact(*names)


@pytest.mark.spark
def test_a_run_of_a_contract_with_an_interval_ends(lab: Lab) -> None:
    lab.land(event())
    report = run(replace(lab.contracts["events"], trigger=EVERY_SECOND), lab.spark, lab.lake)
    assert report.rows_in == 1


@pytest.mark.spark
def test_a_table_that_another_process_writes_waits_for_its_lease(lab: Lab) -> None:
    lab.land(event())
    with lease(lab.lake, "events", "a Dagster run"), streaming(lab, "events") as going:
        wait_until(lambda: len(going.failures) >= 2)
    assert [pause for _, _, pause in going.failures[:2]] == [1.0, 2.0]
    assert "run a Dagster run holds it" in going.failures[0][1]


def test_tables_whose_input_is_nowhere_are_refused_before_anything_starts(tmp_path: Path) -> None:
    contracts, lake = tables(Settings(home=tmp_path)), Lake(tmp_path / "lake")
    require_inputs(list(contracts.values()), lake)
    with pytest.raises(SourceError, match="sessions: there is no table events yet"):
        require_inputs([contracts["sessions"]], lake)


@pytest.mark.spark
def test_sigterm_ends_a_stream_cleanly_and_dagster_has_seen_it(lab: Lab, tmp_path: Path) -> None:
    names = ("events", "sessions", "purchases")
    lab.only(*names).land(*(event(f"u{i}") for i in range(20)))
    process = started(lab, *names, DAGSTER_HOME=str(tmp_path))
    wait_until(lambda: bool(lab.lake.table("purchases").version()), process)
    with pytest.raises(TableBusyError, match=f"pid {process.pid}"):
        lab.run("events")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    wait_until(lambda: not is_alive(process.pid))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        told = instance.get_latest_materialization_event(dg.AssetKey("events"))
    assert told is not None
    assert told.asset_materialization is not None
    assert told.asset_materialization.metadata["rows_in"].value == 20
    lab.run()
    lab.assert_exact()


@pytest.mark.spark
@pytest.mark.parametrize(("whom", "exit_code"), [("everybody", 0), ("the JVM", 1)])
def test_a_stream_whose_jvm_ends_ends_too(lab: Lab, whom: str, exit_code: int) -> None:
    lab.land(event())
    process = started(lab, "events", "purchases")
    wait_until(lambda: bool(lab.lake.table("purchases").version()), process)
    if whom == "everybody":  # as systemd does: Python and the JVM at once
        os.killpg(process.pid, signal.SIGTERM)
    else:
        os.kill(jvm_of(process.pid), signal.SIGKILL)
    assert process.wait(timeout=60) == exit_code
    assert ("spark: its JVM has ended" in errors_of(lab)) == (whom == "the JVM")
    wait_until(lambda: not is_alive(process.pid))
    lab.run("events", "purchases")
    lab.assert_exact("events", "purchases")


@pytest.mark.spark
def test_500_records_a_second_are_read_whole_and_within_their_memory(lab: Lab) -> None:
    """``bench/stream.py`` looks for longer, and at the lag on the way."""
    process = started(lab.only(*KINDS), *KINDS, CLICKSTREAM_SPARK_DRIVER_MEMORY="1g")
    written = land_live(lab.landing, 500, seed=1, duration=timedelta(seconds=20))
    wait_until(lambda: not any(lag(table, lab.lake).amount for table in lab.contracts.values()), process)
    assert peak_of(jvm_of(process.pid)) < 2_000  # MB: the heap, and as much again for all the rest
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    assert sum(entry.rows_in for entry in entries(lab.lake.events)) == written
    lab.assert_exact()


def peak_of(pid: int) -> int:
    """The most megabytes that a process has held."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) // 1024


def started(lab: Lab, *names: str, **environment: str) -> subprocess.Popen[bytes]:
    program = "from clickstream_platform.cli import main; main()"
    arguments = [sys.executable, "-c", program, "stream", "--every", "1 second", *names]
    environment = told_of_few({**os.environ, **lab.environment, **environment})
    with (lab.settings.home.parent / "errors").open("wb") as errors:
        process = subprocess.Popen(arguments, env=environment, stderr=errors, start_new_session=True)
    _started.append(process)
    return process


_started: list[subprocess.Popen[bytes]] = []


@pytest.fixture(autouse=True)
def no_stream_outlives_its_test() -> Iterator[None]:
    yield
    for process in _started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    _started.clear()


def errors_of(lab: Lab) -> str:
    return (lab.settings.home.parent / "errors").read_text()


def jvm_of(pid: int) -> int:
    """The Java process in the group of a process."""
    found = subprocess.run(["ps", "-o", "pid=,comm=", "-g", str(pid)], capture_output=True, text=True, check=True)
    return next(int(line.split()[0]) for line in found.stdout.splitlines() if line.split()[1] == "java")
