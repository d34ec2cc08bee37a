from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_platform.errors import SourceError
from clickstream_platform.streaming.sources.files import listing as module
from clickstream_platform.streaming.sources.files.listing import list_folder
from clickstream_platform.streaming.sources.files.listing_result import Listing
from clickstream_platform.streaming.sources.files.names import name_of, partition_of, path_of


def _partitions(folder: Path) -> list[str]:
    return [file.partition for file in list_folder(folder).files]


def _file(path: Path, content: bytes = b"{}\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@given(st.binary(min_size=1, max_size=20))
def test_any_path_survives_as_a_partition(name: bytes) -> None:
    partition = partition_of(name)

    assert partition.encode().decode() == partition
    assert name_of(partition) == name or name.startswith(b"//")


@pytest.mark.parametrize(
    "name",
    [
        b"2025-11-25T10:00:00Z.json",
        b"new\nline",
        b"50%25 #1?",
        b" blanks ",
        b"[a]{b}*",
        b"-rf",
        b"\\",
        b"caf\xc3\xa9",
        b"caf\xe9",
        b"\xff\xfe\x01",
        b"x" * 255,
    ],
)
def test_any_name_is_listed_and_leads_to_its_file(tmp_path: Path, name: bytes) -> None:
    inside = os.path.join(b"folder \xff", name)  # noqa: PTH118 - bytes
    _file(tmp_path / os.fsdecode(inside), b"12345")

    (file,) = list_folder(tmp_path).files

    assert (file.name, file.size) == (inside, 5)
    assert path_of(tmp_path, file.partition).read_bytes() == file.path.read_bytes() == b"12345"


def test_partition_is_the_path_as_text(tmp_path: Path) -> None:
    _file(tmp_path / "a b/c:d.json")
    _file(tmp_path / os.fsdecode(b"caf\xe9/%.json"))

    assert _partitions(tmp_path) == ["a b/c:d.json", "//caf%E9/%25.json"]


def test_hidden_names_are_passed_over_with_all_that_is_in_them(tmp_path: Path) -> None:
    for name in ["_a", ".a", ".a.json.crc", "a._COPYING_", "_temporary/0/a", ".hidden/a", "_year=2025/a", "b=1/a"]:
        _file(tmp_path / name)

    assert _partitions(tmp_path) == ["_year=2025/a", "b=1/a"]


def test_size_and_time_are_those_of_the_file(tmp_path: Path) -> None:
    os.utime(_file(tmp_path / "a", b"123"), ns=(0, 1_700_000_000_123_456_789))

    (file,) = list_folder(tmp_path).files

    assert (file.size, file.mtime_us) == (3, 1_700_000_000_123_456)


@pytest.mark.parametrize("seconds", [-(10**9), 0, 10**11])
def test_far_off_times_hide_no_file(tmp_path: Path, seconds: int) -> None:
    os.utime(_file(tmp_path / "a"), (seconds, seconds))

    assert _partitions(tmp_path) == ["a"]


def test_links_to_files_and_folders_elsewhere_are_followed(tmp_path: Path) -> None:
    _file(tmp_path / "elsewhere/deep/linked.json")
    _file(tmp_path / "other.json")
    source = tmp_path / "source"
    source.mkdir()
    (source / "folder").symlink_to(tmp_path / "elsewhere")
    (source / "file.json").symlink_to("../other.json")

    assert _partitions(source) == ["file.json", "folder/deep/linked.json"]


def test_file_in_the_source_goes_before_links_to_it(tmp_path: Path) -> None:
    _file(tmp_path / "z/real.json")
    (tmp_path / "a.json").symlink_to("z/real.json")
    (tmp_path / "b").symlink_to("z")

    found = list_folder(tmp_path)

    assert [file.partition for file in found.files] == ["z/real.json"]
    assert sorted(found.partitions(found.files[0])) == ["a.json", "b/real.json", "z/real.json"]


def test_file_that_several_links_lead_to_is_listed_once(tmp_path: Path) -> None:
    _file(tmp_path / "elsewhere/x/a.json")
    source = tmp_path / "source"
    source.mkdir()
    (source / "2").symlink_to(tmp_path / "elsewhere")
    (source / "1").symlink_to(tmp_path / "elsewhere/x")
    (source / "3.json").symlink_to(tmp_path / "elsewhere/x/a.json")

    assert _partitions(source) == ["1/a.json"]


def test_link_is_the_only_path_to_a_file_in_a_hidden_folder(tmp_path: Path) -> None:
    _file(tmp_path / "..2025/a.json")
    (tmp_path / "..data").symlink_to("..2025")
    (tmp_path / "a.json").symlink_to("..data/a.json")

    assert _partitions(tmp_path) == ["a.json"]


def test_loops_end(tmp_path: Path) -> None:
    _file(tmp_path / "source/a/b/c.json")
    _file(tmp_path / "elsewhere/d.json")
    source = tmp_path / "source"
    (source / "a/b/up").symlink_to("..")
    (source / "self").symlink_to(".")
    (source / "elsewhere").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/back").symlink_to(source)
    (tmp_path / "elsewhere/self").symlink_to(tmp_path / "elsewhere")

    assert _partitions(source) == ["a/b/c.json", "elsewhere/d.json"]
    assert list_folder(source).ignored == {}


def test_link_to_a_folder_around_the_source_is_not_followed(tmp_path: Path) -> None:
    _file(tmp_path / "home/events/part-0.parquet")
    _file(tmp_path / "home/landing/a.json")
    source = tmp_path / "home/landing"
    (source / "up").symlink_to("..")
    (source / "root").symlink_to("/")

    found = list_folder(source)

    assert [file.partition for file in found.files] == ["a.json"]
    assert found.ignored == dict.fromkeys(["up", "root"], "a link to a folder that the source itself lies in")


def test_hard_links_are_one_file(tmp_path: Path) -> None:
    _file(tmp_path / "b.json")
    (tmp_path / "a.json").hardlink_to(tmp_path / "b.json")

    found = list_folder(tmp_path)

    assert [file.partition for file in found.files] == ["a.json"]
    assert list(found.partitions(found.files[0])) == ["a.json", "b.json"]


def test_files_of_a_file_system_that_gives_all_one_inode_are_all_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        _file(tmp_path / name)
    monkeypatch.setattr(module, "_identity", lambda found: (1, found.st_mode))

    assert _partitions(tmp_path) == ["a", "b"]


def test_what_is_no_file_is_told_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "to-pipe").symlink_to("pipe")
    _file(tmp_path / "a.json")
    with socket.socket(socket.AF_UNIX) as server, pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)  # a socket's path is short
        server.bind("socket")

    found = list_folder(tmp_path)

    assert [file.partition for file in found.files] == ["a.json"]
    assert found.ignored == {
        "pipe": "a named pipe, not a file",
        "to-pipe": "a named pipe, not a file",
        "device": "a device, not a file",
        "dangling": "a link to nothing",
        "circle": "a link that leads in a circle",
        "socket": "a socket, not a file",
    }


