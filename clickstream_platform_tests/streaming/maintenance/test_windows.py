"""What is too old is said before it leaves and booked afterwards; how long files and log stay is set. No JVM."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from deltalake import DeltaTable

from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit.books import ledger_errors
from clickstream_platform.streaming.lake import upkeep
from clickstream_platform.streaming.lake.ledger import RETENTION, Amendment, versioned_lines
from clickstream_platform.streaming.maintenance.housekeeping import maintain
from clickstream_platform.streaming.maintenance.retention import ExpiryPlan, expire_rejected, plan_expiry
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.lakes import at, write

NOW = datetime.now(timezone.utc)
TWO_DAYS, TEN_DAYS = timedelta(days=2), timedelta(days=10)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Events of four days of 2024, and five records that were rejected 1, 5, 9, 13 and 17 days ago."""
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    home = Home(Settings(home=tmp_path / "home"))
    batch = entry(rows_in=11, rows_out=6, quarantined=5)
    days = [1, 1, 1, 2, 3, 4]
    rows = [{"user_id": "u", "timestamp": at("10:00:00", d), "event_date": at("10:00:00", d).date()} for d in days]
    write(home, "events", rows, of=batch)
    rejected = [{"record_id": f"{age}", "arrived_at": NOW - timedelta(days=age)} for age in (1, 5, 9, 13, 17)]
    write(home, "quarantine", rejected, of=batch)
    return home


def test_what_is_too_old_is_counted_by_date_and_nothing_leaves(home: Home) -> None:
    contracts = list(home.contracts.values())
    found = plan_expiry(contracts, home.lake, TWO_DAYS, TEN_DAYS)
    cut = NOW.date() - TEN_DAYS
    assert found == ExpiryPlan(date(2024, 3, 2), {date(2024, 3, 1): 3}, cut, 2)
    assert plan_expiry(contracts, home.lake, None, None) == ExpiryPlan()
    assert home.lake.table("quarantine").rows() == 5


def test_nothing_is_too_old_in_a_lake_that_is_not_there(tmp_path: Path) -> None:
    empty = Home(Settings(home=tmp_path / "none"))
    assert plan_expiry(list(empty.contracts.values()), empty.lake, TWO_DAYS, TEN_DAYS) == ExpiryPlan()


def test_rejected_records_leave_sooner_than_events_and_the_account_still_balances(home: Home) -> None:
    contracts, cut = list(home.contracts.values()), NOW.date() - TEN_DAYS
    assert expire_rejected(contracts, home.lake, cut) == 2
    assert expire_rejected(contracts, home.lake, cut) == 0
    assert (home.lake.table("quarantine").rows(), home.lake.events.rows()) == (3, 6)
    line = next(versioned_lines(home.lake.table("quarantine"))).line
    assert isinstance(line, Amendment)
    assert (line.kind, line.removed, line.before[:10]) == (RETENTION, 2, str(cut))
    assert ledger_errors(home.contracts["events"], home.lake) == []


def test_the_command_line_says_it_before_and_after(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_QUARANTINE_RETENTION", "P10D")
    cut = str(NOW.date() - TEN_DAYS)
    assert f"leave with the next `clickstream maintain`: 2 rejected records of before {cut}" in " ".join(
        clickstream("status").stdout.split()
    )
    assert json.loads(clickstream("status", "--json").stdout)["too_old"]["rejected"] == 2
    said = clickstream("maintain", "--dry-run")
    assert (said.exit_code, f"to leave: 2 rejected records of before {cut}" in said.stdout) == (0, True)
    assert home.lake.table("quarantine").rows() == 5
    done = clickstream("maintain")
    assert done.exit_code == 0, done.output
    assert f"out of the lake: 2 rejected records of before {cut}" in done.stdout
    assert json.loads(clickstream("ledger", "--json").stdout)["amendments"][0]["removed"] == 2
    assert f"retention {cut}" in " ".join(clickstream("ledger").stdout.split())
    assert "nothing is too old" in clickstream("maintain", "--dry-run").stdout


def test_events_that_are_too_old_are_said_by_date(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_RETENTION", "P2D")
    said = " ".join(clickstream("maintain", "--dry-run").stdout.split())
    assert "2024-03-01 3" in said
    assert "to leave: 3 events before 2024-03-02, and the rows that were made of them" in said


@pytest.mark.parametrize(("kept", "is_there"), [(timedelta(hours=1), True), (timedelta(0), False)])
def test_files_stay_as_long_as_is_set(home: Home, kept: timedelta, is_there: bool) -> None:
    before = home.lake.events.files()
    write(home, "events", [{"user_id": "v", "event_date": at("10:00:00", 4).date()}])
    upkeep.compact(home.lake.events.path, 100_000_000)
    left = set(before) - set(home.lake.events.files())
    assert left
    upkeep.vacuum(home.lake.events.path, kept)
    assert {(home.lake.events.path / file).exists() for file in left} == {is_there}


def test_the_log_of_a_table_is_told_how_long_it_is_kept_once(home: Home) -> None:
    contracts, path = list(home.contracts.values()), str(home.lake.events.path)
    maintain(contracts, home.lake)
    version = home.lake.events.version()
    maintain(contracts, home.lake, log_kept=timedelta(days=30))
    assert home.lake.events.version() == version, "thirty days are Delta's own: nothing to be said"
    for _ in range(2):
        maintain(contracts, home.lake, log_kept=timedelta(days=3))
        assert DeltaTable(path).metadata().configuration["delta.logRetentionDuration"] == "interval 72 hours"
        assert home.lake.events.version() == (version or 0) + 1
