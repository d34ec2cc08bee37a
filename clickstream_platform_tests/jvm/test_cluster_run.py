"""Runs on a real cluster: a standalone master and two workers, each a process of its own with one core."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clickstream_platform.simulator.cluster import Cluster, cluster
from clickstream_platform.simulator.landing import write_landing
from clickstream_platform.simulator.simulation import simulate
from clickstream_platform_tests.on_cluster import EVENTS, RUN_AND_VERIFY, clickstream
from clickstream_platform_tests.waiting import wait_until

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One cluster for the module. Its first worker is dead after the first test."""
    with cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


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
