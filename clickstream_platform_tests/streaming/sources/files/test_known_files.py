from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from clickstream_platform.errors import CheckpointError
from clickstream_platform.streaming.sources.files.known_files import (
    EVERY,
    KnownFiles,
    keep_index,
    known_index,
    prune,
    read_known_files,
    resized_files,
    unread_files,
    write_first_index,
)
from clickstream_platform.streaming.sources.files.listing import list_folder
from clickstream_platform.streaming.sources.files.manifest import PlannedFile, manifest_path, write_manifest


def _write(folder: Path, number: int, **sizes: int) -> None:
    write_manifest(folder, number, [[PlannedFile(name, size, 0, 0) for name, size in sizes.items()]])


def _unread(source: Path, folder: Path) -> list[str]:
    return [file.partition for file in unread_files(list_folder(source), read_known_files(folder))]


def test_without_manifests_nothing_is_known(tmp_path: Path) -> None:
    assert read_known_files(tmp_path / "none") == KnownFiles()


def test_file_that_a_manifest_names_is_known(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).touch()
    _write(tmp_path / "_manifests", 1, a=0)
    _write(tmp_path / "_manifests", 2, c=0)

    assert _unread(tmp_path, tmp_path / "_manifests") == ["b"]


def test_link_made_later_does_not_make_a_file_new(tmp_path: Path) -> None:
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    (tmp_path / "elsewhere/deep/a").touch()
    source = tmp_path / "source"
    source.mkdir()
    (source / "z").symlink_to(tmp_path / "elsewhere/deep")
    _write(tmp_path / "manifests", 1, **{"z/a": 0})

    (source / "b").symlink_to(tmp_path / "elsewhere")
    os.link(tmp_path / "elsewhere/deep/a", source / "hard")

    assert [file.partition for file in list_folder(source).files] == ["hard"]
    assert _unread(source, tmp_path / "manifests") == []


def test_index_and_the_manifests_after_it_name_everything(tmp_path: Path) -> None:
    for number in range(1, EVERY + 1):
        assert not keep_index(tmp_path, read_known_files(tmp_path).number)
        _write(tmp_path, number, **{f"f{number}": number})
    assert keep_index(tmp_path, read_known_files(tmp_path).number)
    prune(tmp_path, below=EVERY)
    _write(tmp_path, EVERY + 1, last=5)

    found = read_known_files(tmp_path)

    assert (found.number, known_index(tmp_path)) == (EVERY + 1, EVERY)
    assert found.sizes == {f"f{number}": number for number in range(1, EVERY + 1)} | {"last": 5}
    assert sorted(path.name for path in tmp_path.glob("*.json")) == [
        manifest_path(tmp_path, number).name for number in (EVERY, EVERY + 1)
    ]


def test_manifest_that_no_index_holds_is_not_deleted(tmp_path: Path) -> None:
    _write(tmp_path, 1, a=1)

    prune(tmp_path, below=100)

    assert read_known_files(tmp_path).sizes == {"a": 1}


def test_crash_while_the_index_is_written_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, EVERY + 1):
        _write(tmp_path, number, **{f"f{number}": number})
    before = read_known_files(tmp_path)

    def crash(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        keep_index(tmp_path, before.number)

    assert read_known_files(tmp_path) == before


def test_files_read_before_there_were_manifests_are_adopted(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).touch()
    write_first_index(tmp_path / "_manifests", {"a": -1})

    found = read_known_files(tmp_path / "_manifests")

    assert (found.number, _unread(tmp_path, tmp_path / "_manifests")) == (0, ["b"])
    assert resized_files(list_folder(tmp_path), found) == {}


def test_file_that_grew_after_it_was_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").write_bytes(b"1")
    _write(tmp_path / "_manifests", 1, a=3, b=1)

    assert resized_files(list_folder(tmp_path), read_known_files(tmp_path / "_manifests")) == {"a": (3, 5)}


@pytest.mark.parametrize("damage", ["[{", "[{}]", '"', "[1]"])
def test_broken_manifest_is_told_by_name(tmp_path: Path, damage: str) -> None:
    _write(tmp_path, 1, a=1)
    manifest_path(tmp_path, 1).write_text(damage)

    with pytest.raises(CheckpointError, match=r"000000000001\.json: it is not as it was written"):
        read_known_files(tmp_path)


def test_missing_manifest_is_told(tmp_path: Path) -> None:
    for number in (1, 3):
        _write(tmp_path, number, a=1)

    with pytest.raises(CheckpointError, match="a manifest is missing"):
        read_known_files(tmp_path)


def test_100_000_known_files_are_read_back_in_a_second(tmp_path: Path) -> None:
    write_first_index(tmp_path, {f"2025/11/25/part-{n:06}.json.gz": 1_000 for n in range(70_000)})
    for number in range(1, 4):
        write_manifest(tmp_path, number, [[PlannedFile(f"{number}/part-{n:06}", 1, 1, 1) for n in range(10_000)]])

    begin = time.process_time()
    found = read_known_files(tmp_path)

    assert len(found.sizes) == 100_000
    assert time.process_time() - begin < 1
