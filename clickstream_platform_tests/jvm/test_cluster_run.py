"""Runs on a real cluster: a standalone master and two workers, each a process of its own with one core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clickstream_platform.simulator.cluster import Cluster, cluster
from clickstream_platform.simulator.landing import write_landing
from clickstream_platform.simulator.simulation import simulate
from clickstream_platform_tests.waiting import wait_until

pytestmark = pytest.mark.spark
EVENTS = 6_000
PROGRAM = "import sys; from clickstream_platform.cli import main; sys.exit(main())"
# All tables and then their verification in one session: each start of one takes its seconds.
RUN_AND_VERIFY = """
import sys
from clickstream_platform.cli import app, checks, runs
from clickstream_platform.cli.ready import lake_of
from clickstream_platform.settings import from_env
from clickstream_platform.tables import selected

settings = from_env()
contracts, lake = selected(settings, []), lake_of(settings, to_write=True)
with app.spark_session(settings) as spark:
    runs.run_all(contracts, spark, lake, runs.hooks())
    found = list(checks.verified(contracts, spark, lake))
sys.exit(len(found) != len(contracts) or not all(each.clean for each in found))
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One cluster for the module. Its first worker is dead after the first test."""
    with cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@contextmanager
def clickstream(
    running: Cluster, home: Path, *arguments: str, program: str = PROGRAM, **settings: str
) -> Generator[subprocess.Popen[str]]:
    """The command line on the cluster, or another program, in a process of its own."""
    given = {"HOME": str(home), "SPARK_MASTER": running.master, **settings}
    environment = os.environ | {f"CLICKSTREAM_{name}": value for name, value in given.items()}
    command = [sys.executable, "-c", program, *arguments]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_all_tables_are_exact_though_a_worker_is_killed_in_the_midst_of_events(
    running: Cluster, tmp_path: Path
) -> None:
    write_landing(tmp_path / "landing", simulate(EVENTS, seed=1), arrivals=2)
    lake = tmp_path / "lake"
    with clickstream(running, tmp_path, program=RUN_AND_VERIFY) as run:
        wait_until(lambda: any((lake / "_staging").glob("*.parquet")), run)
        running.workers[0].kill()
        assert not any((lake / "_checkpoints" / "events").glob("*/commits/*"))
        said, errors = run.communicate(timeout=500)

    assert run.returncode == 0, said + errors
    assert not list(lake.glob("_probe-*"))


def test_a_worker_without_the_packages_is_told_before_anything_is_read(running: Cluster, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')  # -S: nothing that is installed
    python.chmod(0o755)
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "a.json").write_text("{}\n")

    with clickstream(running, tmp_path, "run", SPARK_WORKER_PYTHON=str(python)) as run:
        _, errors = run.communicate(timeout=200)

    assert run.returncode == 1
    assert "has no msgspec; install what requirements.lock lists on every worker" in " ".join(errors.split())
    assert not (tmp_path / "lake" / "events").exists()


def test_a_run_for_which_no_worker_has_room_ends(running: Cluster, tmp_path: Path) -> None:
    conf = json.dumps({"spark.executor.memory": "900g"})
    with clickstream(running, tmp_path, "workers", SPARK_CONF=conf, SPARK_WAIT="PT3S") as asked:
        _, errors = asked.communicate(timeout=200)

    assert asked.returncode == 1
    assert f"{running.master}: no worker had a core for this run within 0:00:03" in " ".join(errors.split())
