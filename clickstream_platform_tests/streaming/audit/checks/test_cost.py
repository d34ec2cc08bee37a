"""A check costs what is new, and finds what a look at everything finds. No JVM."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable

from clickstream_platform.streaming.audit.increment import Increment
from clickstream_platform.streaming.audit.shares import RUNS
from clickstream_platform.streaming.audit.validate import check
from clickstream_platform.streaming.lake.delta_log import DeltaLog
from clickstream_platform.streaming.lake.roll_up import roll_up
from clickstream_platform_tests.homes import Home
from clickstream_platform_tests.lakes import at, write
from clickstream_platform_tests.local import local
from clickstream_platform_tests.streaming.audit.checks.batches import NOW, Batches, event, failed, record, session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The data files that are opened, and the commits that are read."""
    found: list[str] = []
    opened, committed = Increment.dataset, DeltaLog._log  # type: ignore[attr-defined]

    def dataset(self: Increment, files: Iterable[str]) -> Any:
        files = list(files)
        found.extend(files)
        return opened(self, files)

    def log(self: DeltaLog, version: int) -> Path:
        found.append(f"{self.path.name} {version}")
        return local(committed(self, version))

    monkeypatch.setattr(Increment, "dataset", dataset)
    monkeypatch.setattr(DeltaLog, "_log", log)
    return found


@pytest.mark.parametrize("table", ["events", "sessions", "purchases"])
def test_what_is_read_does_not_grow_with_the_table(home: Home, reads: list[str], table: str) -> None:
    batches, other = Batches(home, "events"), Batches(home, table)

    def batch(day: int) -> None:
        rows = [{**event(i, f"{batches.number}.json"), "timestamp": at("10:00:00", day)} for i in range(20)]
        batches(rows, rejected=1)
        if table != "events":
            other([session(str(batches.number), day=day)] if table == "sessions" else [], events_version=batches.number)

    def tick(day: int) -> int:
        assert failed(home, table) == {}
        batch(day)
        before = len(reads)
        assert failed(home, table) == {}
        return len(reads) - before

    for day in range(1, 3 + RUNS):  # so many are asked what is usual
        batch(day)
    young = tick(RUNS + 3)
    roll_up(home.lake.events)
    for i in range(40):
        batch(1 + i % 28)
    assert tick(30) <= young


def test_looks_at_what_is_new_find_what_a_look_at_everything_finds(home: Home, tmp_path: Path) -> None:
    random = Random(5)
    fresh = replace(home, settings=home.settings)
    batches = Batches(home, "sessions")
    batches([])
    path = str(home.lake.table("sessions").path)
    for _ in range(14):
        users = [session(str(random.randrange(40)), f"1{random.randrange(3)}:00:00") for _ in range(2)]
        match random.randrange(6):
            case 0:
                write(home, "sessions", [session("bad", purchases=-1)])
            case 1:
                DeltaTable(path).delete("purchases < 0 OR user_id > '2'")
            case 2:
                DeltaTable(path).optimize.compact()
            case _:
                write(home, "sessions", users)
        kept = record(home).read_text() if record(home).exists() else None
        step = set(failed(home, "sessions"))
        after = record(home).read_text()
        record(home).unlink()
        assert set(failed(fresh, "sessions")) == step, kept
        record(home).write_text(after)


def test_too_much_for_this_process_is_left_to_spark(
    home: Home, sessions: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clickstream_platform.streaming.audit.new_rows.MUCH", 1)

    def asked() -> SparkSession:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        check(home.contracts["sessions"], asked, home.lake, now=NOW + timedelta(0))