def test_folder_that_cannot_be_read_is_told_and_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _file(tmp_path / "closed/a.json")
    _file(tmp_path / "open/b.json")
    scandir = os.scandir

    def guarded(path: bytes) -> object:
        if path.endswith(b"closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)  # tests may run as root, who may read everything

    found = list_folder(tmp_path)

    assert [file.partition for file in found.files] == ["open/b.json"]
    assert found.ignored == {"closed": "a folder that cannot be listed: Permission denied"}


def test_file_that_cannot_be_looked_at_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.json", "b.json"):
        _file(tmp_path / name)
    stat, lstat = os.stat, os.lstat

    def guarded(path: bytes, real: Callable[[bytes], os.stat_result] = stat) -> os.stat_result:
        if path.endswith(b"a.json"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "stat", guarded)
    monkeypatch.setattr(os, "lstat", partial(guarded, real=lstat))

    assert _partitions(tmp_path) == ["b.json"]
    assert list_folder(tmp_path).ignored == {"a.json": "cannot be looked at: Permission denied"}


def test_file_that_vanishes_meanwhile_is_simply_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.json", "b.json"):
        _file(tmp_path / name)
    stat = os.stat

    def racing(path: bytes) -> os.stat_result:
        if path.endswith(b"a.json"):
            (tmp_path / "a.json").unlink(missing_ok=True)
        return stat(path)

    monkeypatch.setattr(os, "stat", racing)

    assert list_folder(tmp_path).ignored == {}
    assert _partitions(tmp_path) == ["b.json"]


def test_source_that_is_missing_holds_nothing(tmp_path: Path) -> None:
    assert list_folder(tmp_path / "none") == Listing()


def test_source_that_is_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is not a folder"):
        list_folder(_file(tmp_path / "a"))


def test_source_that_is_a_link_is_followed(tmp_path: Path) -> None:
    _file(tmp_path / "real/a.json")
    (tmp_path / "link").symlink_to("real")

    assert _partitions(tmp_path / "link") == ["a.json"]


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
        _file(root / folder / "f")
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


def test_partition_and_path_are_the_same_under_every_locale(tmp_path: Path) -> None:
    for name in (b"caf\xc3\xa9", b"caf\xe9", b"a"):
        _file(tmp_path / os.fsdecode(name))
    code = (
        "import sys; from pathlib import Path;"
        "from clickstream_platform.streaming.sources.files.listing import list_folder;"
        "from clickstream_platform.streaming.sources.files.names import path_of;"
        "folder = Path(sys.argv[1]);"
        "print([(ascii(f.partition), path_of(folder, f.partition).read_text()) for f in list_folder(folder).files])"
    )
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    told = subprocess.run([sys.executable, "-c", code, tmp_path], env=env, capture_output=True, text=True, check=True)

    expected = [("a", "{}\n"), ("caf\xe9", "{}\n"), ("//caf%E9", "{}\n")]
    assert told.stdout.strip() == str([(ascii(partition), text) for partition, text in expected])


def test_what_is_passed_over_for_its_name_is_named(tmp_path: Path) -> None:
    for name in (
        "_a.json",
        ".b.json",
        "c.json._COPYING_",
        "c.json.PART",
        "c.tmp",
        "_d/e.json",
        "_f=1/g.json",
        ".h.json.crc",
        "_SUCCESS",
    ):
        _file(tmp_path / name)
    _file(tmp_path / ".empty", b"")
    found = list_folder(tmp_path)

    assert [file.partition for file in found.files] == ["_f=1/g.json"]
    assert found.hidden == (".b.json", "_a.json", "_d", "c.json.PART", "c.json._COPYING_", "c.tmp")
    assert list(found.remarks()) == [
        "6 names say that the file is not finished, by a leading _ or ., or an ending such as .tmp:"
        " .b.json, _a.json, _d, ..."
    ]
