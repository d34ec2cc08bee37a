"""Artifacts of Maven Central, fetched once into the user's cache, by the Ivy that pyspark ships."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Generator, Sequence
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
from clickstream_platform.jvm.machine import Java, last_line, require_java, require_room

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
    classifier: str = ""

    @property
    def file_name(self) -> str:
        """The jar's name in the cache."""
        return "-".join(filter(None, (self.name, self.version, self.classifier))) + ".jar"

    @property
    def ivy_dependency(self) -> str:
        """It and nothing beside it, as Ivy is asked for it."""
        of_it = f'<artifact name="{self.name}" type="jar" m:classifier="{self.classifier}"/>' if self.classifier else ""
        named = f'org="{self.organisation}" name="{self.name}" rev="{self.version}"'
        return f'<dependency {named} transitive="false">{of_it}</dependency>'


def resolve(artifacts: Sequence[Artifact], cache: Path, repository: str | None = None) -> tuple[Path, ...]:
    """Bring the artifacts, and nothing they depend on, into ``cache / "jars"``; return their paths in the same order.

    A jar that is in the cache is trusted by name and size, which costs microseconds; its checksum was compared before
    it got there. Two processes may call this at once: one fetches, the other waits and finds. A jar is either whole in
    the cache or absent. Not guaranteed: that nobody has altered a jar since.

    Args:
        artifacts: what to fetch.
        cache: the user's cache folder.
        repository: address of a Maven repository to ask instead of Maven Central.

    Raises:
        SetupError: the cache cannot be written, the disk is full, there is no Java or no network, or what came is not
            what was asked for.
    """
    folder = cache / "jars"
    if missing_from(cache, artifacts):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _alone(folder):
                _fetch(missing_from(cache, artifacts), folder, repository)
        except OSError as refused:
            finding = f"cannot be written ({refused.strerror or refused})"
            raise SetupError(str(folder), finding, "set CLICKSTREAM_CACHE to a folder you may write") from refused
    return tuple(folder / artifact.file_name for artifact in artifacts)


def missing_from(cache: Path, artifacts: Sequence[Artifact]) -> tuple[Artifact, ...]:
    """The artifacts that ``cache`` lacks, by name and size."""
    return tuple(artifact for artifact in artifacts if not _is_there(cache / "jars" / artifact.file_name, artifact))


def damaged_from(cache: Path, artifacts: Sequence[Artifact]) -> tuple[Path, ...]:
    """The jars in ``cache`` whose content is not what was fetched. Reads them all."""
    paths = {cache / "jars" / artifact.file_name: artifact for artifact in artifacts}
    return tuple(path for path, artifact in paths.items() if path.is_file() and sha256(path) != artifact.sha256)


def sha256(path: Path) -> str:
    """The checksum of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_there(path: Path, artifact: Artifact) -> bool:
    return path.is_file() and path.stat().st_size == artifact.size


@contextmanager
def _alone(folder: Path) -> Generator[None]:
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
    # Ivy keeps a copy of its own until the end; and leave as much again.
    require_room(folder, 3 * size, "the jars", "CLICKSTREAM_CACHE")
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


def _require_checksum(path: Path, artifact: Artifact) -> None:
    if not path.is_file():
        raise SetupError(artifact.file_name, "Ivy brought no such jar", "try again; if it stays so, report it")
    checksum = sha256(path)
    if checksum != artifact.sha256:
        finding = f"what was fetched has the SHA-256 {checksum[:12]}..., not {artifact.sha256[:12]}..."
        raise SetupError(artifact.file_name, finding, "try again; if it stays so, a proxy on the way alters it")


def _run_ivy(java: Java, artifacts: Sequence[Artifact], scratch: Path, repository: str | None) -> None:
    (scratch / "settings.xml").write_text(_ivy_settings(repository))
    (scratch / "ivy.xml").write_text(_ivy_module(artifacts))
    command = [str(java.path), *_proxy_options(), "-cp", str(_ivy_jar()), "org.apache.ivy.Main"]
    command += ["-settings", "settings.xml", "-ivy", "ivy.xml", "-cache", "ivy", "-types", "jar", "bundle"]
    command += ["-retrieve", "[artifact]-[revision](-[classifier]).[ext]"]
    try:
        ivy = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired as slow:
        raise SetupError("jars", f"not fetched within {PATIENCE} s", "try again on a faster network") from slow
    if ivy.returncode != 0:
        raise SetupError("jars", *_what_ivy_met(ivy.stdout + ivy.stderr, repository or "Maven Central"))


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
    dependencies = "\n".join(f"    {artifact.ivy_dependency}" for artifact in artifacts)
    return f"""<ivy-module version="2.0" xmlns:m="http://ant.apache.org/ivy/maven">
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
    absent = re.search(r":: (\S+#\S+: not found)", output)
    reason = absent[1] if absent else last_line(output)
    return f"{repository} did not deliver them ({reason})", "try again; if it stays so, report it"


def _proxy_options() -> list[str]:
    """``HTTPS_PROXY`` as Java wants it, unless ``JAVA_TOOL_OPTIONS`` names a proxy, which then holds."""
    proxy = urlsplit(getproxies().get("https", ""))
    if proxy.hostname is None or "proxyHost" in os.environ.get("JAVA_TOOL_OPTIONS", ""):
        return []
    return [f"-Dhttps.proxyHost={proxy.hostname}", f"-Dhttps.proxyPort={proxy.port or 80}"]
