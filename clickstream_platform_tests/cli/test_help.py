"""Help, completion and commands that only say something. No JVM."""

from __future__ import annotations

import json

import pytest
from typer.core import TyperGroup
from typer.testing import CliRunner

from clickstream_platform.cli.app import program, tables_like
from clickstream_platform.cli.contents import COMMANDS
from clickstream_platform.settings import Settings
from clickstream_platform.tables import tables
from clickstream_platform_tests.cli.engine import loaded
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.homes import Home


def every_command() -> list[tuple[str, ...]]:
    """What can be called, those of ``kafka`` included."""
    groups = {name: loaded(name) for name in COMMANDS}
    below = [(name, sub) for name, group in groups.items() if isinstance(group, TyperGroup) for sub in group.commands]
    return [(name,) for name in COMMANDS] + below


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_help_gives_an_example(home: Home, command: tuple[str, ...]) -> None:
    result = clickstream(*command, "--help")
    assert result.exit_code == 0
    assert "Example: " in result.stdout


def test_help_breaks_its_lines_where_the_terminal_ends(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = clickstream("fill", "--help").stdout
    assert "none is rejected. Stopped anywhere, run it again." in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_what_help_lists_is_what_the_command_says_of_itself(name: str) -> None:
    command, listed = loaded(name), COMMANDS[name]
    assert " ".join((command.help or "").partition("\n\n")[0].split()) == listed.help
    if not isinstance(command, TyperGroup):
        assert command.rich_help_panel == listed.panel  # pyright: ignore[reportAttributeAccessIssue]


def test_a_misspelt_command_is_answered_with_the_nearest(home: Home) -> None:
    result = clickstream("statsu")
    assert result.exit_code == 2
    assert "status" in result.stderr


def test_one_machine_has_no_workers(home: Home) -> None:
    assert clickstream("workers").stdout.startswith("local[*]: tasks run in one process on this machine")
    assert json.loads(clickstream("workers", "--json").stdout) == {"master": "local[*]", "workers": []}


def test_version(home: Home) -> None:
    assert clickstream("--version").stdout.startswith("clickstream")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("sta", "status"),
        ("explain sess", "sessions"),
        ("verify events pur", "purchases"),
        ("ledger --table al", "alerts"),
        ("check --mapping post", "posthog"),
    ],
)
def test_completion_is_offered_for_the_shell(
    home: Home, monkeypatch: pytest.MonkeyPatch, typed: str, offered: str
) -> None:
    monkeypatch.setenv("_CLICKSTREAM_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"clickstream {typed}")
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split())))
    assert CliRunner().invoke(program, [], prog_name="clickstream").stdout.split() == [offered]


def test_completion_offers_every_table_without_importing_one() -> None:
    assert tables_like("") == sorted(tables(Settings()))


def test_doctor_as_json_says_what_is_missing(home: Home) -> None:
    result = clickstream("doctor", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["ok"]) == (1, False)
    assert found["findings"][0].keys() == {"name", "ok", "finding", "remedy"}
    assert "java" in {one["name"] for one in found["findings"] if not one["ok"]}


def test_sql_takes_json_as_every_command_does(home: Home) -> None:
    home.commit("events")
    asked = "select 1 as one"
    assert clickstream("sql", asked, "--json").stdout == clickstream("sql", asked, "--format", "json").stdout != ""
