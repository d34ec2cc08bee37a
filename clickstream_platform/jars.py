"""Which jars Spark needs beside its own, fetched once into the user's cache; and which Java runs them.

The jars come from Maven Central by the Ivy that pyspark ships. ``spark.jars.packages`` would ask the network at every
session start (9 s) and fails on a Maven cache that holds a pom without its jar.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from urllib.parse import urlsplit
from urllib.request import getproxies
from xml.sax.saxutils import quoteattr

from clickstream_platform.errors import SetupError

OLDEST_JAVA = 17  # Spark 4 is compiled for it
PATIENCE = 900  # seconds for one fetch: 19 MB at 25 kB/s

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Artifact:
    """One jar on Maven Central, and what must be in it."""

    organisation: str
    name: str
    version: str
    size: int
    sha256: str

    @property
    def file_name(self) -> str:
        """The jar's name in the cache."""
        return f"{self.name}-{self.version}.jar"


SPARK_JARS = (
    Artifact(
        "io.delta", "delta-spark_4.2_2.13", "4.4.0", 9_515_916,
        "27d4fd8b1f879535c573ed1c718177d6a27f24d3e626ba02e216369725721ead",
    ),
    Artifact(
        "io.delta", "delta-storage", "4.4.0", 113_863,
        "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc",
    ),
    Artifact(
        "org.apache.spark", "spark-sql-kafka-0-10_2.13", "4.2.0", 494_879,
        "64539c45e5d39f7ddb747312c239f38f5208d08c1a0ddf7d70beb2fbd9373705",
    ),
    Artifact(
        "org.apache.spark", "spark-token-provider-kafka-0-10_2.13", "4.2.0", 66_617,
        "641c7947afc8aa1189e433b7c2d305293993c8691bc1c2062d6d4f513b12518c",
    ),
    Artifact(
        "org.apache.kafka", "kafka-clients", "3.9.2", 9_220_052,
        "014b4ef36884478a932641818b080c36a8f8e2e92dc771e800c9d2694f4f83d8",
    ),
    Artifact(
        "org.apache.commons", "commons-pool2", "2.13.1", 156_457,
        "f77a5060d6936a9144023584232f9de3f2248f1abfe156e9d31795f18770674f",
    ),
)  # fmt: skip
"""Delta, and Spark's Kafka source with the three jars it needs; everything else is in the pip package."""


@dataclass(frozen=True)
class Java:
    """A Java that Spark can run on."""

    path: Path
    version: str


