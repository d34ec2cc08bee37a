"""A home that has no lake, as a misspelt one: every command says so, and leaves nothing in it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from clickstream_platform.cli.contents import COMMANDS
from clickstream_platform_tests.command import clickstream

# What asks or changes a lake: where there is none, it ends with exit code 1.
NEED_ONE = (
    *("rebuild sessions", "ledger", "ledger --json", "quarantine", "quarantine --json", "duplicates", "late"),
    *('sql "select 1"', "report", "verify", "verify --source", "replay", "fill", "forget --user u", "forget --proof"),
    *("register thrift://127.0.0.1:1", "backup ../copy", "moved", "reset", "reset --yes", "maintain"),
    *("maintain --dry-run", "skip a.json"),
)
# What shows how a lake stands, or would: it says that there is none.
SAY_SO = ("status", "explain sessions", "validate")
# What makes one, of an input that is misspelt too.
BEGIN_ONE = ("run", "stream", "restore ../copy")
HAVE_NONE = {"demo", "simulate", "kafka", "tap", "check", "contract", "doctor", "workers"}


@pytest.fixture(params=["absent", "empty", "a folder of an earlier attempt"])
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without a lake; its folder source is not there."""
    home = tmp_path / "home"
    if request.param != "absent":
        home.mkdir()
    if request.param not in ("absent", "empty"):
        (home / "lake").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLICKSTREAM_HOME", str(home))
    monkeypatch.setenv("CLICKSTREAM_SOURCE", str(tmp_path / "misspelt"))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setattr("clickstream_platform.jvm.session.build_session", None)
    return home


def test_every_command_is_known_here() -> None:
    named = {text.split()[0] for text in (*NEED_ONE, *SAY_SO, *BEGIN_ONE)}
    assert named | HAVE_NONE == {*COMMANDS}
    assert not named & HAVE_NONE


@pytest.mark.parametrize("command", NEED_ONE)
def test_a_command_that_needs_a_lake_says_that_there_is_none_and_leaves_nothing(home: Path, command: str) -> None:
    before = sorted(home.parent.rglob("*"))
    result = clickstream(*shlex.split(command))
    assert (result.exit_code, result.stdout) == (1, "")
    assert str(home / "lake") in result.stderr or "events: " in result.stderr
    assert " yet; " in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(home.parent.rglob("*")) == before


@pytest.mark.parametrize("command", [*SAY_SO, *BEGIN_ONE])
def test_any_other_leaves_nothing_either(home: Path, command: str) -> None:
    before = sorted(home.parent.rglob("*"))
    result = clickstream(*shlex.split(command))
    assert isinstance(result.exception, SystemExit | None)
    assert any(said in result.stdout + result.stderr for said in (" yet", "there is no folder ", "it is no backup"))
    assert sorted(home.parent.rglob("*")) == before
