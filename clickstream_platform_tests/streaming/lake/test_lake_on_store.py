"""A lake on a real store, from the command line: killed, gone on from, looked at, copied to a folder and back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from clickstream_platform.settings import from_env
from clickstream_platform.simulator.counting import OWN, SPARK, Request, count_requests
from clickstream_platform.store.place import StorePath
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.conftest import event
from clickstream_platform_tests.few_records import told_of_few
from clickstream_platform_tests.on_store import AnyStore
from clickstream_platform_tests.stopped_run import Stop

TABLES = ("events", "sessions", "user_activity")
# Several commands in one process, as each JVM takes some seconds to start; then a file lands, and one more is given.
ONE_BY_ONE = """
import json, sys
from clickstream_platform.cli.app import program
from clickstream_platform.settings import from_env
commands, record, last = map(json.loads, sys.argv[1:])
failed = max(program(command, standalone_mode=False) or 0 for command in commands)
settings = from_env()
(settings.place_at(settings.source, "SOURCE") / "c.json").write(json.dumps(record).encode())
sys.exit(failed or program(last, standalone_mode=False) or 0)
"""


@pytest.fixture
def landing(each_store: AnyStore, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StorePath:
    """Where files land for a lake that is on the store, as they do."""
    monkeypatch.chdir(tmp_path)
    for name, value in each_store.environment.items():
        monkeypatch.setenv(name, value)
    for name, value in {
        "HOME": str(tmp_path / "home"),
        "LAKE": place,
        "SOURCE": f"{place}-landing",
        "STORE_ENDPOINT": each_store.endpoint,
        "STORE_ALLOW_HTTP": "true",
        "SPARK_MASTER": "local[2]",
    }.items():
        monkeypatch.setenv(f"CLICKSTREAM_{name}", value)
    return from_env().place_at(f"{place}-landing", "SOURCE")


def land(folder: StorePath, name: str, *records: dict[str, object] | str) -> None:
    lines = (each if isinstance(each, str) else json.dumps(each) for each in records)
    (folder / name).write("".join(f"{line}\n" for line in lines).encode())


def _require_few(tick: list[Request]) -> None:
    """A tick of three tables made 180 requests by this process and 236 by Spark's when it was last counted.

    Each log is read once, some 15 requests a table; then a question is one list, or none. Where each question opens its
    table, they are three times as many. Those that go by the clock do not count: a lease is renewed by it, and what a
    state store has left behind is swept by it.
    """
    by_clock = ("/lease", "/state/")
    found = Counter(each.client for each in tick if not any(name in each.path for name in by_clock))
    assert found[OWN] <= 240, Counter((each.kind, each.path) for each in tick if each.client == OWN)
    assert found[SPARK] <= 320, Counter((each.kind, each.path) for each in tick if each.client == SPARK)


def test_a_lake_on_a_store_is_exact_after_a_kill_and_goes_to_a_folder_and_back(
    landing: StorePath, each_store: AnyStore, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(landing, "a.json", *(event(f"u{i}", f"10:{i:02}:00", event_id=f"{i}") for i in range(30)), "{")
    killed = Stop("kill group", 1, "before").start("run", *TABLES)  # quarantine is committed, events is not
    assert killed.wait(timeout=200) == -signal.SIGKILL
    lake = Lake(from_env().lake_folder)
    assert (lake.table("quarantine").rows(), lake.events.rows()) == (1, 0)
    land(
        landing, "b.json", *(event(f"u{i}", f"09:{i:02}:00", event_id=f"b{i}") for i in range(20)), event(event_id="0")
    )

    with count_requests(each_store.endpoint) as (endpoint, requests):
        commands, late = (
            [["run", *TABLES], ["verify", *TABLES], ["verify", "--source"]],
            event("u0", "12:00:00", event_id="c"),
        )
        ran = subprocess.run(
            [sys.executable, "-c", ONE_BY_ONE, *map(json.dumps, (commands, late, ["run", *TABLES]))],
            env=told_of_few() | {"PYTHONPATH": os.pathsep.join(sys.path), "CLICKSTREAM_STORE_ENDPOINT": endpoint},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    assert ran.returncode == 0, ran.stdout + ran.stderr[-3000:]
    assert ran.stdout.count("ok  ") == 4
    landed = next(n for n, each in enumerate(requests) if each.kind == "PUT" and each.path.endswith("/c.json"))
    _require_few(requests[landed + 1 :])
    # One that says something else under an id of before the kill.
    assert (lake.table("quarantine").rows(), lake.events.rows()) == (2, 51)
    assert [entry.batch_id for entry in entries(lake.events)] == [2, 1, 0]
    assert "nothing new" in clickstream("run", *TABLES).output
    assert "the ledger balances" in clickstream("ledger").output
    counted = "select count(*) as events, count(distinct user_id) as users from events"
    assert clickstream("sql", counted, "--format", "csv").output == "events,users\n51,30\n"
    assert clickstream("maintain").exit_code == 0
    assert not list((tmp_path / "home").rglob("*.parquet"))  # what was staged, by the killed run too, is gone
    backup, other, folder = tmp_path / "backup", f"{place}-other", tmp_path / "folder"
    assert clickstream("backup", str(backup)).exit_code == 0
    for where in (other, str(folder)):
        monkeypatch.setenv("CLICKSTREAM_LAKE", where)
        assert clickstream("restore", str(backup)).exit_code == 0
        assert "the ledger balances" in clickstream("ledger").output
        assert Lake(from_env().lake_folder).events.rows() == 51
    # What lies elsewhere than its checkpoint was made is gone on from: here without a JVM, as nothing is new.
    assert "nothing new" in clickstream("run", *TABLES).output
