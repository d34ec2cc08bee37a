"""Which Java is taken, and what is said of one that is missing, too old or broken."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clickstream_platform.errors import SetupError
from clickstream_platform.jvm.machine import require_java

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.usefixtures("java")
def test_no_java_says_what_to_install() -> None:
    with pytest.raises(SetupError, match=r"^java: not found on the PATH; install Java 17 or newer"):
        require_java()


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.22"])
def test_an_old_java_is_named_with_its_version(java: Callable[[str], Path], version: str) -> None:
    path = java(f"echo 'openjdk version \"{version}\" 2024-01-16' >&2")

    with pytest.raises(SetupError, match=rf"{path} is version {version}, too old for Spark; install Java 17"):
        require_java()


@pytest.mark.parametrize("version", ["17", "17.0.15", "21.0.2", "26-ea"])
def test_java_17_and_newer_are_taken(java: Callable[[str], Path], version: str) -> None:
    path = java(f"echo 'Picked up JAVA_TOOL_OPTIONS: -Dx=1' >&2; echo 'openjdk version \"{version}\"' >&2")

    assert require_java().path == path
    assert require_java().version == version


def test_a_java_that_does_not_run_is_quoted(java: Callable[[str], Path]) -> None:
    java("echo 'Error: could not find libjava.so' >&2; exit 1")

    with pytest.raises(SetupError, match=r"failed \(Error: could not find libjava\.so\)"):
        require_java()


def test_java_home_comes_before_the_path(
    java: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = java("echo 'openjdk version \"17.0.1\"' >&2")
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    assert require_java().path == path


@pytest.mark.usefixtures("java")
def test_a_java_home_without_java_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))

    with pytest.raises(SetupError, match=r"JAVA_HOME is .*gone, but there is no bin/java in it"):
        require_java()
