"""The Spark jars: fetched once, compared with their checksums, and what is said when they cannot be had.

Only the tests on the user's own cache may fetch the 19 MB, and they do it once.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import requires, version
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from clickstream_platform.doctor import diagnose
from clickstream_platform.errors import SetupError
from clickstream_platform.jvm import jars, maven
from clickstream_platform.jvm.jars import MADE_FOR, SPARK_JARS, jar_paths
from clickstream_platform.jvm.machine import require_room
from clickstream_platform.jvm.maven import Artifact, resolve
from clickstream_platform.jvm.session import build_session
from clickstream_platform.settings import Settings, from_env

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

needs_java = pytest.mark.spark  # with no more than Ivy in it, half a second each
UNREACHABLE = "http://127.0.0.1:9/"  # the discard port: nothing listens


@pytest.fixture(scope="session")
def user_cache() -> Path:
    """The cache that the Spark tests use too."""
    return from_env().cache


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[tuple[str, Artifact]]:
    """A Maven repository on this machine, and the one small jar it has."""
    folder = tmp_path / "repository"
    jar = folder / "org" / "example" / "tiny" / "1.0" / "tiny-1.0.jar"
    jar.parent.mkdir(parents=True)
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("hello.txt", "hello")
    content = jar.read_bytes()
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        tiny = Artifact("org.example", "tiny", "1.0", len(content), hashlib.sha256(content).hexdigest())
        yield f"http://127.0.0.1:{server.server_address[1]}/", tiny
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@needs_java
def test_the_users_cache_has_every_jar_and_none_is_damaged(user_cache: Path) -> None:
    paths = jar_paths(user_cache)

    assert [path.name for path in paths] == [artifact.file_name for artifact in SPARK_JARS]
    assert not maven.missing_from(user_cache, SPARK_JARS)
    assert not maven.damaged_from(user_cache, SPARK_JARS)


@needs_java
def test_a_second_call_reads_no_jar_waits_for_no_lock_and_starts_no_java(
    user_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = jar_paths(user_cache)
    for costly in ("sha256", "require_java", "_alone"):
        monkeypatch.delattr(maven, costly)

    assert jar_paths(user_cache) == found


@needs_java
def test_a_damaged_jar_of_the_right_size_is_found(user_cache: Path, tmp_path: Path) -> None:
    jars = tmp_path / "jars"
    jars.mkdir()
    for path in jar_paths(user_cache):
        (jars / path.name).symlink_to(path)
    victim = jars / SPARK_JARS[1].file_name
    content = bytearray(victim.read_bytes())
    content[1000] ^= 1
    victim.unlink()
    victim.write_bytes(content)

    assert maven.damaged_from(tmp_path, SPARK_JARS) == (victim,)


@needs_java
def test_what_is_fetched_lands_whole_and_leaves_nothing_else(repository: tuple[str, Artifact], tmp_path: Path) -> None:
    address, tiny = repository
    cache = tmp_path / "cache"

    (jar,) = resolve([tiny], cache, address)

    assert hashlib.sha256(jar.read_bytes()).hexdigest() == tiny.sha256
    assert sorted(path.name for path in jar.parent.iterdir()) == [".lock", "tiny-1.0.jar"]


@needs_java
def test_of_an_artifacts_several_jars_the_one_that_is_meant_is_fetched(
    repository: tuple[str, Artifact], tmp_path: Path
) -> None:
    address, tiny = repository
    beside = tmp_path / "repository" / "org" / "example" / "tiny" / "1.0" / "tiny-1.0-shaded.jar"
    beside.write_bytes(b"another")
    shaded = replace(tiny, size=7, sha256=hashlib.sha256(b"another").hexdigest(), classifier="shaded")

    (jar,) = resolve([shaded], tmp_path / "cache", address)

    assert jar.name == "tiny-1.0-shaded.jar"
    assert jar.read_bytes() == b"another"


@needs_java
def test_a_jar_cut_short_is_fetched_again(repository: tuple[str, Artifact], tmp_path: Path) -> None:
    address, tiny = repository
    jar = tmp_path / "cache" / "jars" / tiny.file_name
    jar.parent.mkdir(parents=True)
    jar.write_bytes(b"PK")

    resolve([tiny], tmp_path / "cache", address)

    assert jar.stat().st_size == tiny.size


@needs_java
def test_what_a_killed_process_left_is_cleared_away(repository: tuple[str, Artifact], tmp_path: Path) -> None:
    address, tiny = repository
    left = tmp_path / "cache" / "jars" / ".fetch-killed"
    left.mkdir(parents=True)
    (left / "half.jar").write_bytes(b"PK")

    resolve([tiny], tmp_path / "cache", address)

    assert not left.exists()


@needs_java
def test_two_processes_at_once_fetch_once(repository: tuple[str, Artifact], tmp_path: Path) -> None:
    address, tiny = repository
    script = f"""