def require_java() -> Java:
    """Find the Java that Spark will start: ``JAVA_HOME``, else the first ``java`` on the ``PATH``.

    Starts it once to ask for its version, which costs about 0.1 s.

    Raises:
        SetupError: there is none, it does not run, or it is too old.
    """
    remedy = f"install Java {OLDEST_JAVA} or newer and set JAVA_HOME to its folder, or put java on the PATH"
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
    if found is None:
        where = f"JAVA_HOME is {home}, but there is no bin/java in it" if home else "not found on the PATH"
        raise SetupError("java", where, remedy)
    try:
        asked = subprocess.run([found, "-version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as failed:
        raise SetupError("java", f"{found} does not run ({failed})", remedy) from failed
    version = re.search(r'version "([^"]+)"', asked.stderr + asked.stdout)
    if asked.returncode != 0 or version is None:
        said = _last_line(asked.stderr + asked.stdout)
        raise SetupError("java", f"{found} -version failed ({said})", remedy)
    if _major(version[1]) < OLDEST_JAVA:
        raise SetupError("java", f"{found} is version {version[1]}, too old for Spark", remedy)
    return Java(Path(found), version[1])


def jar_paths(cache: Path) -> tuple[Path, ...]:
    """The jars for a SparkSession's class path, fetched into ``cache`` if they are not there yet.

    Raises:
        SetupError: as ``resolve``.
    """
    return resolve(SPARK_JARS, cache)


def resolve(artifacts: Sequence[Artifact], cache: Path, repository: str | None = None) -> tuple[Path, ...]:
    """Bring the artifacts, and nothing they depend on, into ``cache / "jars"``; return their paths in the same order.

    A jar that is in the cache is trusted by name and size, which costs microseconds; its checksum was compared before
    it got there. Two processes may call this at once: one fetches, the other waits and finds. A jar is either whole in
    the cache or absent. Not guaranteed: that nobody has altered a jar since; ``damaged`` reads them all.

    Args:
        artifacts: what to fetch.
        cache: the user's cache folder.
        repository: address of a Maven repository to ask instead of Maven Central.

    Raises:
        SetupError: the cache cannot be written, the disk is full, there is no Java or no network, or what came is not
            what was asked for.
    """
    folder = cache / "jars"
    if _missing(artifacts, folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _alone(folder):
                _fetch(_missing(artifacts, folder), folder, repository)
        except OSError as refused:
            finding = f"cannot be written ({refused.strerror or refused})"
            raise SetupError(str(folder), finding, "set CLICKSTREAM_CACHE to a folder you may write") from refused
    return tuple(folder / artifact.file_name for artifact in artifacts)


def missing(cache: Path) -> tuple[Artifact, ...]:
    """The jars of a SparkSession that ``cache`` lacks: the next ``jar_paths`` will fetch them."""
    return _missing(SPARK_JARS, cache / "jars")


def damaged(cache: Path) -> tuple[Path, ...]:
    """The cached jars of a SparkSession whose content is not what was fetched. Reads them all, 19 MB."""
    paths = {cache / "jars" / artifact.file_name: artifact for artifact in SPARK_JARS}
    return tuple(path for path, artifact in paths.items() if path.is_file() and _sha256(path) != artifact.sha256)


def _missing(artifacts: Iterable[Artifact], folder: Path) -> tuple[Artifact, ...]:
    return tuple(artifact for artifact in artifacts if not _has_size(folder / artifact.file_name, artifact.size))


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system releases it when the process ends, however it ends."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left_by_a_killed_process in folder.glob(".fetch-*"):
            shutil.rmtree(left_by_a_killed_process, ignore_errors=True)
        yield


def _fetch(artifacts: Sequence[Artifact], folder: Path, repository: str | None) -> None:
    if not artifacts:
        return
    size = sum(artifact.size for artifact in artifacts)
    _require_room(folder, 3 * size)  # Ivy keeps a copy of its own until the end; and leave as much again
    java = require_java()
    log.info("fetching %d jars (%d MB) from %s ...", len(artifacts), size // 1_000_000, repository or "Maven Central")
    started = monotonic()
    with TemporaryDirectory(dir=folder, prefix=".fetch-") as scratch:
        _run_ivy(java, artifacts, Path(scratch), repository)
        for artifact in artifacts:
            _require_checksum(Path(scratch) / artifact.file_name, artifact)
        for artifact in artifacts:
            (Path(scratch) / artifact.file_name).replace(folder / artifact.file_name)
    log.info("fetched into %s in %.0f s", folder, monotonic() - started)


def _require_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size:
        finding = f"{free // 1_000_000} MB of disk are free, the Spark jars need {size // 1_000_000} MB"
        raise SetupError(str(folder), finding, "free some, or set CLICKSTREAM_CACHE to a folder on another disk")


def _require_checksum(path: Path, artifact: Artifact) -> None:
    if not path.is_file():
        raise SetupError(artifact.file_name, "Ivy brought no such jar", "try again; if it stays so, report it")
    found = _sha256(path)
    if found != artifact.sha256:
        finding = f"what was fetched has the SHA-256 {found[:12]}..., not {artifact.sha256[:12]}..."
        raise SetupError(artifact.file_name, finding, "try again; if it stays so, a proxy on the way alters it")


def _run_ivy(java: Java, artifacts: Sequence[Artifact], scratch: Path, repository: str | None) -> None:
    (scratch / "settings.xml").write_text(_ivy_settings(repository))
    (scratch / "ivy.xml").write_text(_ivy_module(artifacts))
    command = [str(java.path), *_proxy_options(), "-cp", str(_ivy_jar()), "org.apache.ivy.Main"]
    command += ["-settings", "settings.xml", "-ivy", "ivy.xml", "-cache", "ivy", "-types", "jar", "bundle"]
    command += ["-retrieve", "[artifact]-[revision].[ext]"]
    try:
        ivy = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired as slow:
        raise SetupError("Spark jars", f"not fetched within {PATIENCE} s", "try again on a faster network") from slow
    if ivy.returncode != 0:
        raise SetupError("Spark jars", *_what_ivy_met(ivy.stdout + ivy.stderr, repository or "Maven Central"))


def _ivy_settings(repository: str | None) -> str:
    root = f"root={quoteattr(repository)}" if repository else ""  # without a root, ibiblio is Maven Central
    return f"""<ivysettings>
  <settings defaultResolver="central"/>
  <timeout-constraints>
    <timeout-constraint name="patience" connectionTimeout="10000" readTimeout="60000"/>
  </timeout-constraints>
  <resolvers>
    <ibiblio name="central" {root} m2compatible="true" usepoms="false" timeoutConstraint="patience"/>
  </resolvers>
</ivysettings>
"""


def _ivy_module(artifacts: Sequence[Artifact]) -> str:
    dependencies = "\n".join(
        f'    <dependency org="{artifact.organisation}" name="{artifact.name}" rev="{artifact.version}"'
        ' transitive="false"/>'
        for artifact in artifacts
    )
    return f"""<ivy-module version="2.0">
  <info organisation="clickstream" module="jars"/>
  <dependencies>
{dependencies}
  </dependencies>
</ivy-module>
"""


def _ivy_jar() -> Path:
    pyspark = find_spec("pyspark")  # found, not imported: an import costs half a second
    folders = pyspark.submodule_search_locations if pyspark else None
    jars = sorted(jar for folder in folders or () for jar in Path(folder, "jars").glob("ivy-*.jar"))
    if not jars:
        raise SetupError("pyspark", "not installed, or without its jars", "run make setup")
    return jars[-1]


def _what_ivy_met(output: str, repository: str) -> tuple[str, str]:
    """The finding and the remedy in what Ivy printed."""
    if "No space left" in output:
        return "the disk filled up while they were fetched", "free some, or set CLICKSTREAM_CACHE to another disk"
    cause = re.search(r"Server access error at url \S+ \((?:[\w.]+: )?(.+)\)", output)
    if cause:
        finding = f"{repository} cannot be reached ({cause[1]})"
        return finding, "connect to the network, or set HTTPS_PROXY; after one success no network is needed"
    return f"{repository} did not deliver them ({_last_line(output)})", "try again; if it stays so, report it"


def _proxy_options() -> list[str]:
    """``HTTPS_PROXY`` as Java wants it, unless ``JAVA_TOOL_OPTIONS`` names a proxy, which then holds."""
    proxy = urlsplit(getproxies().get("https", ""))
    if proxy.hostname is None or "proxyHost" in os.environ.get("JAVA_TOOL_OPTIONS", ""):
        return []
    return [f"-Dhttps.proxyHost={proxy.hostname}", f"-Dhttps.proxyPort={proxy.port or 80}"]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _major(version: str) -> int:
    """17 of ``17.0.15``; 8 of ``1.8.0_402``; 26 of ``26-ea``."""
    numbers = [int(number) for number in re.findall(r"\d+", version)[:2]]
    return numbers[1] if numbers[0] == 1 and len(numbers) > 1 else numbers[0]


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"


def main() -> int:
    """Fetch the jars, for ``make setup``: quiet when they are there."""
    from clickstream_platform.errors import ClickstreamError
    from clickstream_platform.settings import from_env

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        require_java()
        jar_paths(from_env().cache)
    except ClickstreamError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
