"""What a machine is made ready with: the class-data archive, which nobody misses if it is not there, and jars."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from clickstream_platform import prepare
from clickstream_platform.jvm import class_data
from clickstream_platform.jvm.machine import require_java
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.store.azure import AzureAccess
from clickstream_platform.store.google import GoogleAccess
from clickstream_platform.store.s3 import S3Access


def test_an_archive_fits_one_java(tmp_path: Path) -> None:
    java = require_java()
    names = {class_data.archive(each, tmp_path) for each in (java, replace(java, version="99.0.1"))}
    assert len(names) == 2


def test_without_an_archive_a_jvm_is_told_nothing(tmp_path: Path) -> None:
    assert class_data.to_use(require_java(), tmp_path) == ""


@pytest.mark.spark
def test_a_jvm_that_refuses_the_archive_goes_on_and_says_nothing(tmp_path: Path) -> None:
    java = require_java()
    class_data.archive(java, tmp_path).write_bytes(b"of another JVM")
    options = [option.strip('"') for option in class_data.to_use(java, tmp_path).split()]
    ran = subprocess.run([java.path, *options, "--version"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(("openjdk", "java"))


def left(cache: Path, content: bytes, name: str = "1", age: float = 1) -> Path:
    """What the JVM of a run left in the cache, some seconds ago."""
    place = class_data.archive(require_java(), cache)
    file = place.with_name(f".{place.stem}-{name}.jsa")
    file.write_bytes(content)
    os.utime(file, (then := time.time() - age, then))
    return file


WHOLE, STOPPED = b"\xa8\xab\x0b\xf0 and the classes", bytes(4096) + b"classes"  # its first bytes are written last


def test_the_first_run_leaves_an_archive_and_the_next_uses_it(tmp_path: Path) -> None:
    java = require_java()
    place = class_data.archive(java, tmp_path)
    assert f'"-XX:ArchiveClassesAtExit={tmp_path}/.{place.stem}-' in class_data.to_use_or_leave(java, tmp_path)
    left(tmp_path, WHOLE)
    assert f'"-XX:SharedArchiveFile={place}"' in class_data.to_use_or_leave(java, tmp_path)
    assert list(tmp_path.iterdir()) == [place]
    assert place.read_bytes() == WHOLE


def test_two_runs_at_once_leave_one_archive(tmp_path: Path) -> None:
    java = require_java()
    assert class_data.to_use_or_leave(java, tmp_path) != class_data.to_use_or_leave(java, tmp_path)  # each its own
    left(tmp_path, WHOLE, "1")
    left(tmp_path, WHOLE, "2")
    class_data.to_use_or_leave(java, tmp_path)
    assert list(tmp_path.iterdir()) == [class_data.archive(java, tmp_path)]


@pytest.mark.parametrize(("age", "stays"), [(1, True), (7200, False)])
def test_what_a_jvm_was_stopped_in_the_middle_of_is_never_used(tmp_path: Path, age: float, stays: bool) -> None:
    java = require_java()
    file = left(tmp_path, STOPPED, age=age)
    assert "ArchiveClassesAtExit" in class_data.to_use_or_leave(java, tmp_path)
    assert file.exists() == stays  # a JVM may be at it


def test_what_was_left_before_the_machine_stopped_may_not_be_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(tmp_path, WHOLE, age=60)
    monkeypatch.setattr(class_data, "_booted", lambda: time.time() - 30)
    assert "ArchiveClassesAtExit" in class_data.to_use_or_leave(require_java(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_java_leaves_another_archive_and_one_unused_for_a_month_goes(tmp_path: Path) -> None:
    java = require_java()
    used, unused = (class_data.archive(replace(java, version=version), tmp_path) for version in ("98", "99"))
    for file, days in ((used, 1), (unused, 31)):
        file.write_bytes(WHOLE)
        os.utime(file, (then := time.time() - days * 86_400, then))
    assert "ArchiveClassesAtExit" in class_data.to_use_or_leave(java, tmp_path)
    left(tmp_path, WHOLE)
    assert "SharedArchiveFile" in class_data.to_use_or_leave(java, tmp_path)
    assert {*tmp_path.iterdir()} == {used, class_data.archive(java, tmp_path)}


def test_without_room_or_a_cache_that_can_be_written_a_run_goes_on_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = require_java()
    assert class_data.to_use_or_leave(java, tmp_path / "none") == ""
    monkeypatch.setattr(class_data, "ROOM", 10**18)
    assert class_data.to_use_or_leave(java, tmp_path) == ""
    class_data.archive(java, tmp_path).write_bytes(WHOLE)
    assert "SharedArchiveFile" in class_data.to_use_or_leave(java, tmp_path)  # what is there is used


@pytest.mark.spark
def test_a_jvm_leaves_an_archive_that_the_next_one_takes(tmp_path: Path) -> None:
    java = require_java()
    for _ in range(2):
        options = [option.strip('"') for option in class_data.to_use_or_leave(java, tmp_path).split()]
        ran = subprocess.run([java.path, *options, "-Xshare:auto", "--version"], capture_output=True, check=True)
        assert ran.stderr == b""
    options = [option.strip('"') for option in class_data.to_use(java, tmp_path).split()]
    subprocess.run(
        [java.path, *options, "-Xshare:on", "--version"], capture_output=True, check=True
    )  # or it would fail


def test_what_is_kept_is_not_kept_again(tmp_path: Path) -> None:
    (kept := class_data.archive(require_java(), tmp_path)).touch()
    prepare.keep_classes(Settings(cache=tmp_path, home=tmp_path))
    assert list(tmp_path.iterdir()) == [kept]


@pytest.mark.spark
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux says what a process maps")
def test_a_session_maps_the_classes_of_a_run_that_was_made_for_it(tmp_path: Path) -> None:
    """In a process of its own, as this one has a session already. A run of one table has an archive as that of all."""
    (cache := tmp_path / "cache").mkdir()
    (cache / "jars").symlink_to(from_env().cache / "jars")
    own = {name: str(tmp_path / name) for name in ("HOME", "SOURCE", "LAKE")}
    environment = {**os.environ, "CLICKSTREAM_CACHE": str(cache), **{f"CLICKSTREAM_{k}": v for k, v in own.items()}}
    subprocess.run([sys.executable, "-c", KEPT, "--classes"], env=environment, check=True)
    assert list(tmp_path.iterdir()) == [cache]  # nothing in what is the user's
    (archive,) = cache.glob("*.jsa")
    asked = subprocess.run([sys.executable, "-c", MAPPED], env=environment, check=True, capture_output=True, text=True)
    assert str(archive) in asked.stdout


KEPT = """
import sys
from clickstream_platform import prepare, tables
every = tables.tables
tables.tables = lambda settings: {"events": every(settings)["events"]}
sys.exit(prepare.main())
"""
MAPPED = """
from pathlib import Path
from clickstream_platform.settings import from_env
from clickstream_platform.jvm.session import build_session

session = build_session(from_env())
print(Path(f"/proc/{session.sparkContext._gateway.proc.pid}/maps").read_text())
session.stop()
"""


def test_who_prepares_a_machine_for_stores_has_the_jars_of_each_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    monkeypatch.setattr(prepare, "jar_paths", lambda cache: ())  # pyright: ignore[reportUnknownLambdaType]
    monkeypatch.setattr(prepare, "resolve", lambda jars, cache: fetched.extend(each.name for each in jars))  # pyright: ignore
    monkeypatch.setattr(sys, "argv", ["prepare", "--stores"])

    assert prepare.main() == 0

    assert {S3Access.hadoop_module, AzureAccess.hadoop_module, GoogleAccess.hadoop_module} <= {*fetched}
