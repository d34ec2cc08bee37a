"""The class-data archive: the classes of one JVM, kept in a file that the next one maps instead of loading them anew.

A cold run of all tables loads 20,000 classes, for a quarter of its processor time. The archive fits one Java and one
set of jars; where there is none, all works the same, only later.
"""

from __future__ import annotations

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path

from clickstream_platform.jvm.machine import Java


def archive(java: Java, cache: Path) -> Path:
    """Where the archive for this Java and the installed jars is, or would be."""
    pyspark = find_spec("pyspark")
    assert pyspark is not None
    assert pyspark.origin is not None
    jars = Path(pyspark.origin).with_name("jars")
    # A JVM refuses an archive if a jar is not of the time it was; jars that were installed anew are in a new folder.
    fits = [java.version, str(java.path.resolve()), str(jars), jars.stat().st_mtime_ns, str(cache.resolve())]
    return cache / f"classes-{hashlib.sha256(json.dumps(fits).encode()).hexdigest()[:12]}.jsa"


def to_make(file: Path) -> str:
    """The option of a JVM that is to leave an archive when it ends."""
    return f'"-XX:ArchiveClassesAtExit={file}"'


def to_use(java: Java, cache: Path) -> str:
    """The option of a JVM that is to use the archive; empty if there is none."""
    found = archive(java, cache)
    # A JVM that refuses it says so on its stdout, and goes on without.
    return f'"-XX:SharedArchiveFile={found}" -Xlog:cds=off -Xlog:cds+dynamic=off' if found.is_file() else ""
