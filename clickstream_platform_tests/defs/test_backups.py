"""The jobs that take a lake as a whole refuse what the command line refuses, and do what it does. None starts a JVM."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from clickstream_platform.definitions import definitions
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake import layout
from clickstream_platform.streaming.maintenance import reset as resetting
from clickstream_platform_tests.defs.jobs import metadata_of, refusal_of
from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.lakes import at, write

OPS = {"backup": "copy_lake", "restore": "put_lake_back", "reset": "set_lake_aside"}


@pytest.fixture(autouse=True)
def _no_jvm(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setattr("clickstream_platform.defs.resources.build_session", None)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(Settings(home=tmp_path / "home"))
    begin(home)
    return home


def begin(home: Home) -> None:
    """One event, one session."""
    write(home, "events", [{"user_id": "u", "event_date": at("00:00:00").date()}], of=entry(rows_in=1, rows_out=1))
    write(home, "sessions", [{"user_id": "u"}], of=entry("sessions"))


def launched(home: Home, instance: dg.DagsterInstance, job: str, **config: object) -> dg.ExecuteInProcessResult:
    """Launched as its launchpad opens, with some of it changed."""
    found = definitions(home.settings).resolve_job_def(job)
    asked = {"ops": {OPS[job]: {"config": config}}} if config else None
    return found.execute_in_process(instance=instance, run_config=asked, raise_on_error=False)


def refused(home: Home, instance: dg.DagsterInstance, job: str, **config: object) -> str:
    return refusal_of(launched(home, instance, job, **config))


def test_a_backup_is_made_looked_at_and_put_where_no_lake_is(
    home: Home, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    folder = str(tmp_path / "backup")
    made = metadata_of(launched(home, instance, "backup", folder=folder))
    assert "| events | 1 | 0 |" in str(made["tables"])
    assert (made["folder"], made["copied_before"]) == (folder, 0)
    checked = metadata_of(launched(home, instance, "restore", folder=folder, check=True))
    assert (checked["only_checked"], checked["files"]) == (True, made["files"])
    elsewhere = Home(Settings(home=tmp_path / "other"))
    restored = metadata_of(launched(elsewhere, instance, "restore", folder=folder))
    assert restored["lake"] == str(elsewhere.lake.root)
    assert (elsewhere.lake.events.rows(), elsewhere.lake.table("sessions").rows()) == (1, 1)


@pytest.mark.parametrize("job", ["backup", "restore"])
def test_as_its_launchpad_opens_it_refuses_for_no_folder_is_named(
    home: Home, instance: dg.DagsterInstance, job: str
) -> None:
    assert "folder: no folder is named; say its whole path" in refused(home, instance, job)
    assert "'backups/1' is no whole path" in refused(home, instance, job, folder="backups/1")


def test_a_backup_may_lie_neither_in_the_lake_nor_where_files_land_nor_over_another(
    home: Home, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    home.land("1.json")
    (full := tmp_path / "full").mkdir()
    (full / "file").touch()
    assert "would lie in each other" in refused(home, instance, "backup", folder=str(home.lake.root / "b"))
    assert "its files would be read as events" in refused(home, instance, "backup", folder=str(home.landing / "b"))
    assert "it is not an empty folder" in refused(home, instance, "backup", folder=str(full))


def test_no_backup_is_put_over_a_lake(home: Home, instance: dg.DagsterInstance, tmp_path: Path) -> None:
    folder = str(tmp_path / "backup")
    assert launched(home, instance, "backup", folder=folder).success
    assert "there is a lake already, with 2 tables" in refused(home, instance, "restore", folder=folder)
    assert home.lake.events.rows() == 1


def test_as_its_launchpad_opens_reset_says_what_it_would_do_and_does_nothing(
    home: Home, instance: dg.DagsterInstance
) -> None:
    home.land("1.json", "2.json")
    said = refused(home, instance, "reset")
    assert "nothing was done: 2 rows of 2 tables would be set aside, and the next run would read 2 files" in said
    assert home.lake.events.rows() == 1


def test_reset_is_done_with_the_word_it_names_which_is_no_yes_to_the_next_one(
    home: Home, instance: dg.DagsterInstance
) -> None:
    word = refused(home, instance, "reset").rpartition("set confirm to ")[2].strip("'")
    assert "nothing was done" in refused(home, instance, "reset", confirm="yes")
    done = metadata_of(launched(home, instance, "reset", confirm=word))
    assert "| events | 1 |" in str(done["tables"])
    assert Path(str(done["set_aside_in"])).is_relative_to(str(home.lake.root / resetting.BEFORE))
    assert not home.lake.events.exists
    assert "there is nothing to reset" in refused(home, instance, "reset", confirm=word)
    begin(home)
    assert "nothing was done" in refused(home, instance, "reset", confirm=word)


def test_a_reset_that_was_stopped_in_its_middle_goes_on_and_needs_no_word(
    home: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    contracts = list(home.contracts.values())
    with monkeypatch.context() as stopped:
        stopped.setattr(resetting, "move", None)
        with pytest.raises(TypeError):
            resetting.reset(contracts, home.lake)
    assert layout.layout_of(home.lake).unfinished
    assert "`clickstream reset --yes` was stopped in its middle" in refused(home, instance, "backup", folder="/b")
    assert launched(home, instance, "reset").success
    assert not home.lake.events.exists
