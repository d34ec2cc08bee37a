"""``verify`` and ``validate``: what they print, and their exit codes. No JVM."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal

import pytest

from clickstream_platform.streaming.audit.result import NO_BATCH, CheckResult
from clickstream_platform.streaming.audit.verify import Difference, Verification
from clickstream_platform_tests.cli.engine import TABLES, found
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.homes import Home, entry


def test_verify_shows_rows_that_only_one_side_has(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"user_id": "u[red]1", "purchases": 3}
    first = (Difference({"user_id": "u[red]1"}, row, None), Difference({"user_id": "u2"}, None, row))
    found(monkeypatch, "verify", lambda name: Verification(name, 4, 7, 1, 1, 0, first if name == "alerts" else (), ()))
    result = clickstream("verify", "alerts")
    assert result.exit_code == 1
    assert "DIFFERS  alerts: 1 missing, 1 extra, 0 different, of 7 rows" in result.stdout
    words = [line.split() for line in result.stdout.splitlines()]
    assert ["user_id=u[red]1"] in words
    assert ["purchases", "3", "no", "such", "row"] in words
    assert ["purchases", "no", "such", "row", "3"] in words


def test_verify_says_how_many_events_a_table_has_left_out(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, "verify", lambda name: Verification(name, 4, 7, 0, 0, 0, (), (), left_out=1_200))
    result = clickstream("verify", "user_patterns")
    assert result.exit_code == 0
    assert "7 rows, as its query over events v4, without 1,200 that came too late (late_events)" in result.stdout


def test_verify_says_what_is_wrong_with_the_ledger(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, "verify", lambda name: Verification(name, -1, 7, 0, 0, 0, (), ("events batch 2 starts at 5",)))
    result = clickstream("verify", "events")
    assert result.exit_code == 1
    assert "events batch 2 starts at 5" in result.stdout


def test_verify_compares_the_tables_that_there_are_and_names_those_without_a_batch(
    without_spark: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("events", "sessions"):
        without_spark.commit(name, rows=1, of=entry(name))
    found(monkeypatch, "verify", lambda name: Verification(name, 4, 7, 0, 0, 0, (), ()))
    result = clickstream("verify", "sessions", "alerts", "events")
    assert result.exit_code == 1
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == [
        "ok       events", "ok       sessions", "FAILED   alerts",
    ]  # fmt: skip
    said = json.loads(clickstream("verify", "sessions", "alerts", "--json").stdout)
    assert (said["clean"], said["without_batch"]) == (False, ["alerts"])
    assert [each["table"] for each in said["tables"]] == ["sessions"]


@pytest.mark.parametrize(("blocking", "exit_code", "word"), [(True, 1, "FAILED"), (False, 0, "warning")])
def test_validate_exits_1_if_a_blocking_check_fails(
    filled: Home, monkeypatch: pytest.MonkeyPatch, *, blocking: bool, exit_code: int, word: str
) -> None:
    found(monkeypatch, "validate", lambda name: [CheckResult(name, "unique_key", False, blocking, 2, "No twins.")])
    result = clickstream("validate", "events")
    assert result.exit_code == exit_code
    assert result.stdout == f"{word:9}events unique_key: No twins. Found: 2 rows break it.\n"


def test_a_check_of_nothing_fails_in_a_line_a_table_and_in_json_whole(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clickstream_platform.jvm.session.build_session", None)
    result = clickstream("validate")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1] == f"FAILED   user_activity: {NO_BATCH}, so none of its 3 checks holds"
    assert len(result.stdout.splitlines()) == len(TABLES)
    found = json.loads(clickstream("validate", "user_activity", "--json").stdout)["checks"]
    assert [each["found"] for each in found] == [NO_BATCH] * 3


def test_verify_and_validate_as_json_are_one_object(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"user_id": "u", "at": datetime(2024, 3, 1), "price": Decimal("1.5")}
    found(monkeypatch, "verify", lambda name: Verification(name, 4, 7, 1, 0, 0, (Difference({"u": 1}, row, None),), ()))
    result = clickstream("verify", "alerts", "--json")
    said = json.loads(result.stdout)
    assert (result.exit_code, said["clean"], said["tables"][0]["clean"]) == (1, False, False)
    assert said["tables"][0]["first"][0]["expected"] == {"user_id": "u", "at": "2024-03-01 00:00:00", "price": "1.5"}
    found(monkeypatch, "validate", lambda name: [CheckResult(name, "unique_key", False, False, 2, "No twins.")])
    result = clickstream("validate", "alerts", "--json")
    assert (result.exit_code, json.loads(result.stdout)["passed"]) == (0, True)
    assert json.loads(result.stdout)["checks"][0]["name"] == "unique_key"
