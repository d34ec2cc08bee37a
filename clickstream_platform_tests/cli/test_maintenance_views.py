"""Commands that look after a lake: what they refuse without a JVM, and what they say."""

from __future__ import annotations

import json

import pytest

from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.homes import Home
from clickstream_platform_tests.lakes import at, write


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("sessions --from 2026-01-02", "a stretch has both ends"),
        ("sessions --from 2026-01-02 --to yesterday", "--to: 'yesterday' is no time"),
        ("sessions --from 2026-01-02 --to 2026-01-02", "is not after"),
        ("user_patterns --from 2026-01-02 --to 2026-01-03", "no stretch of it can be rebuilt"),
        ("sessions --from 2026-01-02 --to 2026-01-03", "there is no table events yet; run events first"),
    ],
)
def test_a_stretch_that_cannot_be_rebuilt_is_told_without_a_jvm(home: Home, arguments: str, said: str) -> None:
    home.plan("events", 0, {"logOffset": 0}, done=False)
    found = clickstream("rebuild", *arguments.split())
    assert found.exit_code in (1, 2)
    assert said in " ".join(found.stderr.split())


@pytest.mark.parametrize("command", ["run", "stream", "tap", "replay", "fill"])
def test_a_column_that_is_declared_with_another_type_is_told_without_a_jvm(
    home: Home, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (home.settings.home / "mine.toml").parent.mkdir(exist_ok=True)
    (home.settings.home / "mine.toml").write_text('[columns.amount]\ntype = "text"\n')
    write(home, "events", [{"user_id": "u", "event_type": "click", "event_date": at("10:00:00").date()}])
    write(home, "quarantine", [])
    home.land("a.json")
    monkeypatch.setenv("CLICKSTREAM_CONTRACT", "commerce")
    assert "nothing to fill" in clickstream("fill").stdout
    monkeypatch.setenv("CLICKSTREAM_CONTRACT", str(home.settings.home / "mine.toml"))
    found = clickstream(command)
    assert found.exit_code == 2
    assert "amount as decimal(18,4), and it is declared as text now" in " ".join(found.stderr.split())


def test_fill_says_what_it_did_and_the_ledger_on_which_date(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"extra": '{"amount":"9.90","currency":"euro"}', "event_date": at("10:00:00").date()}
    write(home, "events", [{"user_id": "u", "event_type": "click", **extra}])
    assert "no contract is named" in clickstream("fill").stderr
    monkeypatch.setenv("CLICKSTREAM_CONTRACT", "commerce")
    assert "declares no column 'amuont'; say amount" in " ".join(clickstream("fill", "amuont").stderr.split())
    said = clickstream("fill", "amount", "currency")
    assert said.exit_code == 0, said.output
    assert "1 violation of the contract: currency:pattern 1" in said.stdout
    assert "fill of 2024-03-01: 2 values" in clickstream("ledger").stdout
    (amended,) = json.loads(clickstream("ledger", "--json").stdout)["amendments"]
    assert amended["filled"] == {"amount": 1, "currency": 1}


def test_what_cannot_be_looked_after_is_said_without_a_jvm(home: Home) -> None:
    home.plan("events", 0, {"logOffset": 0}, done=False)
    assert "quarantine is empty" in clickstream("quarantine").stdout
    assert "nobody was erased" in clickstream("forget", "--proof").stdout
    unnamed = clickstream("forget")
    assert (unnamed.exit_code, unnamed.stderr[:24]) == (2, "forget: nobody is named;")
    assert clickstream("maintain").exit_code == 0
    unknown, too_early, empty = (
        clickstream("replay", "--reason", "typo"), clickstream("replay"), clickstream("forget", "--user", "")
    )  # fmt: skip
    assert unknown.exit_code == 2
    assert "--reason: 'typo' is not allowed; choose from malformed_json, " in unknown.stderr
    assert "run `clickstream run events` first" in too_early.stderr
    assert "an empty id is nobody's" in empty.stderr
    absent = clickstream("forget", "--from-file", "absent.txt")
    assert (absent.exit_code, "absent.txt cannot be read" in absent.stderr) == (2, True)
