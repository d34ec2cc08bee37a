"""The class-data archive: used if it is there, missed by nobody if it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from clickstream_platform import prepare
from clickstream_platform.jvm import class_data
from clickstream_platform.jvm.machine import require_java
from clickstream_platform.settings import Settings, from_env


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


def test_what_is_kept_is_not_kept_again(tmp_path: Path) -> None:
    (kept := class_data.archive(require_java(), tmp_path)).touch()
    prepare.keep_classes(Settings(cache=tmp_path, home=tmp_path))
    assert list(tmp_path.iterdir()) == [kept]


@pytest.mark.spark
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux says what a process maps")
def test_a_session_maps_the_classes_of_a_run_that_was_made_for_it(tmp_path: Path) -> None:
    """In a process of its own, as this one has a session already. Costs two minutes, for run and archive."""
    (cache := tmp_path / "cache").mkdir()
    (cache / "jars").symlink_to(from_env().cache / "jars")
    own = {name: str(tmp_path / name) for name in ("HOME", "SOURCE", "LAKE")}
    environment = {**os.environ, "CLICKSTREAM_CACHE": str(cache), **{f"CLICKSTREAM_{k}": v for k, v in own.items()}}
    subprocess.run([sys.executable, "-m", prepare.__name__, "--classes"], env=environment, check=True)
    assert list(tmp_path.iterdir()) == [cache]  # nothing in what is the user's
    (archive,) = cache.glob("*.jsa")
    asked = subprocess.run([sys.executable, "-c", MAPPED], env=environment, check=True, capture_output=True, text=True)
    assert str(archive) in asked.stdout


MAPPED = """
from pathlib import Path
from clickstream_platform.settings import from_env
from clickstream_platform.jvm.session import build_session

session = build_session(from_env())
print(Path(f"/proc/{session.sparkContext._gateway.proc.pid}/maps").read_text())
session.stop()
"""
