"""A landing folder that lies elsewhere is gone on from if its files show that it is the same, and not otherwise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.runtime import fingerprint
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.local import local
from clickstream_platform_tests.on_store import needs_a_folder


def moved_home(tmp_path: Path, **landed: str) -> Home:
    """A home that has planned to read these files, and was moved since."""
    home = Home(Settings(home=tmp_path / "old"))
    home.commit("events", 2, of=entry())
    for name, text in landed.items():
        (home.landing / name).parent.mkdir(parents=True, exist_ok=True)
        (home.landing / name).write_text(text)
    checkpoint, events = generations.current_checkpoint(home.lake, "events"), home.contracts["events"]
    fingerprint.write_fingerprint(checkpoint, fingerprint.declared_facts(events))
    events.offsets.begin(checkpoint)
    return Home(Settings(home=home.settings.home.rename(tmp_path / "new")))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """One that has read two files."""
    moved = moved_home(tmp_path, **{"a/1.json": "{}\n", "2.json": "{}{}\n", "empty.json": ""})
    monkeypatch.setenv("CLICKSTREAM_HOME", str(moved.settings.home))
    return moved


def commit_all(home: Home) -> None:
    """As if a batch had read what is planned."""
    checkpoint = generations.current_checkpoint(home.lake, "events").path
    manifest = (checkpoint / "manifests" / "000000000001.json").as_uri()
    for name, lines in (
        ("sources/0/0", f'{{"path":"{manifest}","timestamp":1,"batchId":0}}'),
        ("offsets/0", '{"batchWatermarkMs":0}\n{"logOffset":0}'),
        ("commits/0", "{}"),
    ):
        (checkpoint / name).parent.mkdir(parents=True, exist_ok=True)
        local(checkpoint / name).write_text(f"v1\n{lines}")


def source_of(home: Home) -> str | None:
    return generations.current_checkpoint(home.lake, "events").source_identity() or None


def test_a_folder_with_the_files_that_were_read_is_the_same(home: Home) -> None:
    commit_all(home)
    (home.landing / "a" / "1.json").unlink()
    (home.landing / "3.json").write_text("{}\n")
    said = clickstream("moved")
    assert said.exit_code == 0, said.output
    assert "2 files that were read lie there as they were, 1 no longer there; 1 unread" in said.stdout
    assert source_of(home) == home.contracts["events"].offsets.identity
    assert "there is nothing to do" in " ".join(clickstream("moved").stderr.split())


@pytest.mark.parametrize(
    ("harm", "finding"),
    [
        (lambda landing: (landing / "2.json").write_text("{}"), "2.json had 5 bytes when it was read, and has 2 here"),
        (lambda landing: (landing / "2.json").unlink(), "2.json is planned to be read, and is not here"),
        (shutil.rmtree, "there is no such folder"),
    ],
)
def test_a_folder_that_may_be_another_is_refused(home: Home, harm: object, finding: str) -> None:
    before = source_of(home)
    harm(home.landing)  # type: ignore[operator] - a function of the folder
    said = clickstream("moved")
    assert said.exit_code == 1
    assert finding in " ".join(said.stderr.split())
    assert source_of(home) == before


def test_a_folder_of_which_no_file_was_read_may_lie_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = moved_home(tmp_path)
    home.landing.mkdir(exist_ok=True)
    (home.landing / "1.json").write_text("{}\n")
    monkeypatch.setenv("CLICKSTREAM_HOME", str(home.settings.home))
    said = clickstream("moved")
    assert said.exit_code == 0, said.output
    assert "0 files that were read lie there as they were; 1 unread" in said.stdout
    assert source_of(home) == home.contracts["events"].offsets.identity


def test_a_run_from_another_folder_is_refused_before_a_jvm_starts(home: Home) -> None:
    said = " ".join(clickstream("run", "events").stderr.split())
    assert "events: changed since its checkpoint began: source was 'files " in said
    assert "say `clickstream moved` if it is the same folder elsewhere" in said


def test_files_without_a_byte_show_nothing(home: Home) -> None:
    commit_all(home)
    for name in ("a/1.json", "2.json"):
        (home.landing / name).unlink()
    assert "nothing shows that it is" in " ".join(clickstream("moved").stderr.split())


def test_a_moved_home_goes_on_where_it_was(lab: Lab, tmp_path: Path) -> None:
    needs_a_folder("it is moved with its home")
    lab.only("events", "sessions")
    lab.land(event("u1"), event("u2"))
    lab.run()
    lab.land(event("u3"))
    shutil.move(lab.settings.home, tmp_path / "moved")
    moved = Lab(lab.spark, Settings(home=tmp_path / "moved")).only("events", "sessions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLICKSTREAM_HOME", str(tmp_path / "moved"))
        assert clickstream("moved").exit_code == 0
    moved.run()
    moved.assert_exact()
    assert moved.lake.events.rows() == 3