import logging
from pathlib import Path
from clickstream_platform.jvm.maven import Artifact, resolve
logging.basicConfig(level=logging.INFO)
resolve([{tiny!r}], Path({str(tmp_path / "cache")!r}), {address!r})
"""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[1] for process in started]

    assert [process.returncode for process in started] == [0, 0]
    assert sum("fetching" in text for text in said) == 1


@needs_java
def test_content_that_differs_from_the_pinned_one_never_reaches_the_cache(
    repository: tuple[str, Artifact], tmp_path: Path
) -> None:
    address, tiny = repository

    with pytest.raises(SetupError, match=r"tiny-1\.0\.jar: what was fetched has the SHA-256 .*, not 000000000000"):
        resolve([replace(tiny, sha256="0" * 64)], tmp_path / "cache", address)
    assert not list((tmp_path / "cache" / "jars").glob("*.jar"))


@needs_java
def test_no_network_names_the_repository_and_the_cause(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"^jars: http://127\.0\.0\.1:9/ cannot be reached .*HTTPS_PROXY") as refused:
        resolve(SPARK_JARS, tmp_path, UNREACHABLE)
    assert "\n" not in str(refused.value)


@needs_java
def test_an_artifact_that_the_repository_lacks_is_named(repository: tuple[str, Artifact], tmp_path: Path) -> None:
    address, tiny = repository

    with pytest.raises(SetupError, match=r"did not deliver them .*org\.example#absent;1\.0: not found"):
        resolve([replace(tiny, name="absent")], tmp_path / "cache", address)


@pytest.mark.parametrize("package", ["pyspark", "delta-spark"])
def test_another_version_than_that_of_the_jars_is_refused_before_a_jvm_starts(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "version", {**MADE_FOR, package: "9.9.9"}.__getitem__)

    said = rf"^{package}: 9\.9\.9 is installed, .*-{MADE_FOR[package]}\.jar; run make setup"
    with pytest.raises(SetupError, match=said):
        build_session(Settings(home=tmp_path, cache=tmp_path / "cache"))
    assert list(tmp_path.iterdir()) == []  # nothing was fetched
    (of_jars,) = (finding for finding in diagnose(Settings(home=tmp_path)) if finding.name == "jars")
    assert re.match(said, f"{of_jars.finding}; {of_jars.remedy}")


def test_the_jars_are_those_of_the_packages_that_are_installed_and_dagsters_integration_takes_them() -> None:
    for package, wanted in MADE_FOR.items():
        assert version(package) == wanted
    for package in ("delta-spark", "dagster-pyspark"):
        (asked,) = (each for each in map(Requirement, requires(package) or ()) if each.name == "pyspark")
        assert asked.specifier.contains(MADE_FOR["pyspark"])


def test_a_full_disk_is_found_before_the_fetch(tmp_path: Path) -> None:
    beyond_any_disk = replace(SPARK_JARS[0], size=1 << 60)

    with pytest.raises(SetupError, match=r"MB of disk are free, the jars need .* set CLICKSTREAM_CACHE"):
        resolve([beyond_any_disk], tmp_path, UNREACHABLE)


def test_room_is_asked_of_the_disk_that_will_hold_a_folder_not_made_yet(tmp_path: Path) -> None:
    assert require_room(tmp_path / "not" / "made", 1, "tables", "CLICKSTREAM_HOME") > 1


def test_a_cache_that_cannot_be_written_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SetupError, match=r"cannot be written \(Not a directory\); set CLICKSTREAM_CACHE"):
        jar_paths(tmp_path / "file")


@pytest.mark.parametrize(
    ("tool_options", "expected"),
    [("", ["-Dhttps.proxyHost=proxy.example", "-Dhttps.proxyPort=3128"]), ("-Dhttps.proxyHost=other", [])],
)
def test_the_proxy_of_the_environment_reaches_java(
    java: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool_options: str, expected: list[str]
) -> None:
    java(f'echo \'openjdk version "17.0.1"\' >&2; echo "$@" >> {tmp_path}/arguments')
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", tool_options)

    with pytest.raises(SetupError, match="Ivy brought no such jar"):
        resolve(SPARK_JARS[:1], tmp_path / "cache")
    asked_for_version, fetched = (tmp_path / "arguments").read_text().splitlines()
    assert asked_for_version == "-version"
    assert [argument for argument in fetched.split() if "proxy" in argument] == expected
