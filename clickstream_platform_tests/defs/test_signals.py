"""Ctrl-C, or a supervisor's SIGTERM, in the middle of a run: it ends, its JVM too, and nothing is lost or doubled."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
DG = Path(sys.executable).with_name("dg")


@pytest.fixture
def launched(lab: Lab, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``dg launch --assets '*'`` in a process group of its own, as a shell starts it."""
    lab.land(*[event(f"u{n}") for n in range(1_000)])
    env = {**os.environ, **lab.environment, "CLICKSTREAM_SPARK_DRIVER_MEMORY": "1g"}
    before = set(ROOT.glob(".tmp_dagster_home_*"))
    with (tmp_path / "log").open("wb") as log:
        command = [DG, "launch", "--assets", "*"]
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        for left in set(ROOT.glob(".tmp_dagster_home_*")) - before:
            shutil.rmtree(left)


def members(group: int) -> list[str]:
    """The processes of a group that are alive: ``java``, for one."""
    said = subprocess.run(["ps", "-A", "-o", "pgid=,stat=,comm="], capture_output=True, text=True, check=True).stdout
    found = [line.split(None, 2) for line in said.splitlines()]
    return [name for pgid, state, name in found if int(pgid) == group and not state.startswith("Z")]


@pytest.mark.spark
@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM"])
def test_an_interrupted_launch_leaves_no_jvm_and_the_next_run_completes_it(
    lab: Lab, launched: subprocess.Popen[bytes], sent: str
) -> None:
    planned = lab.lake.checkpoints("events") / "1" / "offsets" / "0"
    wait_until(planned.exists, launched)
    assert "java" in members(launched.pid)
    if sent == "SIGINT":
        os.killpg(launched.pid, signal.SIGINT)  # a terminal sends it to the whole group
    else:
        launched.terminate()
    assert launched.wait(60) != 0
    wait_until(lambda: members(launched.pid) == [])
    lab.run("events")
    assert lab.table("events").count() == 1_000
    lab.assert_exact("events")
