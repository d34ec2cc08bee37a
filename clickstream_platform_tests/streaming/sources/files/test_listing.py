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
from clickstream_platform.streaming.sources.files.listing import list_folder
from clickstream_platform.streaming.sources.files.listing_result import Listing
from clickstream_platform.streaming.sources.files.names import name_of, partition_of, path_of
from clickstream_platform_tests.streaming.sources.files.landed import partitions_of, put


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
    put(tmp_path / os.fsdecode(inside), b"12345")

    (file,) = list_folder(tmp_path).files

    assert (file.name, file.size) == (inside, 5)
    assert path_of(tmp_path, file.partition).read_bytes() == file.path.read_bytes() == b"12345"


def test_partition_is_the_path_as_text(tmp_path: Path) -> None:
    put(tmp_path / "a b/c:d.json")
    put(tmp_path / os.fsdecode(b"caf\xe9/%.json"))

    assert partitions_of(tmp_path) == ["a b/c:d.json", "//caf%E9/%25.json"]


def test_hidden_names_are_passed_over_with_all_that_is_in_them(tmp_path: Path) -> None:
    for name in ["_a", ".a", ".a.json.crc", "a._COPYING_", "_temporary/0/a", ".hidden/a", "_year=2025/a", "b=1/a"]:
        put(tmp_path / name)

    assert partitions_of(tmp_path) == ["_year=2025/a", "b=1/a"]


def test_size_and_time_are_those_of_the_file(tmp_path: Path) -> None:
    os.utime(put(tmp_path / "a", b"123"), ns=(0, 1_700_000_000_123_456_789))

    (file,) = list_folder(tmp_path).files

    assert (file.size, file.mtime_us) == (3, 1_700_000_000_123_456)


@pytest.mark.parametrize("seconds", [-(10**9), 0, 10**11])
def test_far_off_times_hide_no_file(tmp_path: Path, seconds: int) -> None:
    os.utime(put(tmp_path / "a"), (seconds, seconds))

    assert partitions_of(tmp_path) == ["a"]


def test_what_is_no_file_is_told_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "to-pipe").symlink_to("pipe")
    put(tmp_path / "a.json")
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
    put(tmp_path / "closed/a.json")
    put(tmp_path / "open/b.json")
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
        put(tmp_path / name)
    stat, lstat = os.stat, os.lstat

    def guarded(path: bytes, real: Callable[[bytes], os.stat_result] = stat) -> os.stat_result:
        if path.endswith(b"a.json"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "stat", guarded)
    monkeypatch.setattr(os, "lstat", partial(guarded, real=lstat))

    assert partitions_of(tmp_path) == ["b.json"]
    assert list_folder(tmp_path).ignored == {"a.json": "cannot be looked at: Permission denied"}


def test_file_that_vanishes_meanwhile_is_simply_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.json", "b.json"):
        put(tmp_path / name)
    stat = os.stat

    def racing(path: bytes) -> os.stat_result:
        if path.endswith(b"a.json"):
            (tmp_path / "a.json").unlink(missing_ok=True)
        return stat(path)

    monkeypatch.setattr(os, "stat", racing)

    assert list_folder(tmp_path).ignored == {}
    assert partitions_of(tmp_path) == ["b.json"]


def test_source_that_is_missing_holds_nothing(tmp_path: Path) -> None:
    assert list_folder(tmp_path / "none") == Listing()


def test_source_that_is_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is not a folder"):
        list_folder(put(tmp_path / "a"))


def test_partition_and_path_are_the_same_under_every_locale(tmp_path: Path) -> None:
    for name in (b"caf\xc3\xa9", b"caf\xe9", b"a"):
        put(tmp_path / os.fsdecode(name))
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
        put(tmp_path / name)
    put(tmp_path / ".empty", b"")
    found = list_folder(tmp_path)

    assert [file.partition for file in found.files] == ["_f=1/g.json"]
    assert found.hidden == (".b.json", "_a.json", "_d", "c.json.PART", "c.json._COPYING_", "c.tmp")
    assert list(found.remarks()) == [
        "6 names say that the file is not finished, by a leading _ or ., or an ending such as .tmp:"
        " .b.json, _a.json, _d, ..."
    ]
