"""Two sources that have a record in common are refused before anything starts: it would be read twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clickstream_platform.errors import SettingsError, SourceError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.checkpoint import FINGERPRINT
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.lag import require_source
from clickstream_platform.streaming.sources.named import sources_from
from clickstream_platform.streaming.sources.source import Lag
from clickstream_platform.tables import tables
from clickstream_platform_tests.local import local


def named(**sources: object) -> Settings:
    return Settings(source=json.dumps({name: str(source) for name, source in sources.items()}))


def refused(settings: Settings, match: str) -> None:
    with pytest.raises(SettingsError, match=match):
        sources_from(settings)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    found = tmp_path / "a", tmp_path / "b"
    for folder in found:
        folder.mkdir()
    return found


def test_a_folder_cannot_be_named_twice(folders: tuple[Path, Path]) -> None:
    a, _ = folders
    refused(named(main=a, again=f"{a}/"), "'main' and 'again' would both read it: .* are the same folder")
    refused(named(main=a, again=f"file://{a}"), "are the same folder")
    refused(named(main=a, again=a.parent / "b" / ".." / "a"), "are the same folder")


def test_a_folder_cannot_lie_in_another(folders: tuple[Path, Path]) -> None:
    a, _ = folders
    refused(named(main=a, inner=a / "deep" / "down"), "overlap")
    refused(named(inner=a / "deep", main=a), "overlap")
    sources_from(named(main=a, beside=f"{a}-2"))  # a name that only begins alike


def test_a_link_to_a_folder_is_that_folder(folders: tuple[Path, Path]) -> None:
    a, b = folders
    b.rmdir()
    b.symlink_to(a)
    refused(named(main=a, other=b), "are the same folder")
    refused(named(main=a, other=b / "deep"), "overlap")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("kafka://h:1/clicks", "kafka://h:1/clicks"),
        ("kafka://h:1,i:1/clicks", "kafka://i:1/views,clicks"),
        ("kafka://h:1/clicks", "kafka://h:1/cl.*"),
        ("kafka://h:1/cl.*", "kafka://h:1/cl.*"),
    ],
)
def test_a_topic_cannot_be_named_twice(one: str, other: str) -> None:
    refused(named(main=one, again=other), "would both read it: topic cl")


def test_the_same_topic_of_another_cluster_is_another(folders: tuple[Path, Path]) -> None:
    both = sources_from(named(main="kafka://h:1/clicks", east="kafka://i:1/clicks", history=folders[0]))
    assert [source.source_name for source in both] == ["main", "east", "history"]
    assert len({source.asset for source in both}) == 3


def told(settings: Settings, lake: Path) -> None:
    require_source([tables(settings)["events"]], Lake(lake))


def test_a_link_in_a_folder_into_the_other_is_found_before_a_run(folders: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = folders
    settings = named(main=a, other=b)
    told(settings, tmp_path / "lake")
    (b / "2024").mkdir()
    (a / "2024").symlink_to(b / "2024")
    with pytest.raises(SettingsError, match="lead to the same files"):
        told(settings, tmp_path / "lake")


def test_links_in_both_folders_to_a_third_are_found(folders: tuple[Path, Path], tmp_path: Path) -> None:
    third = tmp_path / "third"
    third.mkdir()
    (third / "x.json").touch()
    (folders[0] / "in").symlink_to(third)
    (folders[1] / "x.json").symlink_to(third / "x.json")
    with pytest.raises(SettingsError, match="lead to the same files"):
        told(named(main=folders[0], other=folders[1]), tmp_path / "lake")


def test_a_folder_that_was_read_under_another_name_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = folders
    checkpoint = Lake(tmp_path / "lake").checkpoints("events") / "1"
    checkpoint.mkdir(parents=True)
    local(checkpoint / FINGERPRINT).write_text(json.dumps({"source": f"files {a}"}))
    told(named(main=a, other=b), tmp_path / "lake")
    told(named(other=b), tmp_path / "lake")
    with pytest.raises(SourceError, match=r"'history' would read again what 'main' has read.*leave it to 'main'"):
        told(named(history=a), tmp_path / "lake")
    with pytest.raises(SourceError, match="'history' would read again what 'main' has read"):
        told(named(history=a.parent), tmp_path / "lake")


def test_one_of_several_that_has_vanished_is_told_and_not_made(folders: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = folders
    b.rmdir()
    found = require_source([tables(named(main=a, gone=b))["events"]], Lake(tmp_path / "lake"))
    there, problem = found["events"], found["events from gone"]
    assert isinstance(there, Lag)
    assert "the folder of the source 'gone' is not there; make it or bring it back, or leave it out" in str(problem)
    a.rmdir()
    with pytest.raises(SourceError, match="the source 'main' is not there"):
        told(named(main=a, gone=b), tmp_path / "lake")
    assert not a.exists()
    assert not b.exists()
