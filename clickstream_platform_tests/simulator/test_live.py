"""A live feed of simulated records."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from pathlib import Path

from clickstream_platform.simulator.landing import land_live
from clickstream_platform.simulator.simulation import simulate
from clickstream_platform_tests.simulator.recount import UTC, lines_of, parsed, reason_against, recount
from clickstream_platform_tests.simulator.simulated import hashes


class Clock:
    """A clock that moves when one sleeps, and by ``work`` seconds whenever it is read."""

    def __init__(self, work: float = 0.0) -> None:
        self.at = datetime(2026, 3, 1, tzinfo=UTC)
        self.work = timedelta(seconds=work)
        self.slept: list[float] = []

    def now(self) -> datetime:
        self.at += self.work
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)


def feed(folder: Path, rate: float, seconds: float, clock: Clock | None = None, seed: int = 1) -> int:
    clock = clock or Clock()
    return land_live(folder, rate, seed, duration=timedelta(seconds=seconds), now=clock.now, sleep=clock.sleep)


def test_live_writes_one_file_a_second_at_the_rate_until_its_duration_is_over(tmp_path: Path) -> None:
    assert feed(tmp_path, 20, 30) == 600
    assert [len(lines_of([path])) for path in tmp_path.iterdir()] == [20] * 30


def test_live_at_less_than_one_a_second_skips_files(tmp_path: Path) -> None:
    assert feed(tmp_path, 0.25, 20) == 5
    assert len(list(tmp_path.iterdir())) == 5


def test_live_with_the_same_seed_and_clock_gives_the_same_bytes(tmp_path: Path) -> None:
    feed(tmp_path / "one", 20, 10)
    feed(tmp_path / "two", 20, 10)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


def test_live_sleeps_only_for_the_rest_of_the_second(tmp_path: Path) -> None:
    clock = Clock(work=0.25)
    feed(tmp_path, 20, 3, clock)
    assert set(clock.slept) == {0.75}


def test_live_events_are_of_now_apart_from_the_late_ones_and_the_faults(tmp_path: Path) -> None:
    feed(tmp_path, 100, 60)
    ages: list[float] = []
    for path in tmp_path.iterdir():
        arrival = datetime.fromtimestamp(int(path.stem.split("-")[2]) / 1_000, UTC)
        good = (json.loads(line) for line in lines_of([path]) if not reason_against(line))
        ages += [(arrival - at).total_seconds() for event in good if (at := parsed(event["timestamp"]))]
    assert min(ages) > 0
    assert 0.01 < sum(age > 120 for age in ages) / len(ages) < 0.06


def test_live_has_the_faults_and_the_alerts_of_a_simulation(tmp_path: Path) -> None:
    feed(tmp_path, 25, 600)
    found = recount(lines_of(tmp_path.iterdir()))
    assert sorted(found.quarantined) == sorted(simulate(20_000, 1).truth.quarantined)
    assert min(found.duplicates, found.quarantined["conflicting_duplicate"]) > 50
    assert found.purchase_alerts >= 1
    assert found.event_alerts >= 1


def test_live_reads_the_real_clock_by_default(tmp_path: Path) -> None:
    before = time.time()
    assert land_live(tmp_path, 5, 1, duration=timedelta(milliseconds=10), sleep=lambda _: time.sleep(0.02)) == 5
    (path,) = tmp_path.iterdir()
    assert before - 1 <= int(path.stem.split("-")[2]) / 1_000 <= time.time()
