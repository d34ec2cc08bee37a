"""The keys of ``--json``, which stay: docs/operations.md names each that is printed."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from clickstream_platform.cli.account import account_fields
from clickstream_platform.cli.duplicates import duplicates_fields
from clickstream_platform.cli.late import late_fields
from clickstream_platform.jvm.probe import Worker
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit.result import CheckResult
from clickstream_platform.streaming.audit.source_account import SourceAccount
from clickstream_platform.streaming.audit.verify import Verification
from clickstream_platform.streaming.observe.duplicates import DuplicateReport
from clickstream_platform.streaming.observe.late import LateReport
from clickstream_platform.streaming.sources.recount import Recount
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.homes import Home, entry

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
ACCOUNT = SourceAccount({"main": Recount("files")}, 0, 0, 0, 0, 0, {}, (), {"main": 0})


def documented(command: str) -> set[str]:
    """The words of a command's row in the table of keys."""
    (row,) = re.findall(rf"^\| `{re.escape(command)}` \| (.* \|)$", PAGE.read_text(), re.MULTILINE)
    return set(re.findall(r"`(\w+)`", row))


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("status", ["status"]),
        ("status TABLE", ["status", "events"]),
        ("explain", ["explain", "sessions"]),
        ("ledger", ["ledger"]),
        ("check", ["check", "events.json"]),
        ("doctor", ["doctor"]),
        ("kafka status", ["kafka", "status"]),
    ],
)
def test_every_key_that_is_printed_is_documented(
    command: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path / "home"))
    Path("events.json").write_text('{"user_id": "u"}\n')
    Home(Settings(home=tmp_path / "home")).commit("events", of=entry())

    printed = json.loads(clickstream(*arguments, "--json").stdout)

    assert printed.keys() <= documented(command)


def test_every_key_of_what_needs_data_or_a_jvm_is_documented() -> None:
    assert account_fields(ACCOUNT).keys() <= documented("verify --source")
    assert duplicates_fields(DuplicateReport(0, 0, 0, ())).keys() <= documented("duplicates")
    assert late_fields(LateReport(0, 0, ())).keys() <= documented("late")
    assert {each.name for each in fields(Verification)} <= documented("verify")
    assert {each.name for each in fields(CheckResult)} <= documented("validate")
    assert {each.name for each in fields(Worker)} <= documented("workers")
