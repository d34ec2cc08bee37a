"""Build the jar of our own Java classes: the same bytes wherever it is built with a javac of Java 17.

Entries are in the order of their names, of one fixed time, and not compressed. ``sources`` in the jar is the SHA-256 of
the sources that it was built from: who has no javac sees by it whether the jar is theirs.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from clickstream_platform.jvm.azure_jars import AZURE_JARS
from clickstream_platform.jvm.jars import jar_paths
from clickstream_platform.jvm.maven import resolve
from clickstream_platform.settings import from_env

HERE = Path(__file__).parent
LONG_AGO = (1980, 1, 1, 0, 0, 0)


def sources() -> list[Path]:
    """The Java files, in the order of their names."""
    return sorted(HERE.rglob("*.java"))


def build(jar: Path) -> str:
    """Compile the sources into a jar; return its SHA-256."""
    pyspark = find_spec("pyspark")
    assert pyspark is not None
    assert pyspark.origin is not None
    cache = from_env().cache
    jars = [Path(pyspark.origin).with_name("jars") / "*", *jar_paths(cache), *resolve(AZURE_JARS, cache)]
    classes = ":".join(map(str, jars))
    with TemporaryDirectory() as folder:
        command = ["javac", "--release", "17", "-g:none", "-implicit:none", "-cp", classes, "-d", folder]
        subprocess.run([*command, *map(str, sources())], check=True)
        with zipfile.ZipFile(jar, "w", zipfile.ZIP_STORED) as archive:
            for file in sorted(Path(folder).rglob("*.class")):
                _add(archive, file.relative_to(folder).as_posix(), file.read_bytes())
            _add(archive, "sources", hashlib.sha256(b"".join(file.read_bytes() for file in sources())).hexdigest())
    return hashlib.sha256(jar.read_bytes()).hexdigest()


def _add(archive: zipfile.ZipFile, name: str, content: bytes | str) -> None:
    entry = zipfile.ZipInfo(name, LONG_AGO)
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    archive.writestr(entry, content)


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
