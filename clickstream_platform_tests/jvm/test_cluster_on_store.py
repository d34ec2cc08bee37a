"""Runs on a real cluster whose lake is on a real store: staged there by the workers, read from there by the driver."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from clickstream_platform.settings import from_env
from clickstream_platform.simulator.cluster import Cluster, cluster
from clickstream_platform.simulator.landing import write_landing
from clickstream_platform.simulator.seaweed import Seaweed, lend_credentials
from clickstream_platform.simulator.simulation import simulate
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform_tests.conftest import KINDS
from clickstream_platform_tests.on_cluster import EVENTS, RUN_AND_VERIFY, clickstream
from clickstream_platform_tests.stopped_run import Stop
from clickstream_platform_tests.waiting import wait_until


@pytest.fixture(scope="module")
def running(store: Seaweed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One cluster for the module, whose workers have the store's key in their environment."""
    with lend_credentials(store), cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture
def lake(running: Cluster, store: Seaweed, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake on the store, for runs on the cluster."""
    given = {"HOME": str(tmp_path), "LAKE": place, "STORE_ENDPOINT": store.endpoint, "STORE_ALLOW_HTTP": "true"}
    for name, value in {**given, "SPARK_MASTER": running.master}.items():
        monkeypatch.setenv(f"CLICKSTREAM_{name}", value)
    return Lake(from_env().lake_folder)


def staged(lake: Lake) -> list[str]:
    return [file.name for file in (lake.root / "_staging").rglob("*.parquet")]


def test_a_table_of_each_kind_is_exact_though_driver_and_worker_are_killed(
    running: Cluster, lake: Lake, tmp_path: Path
) -> None:
    write_landing(tmp_path / "landing", simulate(EVENTS, seed=1), arrivals=2)
    killed = Stop("kill group", 1, "before").start("run", "events")  # quarantine is committed, events is not
    assert killed.wait(timeout=500) == -signal.SIGKILL
    assert lake.events.rows() == 0
    left = staged(lake)
    assert left

    with clickstream(running, tmp_path, *KINDS, program=RUN_AND_VERIFY) as run:
        wait_until(lambda: {*staged(lake)} - {*left}, run)
        running.workers[0].kill()
        said, errors = run.communicate(timeout=500)

    assert run.returncode == 0, said + errors
    assert staged(lake) == []
    assert not list(lake.root.glob("_probe-*"))
    assert not list(tmp_path.rglob("*.parquet"))  # nothing is staged on the driver's host
    assert sum(entry.rows_in for entry in entries(lake.events)) > EVENTS / 2
