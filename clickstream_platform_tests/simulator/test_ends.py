"""On which day simulated events end: at today, unless another day is asked for."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from clickstream_platform.simulator.demo import demo_end, keep_end, simulate_demo
from clickstream_platform.simulator.landing import write_landing
from clickstream_platform.simulator.simulation import simulate, start_before
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.simulator.simulated import hashes


def today() -> date:
    return datetime.now(timezone.utc).date()


def newest(folder: Path) -> str:
    lines = [line for file in folder.iterdir() for line in file.read_bytes().splitlines()]
    return max(json.loads(line)["timestamp"] for line in lines)


def test_simulated_events_end_with_yesterday(tmp_path: Path) -> None:
    before = today()
    faultless = ("--malformed", "0", "--future", "0")
    assert clickstream("simulate", "--events", "500", "--folder", str(tmp_path), *faultless).exit_code == 0
    assert newest(tmp_path)[:10] in {str(day - timedelta(days=1)) for day in (before, today())}


def test_the_end_that_is_asked_for_gives_the_same_bytes_on_any_day(tmp_path: Path) -> None:
    asked = ("simulate", "--events", "500", "--end", "2026-03-31", "--folder", str(tmp_path / "asked"))
    assert clickstream(*asked).exit_code == 0
    write_landing(tmp_path / "fixed", simulate(500, 1, start_before(date(2026, 3, 31))))
    assert hashes(tmp_path / "asked") == hashes(tmp_path / "fixed")


@pytest.mark.parametrize("end", ["31.3.2026", "tomorrow"])
def test_an_end_that_is_no_day_is_refused(tmp_path: Path, end: str) -> None:
    result = clickstream("simulate", "--end", end, "--folder", str(tmp_path / "landing"))
    assert result.exit_code == 2
    assert not (tmp_path / "landing").exists()


def test_the_numbers_of_the_demo_are_the_same_on_any_day() -> None:
    days = [date(2026, 1, 12), date(2026, 3, 31), date(2030, 12, 31)]
    assert len({str(simulate_demo(2_000, day).truth) for day in days}) == 1


def test_the_demo_ends_at_today_and_a_second_one_on_another_day_where_the_first_did(tmp_path: Path) -> None:
    assert demo_end(tmp_path, None) == today()
    keep_end(tmp_path / "home", date(2026, 3, 31))
    assert demo_end(tmp_path / "home", None) == date(2026, 3, 31)
    assert demo_end(tmp_path / "home", date(2026, 4, 1)) == date(2026, 4, 1)
