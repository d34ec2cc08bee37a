"""The layout of a lake: an older one is brought up, a newer one refused, nothing goes on in the middle of a change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clickstream_platform.errors import LayoutError, TableBusyError
from clickstream_platform.files import write_whole
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake import layout, migrations
from clickstream_platform.streaming.lake.layout import FIRST, VERSION, Layout, layout_of
from clickstream_platform.streaming.lake.lease import SOON, lease
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.conftest import killed
from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.local import local

OLD_NAME, NEW_NAME = "head_start_ms", "initial_watermark_ms"


@pytest.fixture
def old(tmp_path: Path) -> Home:
    """A home of before lakes said their layout, with a processor's checkpoint."""
    home = Home(Settings(home=tmp_path / "home"))
    home.commit("user_patterns", 3, of=entry("user_patterns"))
    write_whole(home.lake.checkpoints("user_patterns") / "1" / OLD_NAME, "17")
    return home


def written(lake: Lake) -> dict[str, object]:
    return json.loads((lake.root / layout.FILE).read_text())


def test_a_lake_that_does_not_say_its_layout_has_the_first(old: Home, tmp_path: Path) -> None:
    assert layout_of(old.lake).version == FIRST
    assert layout_of(Lake(tmp_path / "not there yet")).version == VERSION


def test_who_may_write_finds_the_newest_layout(old: Home) -> None:
    with lease(old.lake, "events", "me"):
        assert written(old.lake)["version"] == VERSION


def test_who_only_looks_changes_nothing(old: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_HOME", str(old.settings.home))
    assert clickstream("status").exit_code == 0
    assert layout_of(old.lake).version == FIRST


def test_the_initial_watermark_of_a_processor_keeps_its_value(old: Home) -> None:
    folder = old.lake.checkpoints("user_patterns") / "1"
    for _ in range(2):
        migrations.name_the_initial_watermark(old.lake)
        assert [(file.name, file.read_text()) for file in folder.iterdir()] == [(NEW_NAME, "17")]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_migration_that_was_killed_is_done_by_the_next_run(
    old: Home, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def dies(lake: Lake) -> None:
        if when == "after":
            migrations.name_the_initial_watermark(lake)
        killed()

    with monkeypatch.context() as patch:
        patch.setitem(migrations.MIGRATIONS, VERSION, dies)
        with pytest.raises(KeyboardInterrupt), lease(old.lake, "events", "me"):
            pass
    assert layout_of(old.lake).version == FIRST
    with lease(old.lake, "events", "me"):
        assert (old.lake.checkpoints("user_patterns") / "1" / NEW_NAME).read_text() == "17"
        assert layout_of(old.lake).version == VERSION


def test_there_is_a_migration_to_every_layout() -> None:
    assert list(migrations.MIGRATIONS) == list(range(FIRST + 1, VERSION + 1))


def test_nothing_is_migrated_while_a_run_is_on(old: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clickstream_platform.streaming.lake.lease.SOON", SOON / 50)
    with lease(old.lake, "sessions", "of an older program"):
        (old.lake.root / layout.FILE).unlink()
        with pytest.raises(TableBusyError, match="of an older program"), lease(old.lake, "events", "me"):
            pass
        assert layout_of(old.lake).version == FIRST


@pytest.mark.parametrize(
    "command",
    [
        *("run", "stream", "rebuild sessions", "status", "explain events", "ledger", "quarantine", "sql 'select 1'"),
        *(
            "report",
            "verify",
            "verify --source",
            "validate",
            "replay",
            "fill",
            "forget --user a",
            "maintain",
            "skip a.json",
        ),
    ],
)
def test_a_newer_lake_is_refused_by_every_command(old: Home, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    old.land("a.json")
    monkeypatch.setenv("CLICKSTREAM_HOME", str(old.settings.home))
    local(old.lake.root / layout.FILE).write_text('{"version": 99, "program": "7.0.0"}')
    found = clickstream(*command.split(maxsplit=1 if "sql" in command else -1))
    assert found.exit_code == 1
    assert "it has layout 99, brought to it by clickstream 7.0.0" in " ".join(found.output.split())
    assert "update this program" in " ".join(found.output.split())


def test_a_newer_lake_gives_nobody_a_lease(old: Home) -> None:
    layout.write_layout(old.lake, Layout(VERSION + 1))
    with pytest.raises(LayoutError, match="update this program"), lease(old.lake, "events", "me"):
        pass


def test_a_lake_in_the_middle_of_a_command_takes_no_other(old: Home) -> None:
    layout.write_layout(old.lake, Layout(VERSION, unfinished="reset --yes"))
    with pytest.raises(LayoutError, match="give that command again"), lease(old.lake, "events", "me"):
        pass
    with lease(old.lake, "events", "me", finishing="reset --yes"):
        pass


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": "new"}', '{"program": "0.1.0"}'])
def test_a_layout_file_that_is_broken_is_refused(old: Home, text: str) -> None:
    local(old.lake.root / layout.FILE).write_text(text)
    with pytest.raises(LayoutError, match="not as it was written"):
        layout.require_layout(old.lake)
