"""The class-data archive: the classes of one JVM, kept in a file that the next one maps instead of loading them anew.

A cold run of all tables loads 20,000 classes, for a quarter of its processor time. The archive fits one Java and one
set of jars; where there is none, all works the same, only later.

Nobody asks for it and nobody waits for it: the JVM of a run that finds none writes one as it ends, after the run. It
writes under a name of its own, the first bytes last; the next run that finds a whole one gives it its place. So two
runs at once, a kill in the middle or a full disk leave no archive, or one that is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from clickstream_platform.jvm.machine import Java, nearest_folder
from clickstream_platform.jvm.store import OWN_JAR

ROOM = 600_000_000  # bytes: the archive is 200 MB, and is written beside the one it replaces
UNUSED = 30 * 24 * 3600  # seconds; by then a Java or a set of jars is not used any more
WRITING = 3600  # seconds; no JVM takes as long to write one
QUIET = "-Xlog:cds=off -Xlog:cds+dynamic=off"  # or a JVM says on its stdout which classes it cannot keep, and why


def archive(java: Java, cache: Path, *, client: str = "") -> Path:
    """Where the archive for this Java and the installed jars is, or would be.

    A session on a store has more of them: those of Hadoop's client of it.
    """
    pyspark = find_spec("pyspark")
    assert pyspark is not None
    assert pyspark.origin is not None
    jars = Path(pyspark.origin).with_name("jars")
    # A JVM refuses an archive if a jar is not of the time it was; jars that were installed anew are in a new folder.
    # Our own jar is the only one that is replaced in its place, by every update of the package.
    fits = [java.version, str(java.path.resolve()), str(jars), jars.stat().st_mtime_ns, str(cache.resolve())]
    fits += [client, str(OWN_JAR), OWN_JAR.stat().st_mtime_ns] if client else []
    return cache / f"classes-{hashlib.sha256(json.dumps(fits).encode()).hexdigest()[:12]}.jsa"


def to_make(file: Path) -> str:
    """The option of a JVM that is to leave an archive when it ends."""
    return f'"-XX:ArchiveClassesAtExit={file}"'


def to_use(java: Java, cache: Path, *, client: str = "") -> str:
    """The option of a JVM that is to use the archive; empty if there is none. A JVM that refuses it goes on without."""
    file = archive(java, cache, client=client)
    return f'"-XX:SharedArchiveFile={file}" {QUIET}' if file.is_file() else ""


def to_use_or_leave(java: Java, cache: Path, *, client: str = "") -> str:
    """The options of a run's JVM: to use the archive or, where there is none yet, to leave one when it ends.

    Empty where there is no room for one, or ``cache`` cannot be written. Raises nothing.
    """
    place = archive(java, cache, client=client)
    with suppress(OSError):  # a cache that only others may write: what is there is used all the same
        _adopt(place)
    if place.is_file():
        with suppress(OSError):
            os.utime(place)  # it is in use: see UNUSED
        return to_use(java, cache, client=client)
    return f"{to_make(_own(place))} {QUIET}" if obstacle(cache) is None else ""


def obstacle(cache: Path) -> str | None:
    """Why no archive can be left in the cache; None if one can."""
    folder = nearest_folder(cache)
    if not cache.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return f"{cache} cannot be written"
    stats = os.statvfs(folder)
    free = stats.f_bavail * stats.f_frsize
    return None if free >= ROOM else f"{free // 1_000_000} MB of disk are free, it needs {ROOM // 1_000_000} MB"


def keep(left: Path, place: Path) -> None:
    """Give an archive its place, and delete those that no run has used for a month."""
    with left.open("rb") as file:
        os.fsync(file.fileno())
    left.replace(place)
    for other in place.parent.glob("classes-*.jsa"):
        if other != place and other.stat().st_mtime < time.time() - UNUSED:
            other.unlink(missing_ok=True)


def _own(place: Path) -> Path:
    """The name under which a JVM that this process starts writes it."""
    return place.with_name(f".{place.stem}-{os.getpid()}-{time.time_ns()}.jsa")


def _adopt(place: Path) -> None:
    """Give one that a JVM has left its place; delete what JVMs were stopped in the middle of, and what is too much."""
    for left in place.parent.glob(f".{place.stem}-*.jsa"):
        if _is_whole(left) and not place.is_file():
            keep(left, place)
        elif place.is_file() or left.stat().st_mtime < max(time.time() - WRITING, _booted()):
            left.unlink(missing_ok=True)


def _is_whole(left: Path) -> bool:
    """Whether a JVM wrote it to its end, and the machine has not stopped since, before it was on the disk."""
    with left.open("rb") as file:
        return any(file.read(8)) and os.fstat(file.fileno()).st_mtime > _booted()


def _booted() -> float:
    """When this machine was started, in seconds since 1970; 0 where that cannot be told."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return 0 if boot is None else time.time() - time.clock_gettime(boot)
