"""Files that several paths lead to, by links: each is listed once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_platform.streaming.sources.files import listing as module
from clickstream_platform.streaming.sources.files.listing import list_folder
from clickstream_platform.streaming.sources.files.names import path_of
from clickstream_platform_tests.streaming.sources.files.landed import partitions_of, put


def test_links_to_files_and_folders_elsewhere_are_followed(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere/deep/linked.json")
    put(tmp_path / "other.json")
    source = tmp_path / "source"
    source.mkdir()
    (source / "folder").symlink_to(tmp_path / "elsewhere")
    (source / "file.json").symlink_to("../other.json")

    assert partitions_of(source) == ["file.json", "folder/deep/linked.json"]


def test_file_in_the_source_goes_before_links_to_it(tmp_path: Path) -> None:
    put(tmp_path / "z/real.json")
    (tmp_path / "a.json").symlink_to("z/real.json")
    (tmp_path / "b").symlink_to("z")

    found = list_folder(tmp_path)

    assert [file.partition for file in found.files] == ["z/real.json"]
    assert sorted(found.partitions(found.files[0])) == ["a.json", "b/real.json", "z/real.json"]


def test_file_that_several_links_lead_to_is_listed_once(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere/x/a.json")
    source = tmp_path / "source"
    source.mkdir()
    (source / "2").symlink_to(tmp_path / "elsewhere")
    (source / "1").symlink_to(tmp_path / "elsewhere/x")
    (source / "3.json").symlink_to(tmp_path / "elsewhere/x/a.json")

    assert partitions_of(source) == ["1/a.json"]


def test_link_is_the_only_path_to_a_file_in_a_hidden_folder(tmp_path: Path) -> None:
    put(tmp_path / "..2025/a.json")
    (tmp_path / "..data").symlink_to("..2025")
    (tmp_path / "a.json").symlink_to("..data/a.json")

    assert partitions_of(tmp_path) == ["a.json"]


def test_loops_end(tmp_path: Path) -> None:
    put(tmp_path / "source/a/b/c.json")
    put(tmp_path / "elsewhere/d.json")
    source = tmp_path / "source"
    (source / "a/b/up").symlink_to("..")
    (source / "self").symlink_to(".")
    (source / "elsewhere").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/back").symlink_to(source)
    (tmp_path / "elsewhere/self").symlink_to(tmp_path / "elsewhere")

    assert partitions_of(source) == ["a/b/c.json", "elsewhere/d.json"]
    assert list_folder(source).ignored == {}


def test_link_to_a_folder_around_the_source_is_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "home/events/part-0.parquet")
    put(tmp_path / "home/landing/a.json")
    source = tmp_path / "home/landing"
    (source / "up").symlink_to("..")
    (source / "root").symlink_to("/")

    found = list_folder(source)

    assert [file.partition for file in found.files] == ["a.json"]
    assert found.ignored == dict.fromkeys(["up", "root"], "a link to a folder that the source itself lies in")


def test_hard_links_are_one_file(tmp_path: Path) -> None:
    put(tmp_path / "b.json")
    (tmp_path / "a.json").hardlink_to(tmp_path / "b.json")

    found = list_folder(tmp_path)

    assert [file.partition for file in found.files] == ["a.json"]
    assert list(found.partitions(found.files[0])) == ["a.json", "b.json"]


def test_files_of_a_file_system_that_gives_all_one_inode_are_all_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        put(tmp_path / name)
    monkeypatch.setattr(module, "_identity", lambda found: (1, found.st_mode))

    assert partitions_of(tmp_path) == ["a", "b"]


def test_source_that_is_a_link_is_followed(tmp_path: Path) -> None:
    put(tmp_path / "real/a.json")
    (tmp_path / "link").symlink_to("real")

    assert partitions_of(tmp_path / "link") == ["a.json"]


FOLDERS = ["source", "source/a", "source/a/b", "source/.hidden", "else", "else/c", "else/c/_d", "else/_e=1"]
PLACES = st.sampled_from(FOLDERS)
LINKS = st.dictionaries(
    st.tuples(PLACES, st.sampled_from("xyz0")), st.sampled_from([*FOLDERS, "else/c/f", "source/f", "."])
)


@given(st.sets(PLACES), LINKS)
def test_everything_that_can_be_reached_is_listed_once(
    tmp_path_factory: pytest.TempPathFactory, with_file: set[str], links: dict[tuple[str, str], str]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for folder in with_file:
        put(root / folder / "f")
    for (folder, name), target in links.items():
        (root / folder / name).symlink_to(root / target)

    found = list_folder(root / "source")

    assert sorted(file.path.resolve() for file in found.files) == sorted(_reached(root / "source"))
    assert all(path_of(root / "source", file.partition).samefile(file.path) for file in found.files)
    assert list_folder(root / "source") == found
    links_followed = [sum(parent.is_symlink() for parent in [file.path, *file.path.parents]) for file in found.files]
    assert all(n == 0 for n, file in zip(links_followed, found.files, strict=True) if _lies_visibly_in(root, file.path))


def _reached(source: Path) -> set[Path]:
    """The files that visible names lead to, by their real paths: told by looking at real folders alone."""
    folders, files = [source], set[Path]()
    for folder in folders:
        for entry in folder.iterdir():
            real = entry.resolve()
            if entry.name[0] == "." or (entry.name[0] == "_" and "=" not in entry.name) or real in source.parents:
                continue
            if real.is_dir() and real not in folders:
                folders.append(real)
            elif real.is_file():
                files.add(real)
    return files


def _lies_visibly_in(root: Path, path: Path) -> bool:
    real = path.resolve()
    return real.is_relative_to(root / "source") and ".hidden" not in real.parts
