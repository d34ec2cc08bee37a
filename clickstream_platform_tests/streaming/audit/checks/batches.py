"""Batches of a table, and what ``check`` finds after each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NoReturn

import pytest

from clickstream_platform.streaming.audit.result import CheckResult
from clickstream_platform.streaming.audit.validate import check
from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.lakes import at, write
from clickstream_platform_tests.local import local

NOW = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)


def no_session() -> NoReturn:
    pytest.fail("this much needs no SparkSession")


def looked(home: Home, table: str) -> dict[str, CheckResult]:
    return {each.name: each for each in check(home.contracts[table], no_session, home.lake, now=NOW)}


def failed(home: Home, table: str) -> dict[str, int | str]:
    return {name: found.found for name, found in looked(home, table).items() if not found.passed}


def kinds(home: Home, table: str) -> set[str]:
    return {each.look.kind for each in looked(home, table).values() if each.look} - {"newest"}


def because(home: Home, table: str) -> set[str]:
    return {each.look.because for each in looked(home, table).values() if each.look} - {""}


def session(user: str, clock: str = "10:00:00", day: int = 1, **fields: Any) -> dict[str, Any]:
    start = at(clock, day)
    usual = {"session_start": start, "session_end": start, "events_in_session": 1, "purchases": 0}
    return {"user_id": user, "session_id": "s", "session_duration_minutes": 0.0, **usual, **fields}


def event(offset: int | None, partition: str = "a.json", clock: str = "10:00:00", **fields: Any) -> dict[str, Any]:
    place = {"source": "file", "partition": partition, "offset": offset}
    usual = {"user_id": "u", "event_type": "click", "timestamp": at(clock), "arrived_at": at(clock)}
    return {**place, **usual, "event_date": at(clock).date(), **fields}


class Batches:
    """Batches of one table, one after another."""

    def __init__(self, home: Home, table: str) -> None:
        self.home, self.table, self.number = home, table, -1

    def __call__(self, rows: Iterable[dict[str, Any]] = (), rejected: int = 0, **fields: Any) -> None:
        self.number += 1
        rows = list(rows)
        counts = {"rows_in": len(rows) + rejected, "rows_out": len(rows), "quarantined": rejected}
        of = entry(self.table, self.number, **counts | fields)
        if rejected:
            write(self.home, "quarantine", [{"record_id": f"{self.number}-{i}"} for i in range(rejected)], of=of)
        write(self.home, self.table, rows, of=of)


def record(home: Home) -> Path:
    return local(home.lake.root / "_checks" / "sessions.json")
