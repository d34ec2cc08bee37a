"""What this machine must have, each asked for in one place: a Java, and room on the disk."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from clickstream_platform.errors import SetupError

OLDEST_JAVA = 17  # Spark 4 is compiled for it


@dataclass(frozen=True)
class Java:
    """A Java that Spark can run on."""

    path: Path
    version: str


def require_java() -> Java:
    """Find the Java that Spark will start: ``JAVA_HOME``, else the first ``java`` on the ``PATH``.

    Starts it once to ask for its version, which costs about 0.05 s.

    Raises:
        SetupError: there is none, it does not run, or it is too old.
    """
    remedy = f"install Java {OLDEST_JAVA} or newer and set JAVA_HOME to its folder, or put java on the PATH"
    home = os.environ.get("JAVA_HOME")
    program = shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
    if program is None:
        finding = f"JAVA_HOME is {home}, but there is no bin/java in it" if home else "not found on the PATH"
        raise SetupError("java", finding, remedy)
    version = _version(program, remedy)
    if _major(version) < OLDEST_JAVA:
        raise SetupError("java", f"{program} is version {version}, too old for Spark", remedy)
    return Java(Path(program), version)


def require_room(folder: Path, size: int, needed_for: str, variable: str) -> int:
    """Look for ``size`` free bytes on the disk that holds ``folder``, or will hold it; return how many there are.

    Raises:
        SetupError: there are fewer; ``variable`` is the setting that would move the folder to another disk.
    """
    free = shutil.disk_usage(nearest_folder(folder)).free
    if free < size:
        finding = f"{free // 1_000_000} MB of disk are free, {needed_for} need {size // 1_000_000} MB"
        raise SetupError(str(folder), finding, f"free some, or set {variable} to a folder on another disk")
    return free


def nearest_folder(path: Path) -> Path:
    """The path, or its nearest ancestor that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def require_folder(folder: Path, variable: str, *, to_write: bool = True) -> None:
    """Refuse a folder that cannot be made, or not be written to. Looks, and leaves nothing behind.

    Raises:
        SetupError: names what is in the way, and the variable to set.
    """
    nearest = nearest_folder(folder)
    if not nearest.is_dir():
        raise SetupError(str(folder), f"{nearest} is not a folder", f"set {variable} to a folder")
    if not os.access(nearest, os.X_OK | (os.W_OK if to_write else os.R_OK)):
        do = "write to" if to_write else "read"
        raise SetupError(str(folder), f"you may not {do} {nearest}", f"set {variable} to a folder you may {do}")


def last_line(output: str) -> str:
    """The last line that a program printed: as a rule, what it died of."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"


def jvm_reason(output: str) -> str:
    """What a JVM died of: the last line that is not a stack's."""
    lines = (line for line in output.splitlines() if not line.lstrip().startswith(("at ", "... ")))
    return last_line("\n".join(lines))


def _version(java: str, remedy: str) -> str:
    try:
        asked = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as failed:
        raise SetupError("java", f"{java} does not run ({failed})", remedy) from failed
    version = re.search(r'version "(\d[^"]*)"', asked.stderr + asked.stdout)
    if asked.returncode != 0 or version is None:
        raise SetupError("java", f"{java} -version failed ({last_line(asked.stderr + asked.stdout)})", remedy)
    return version[1]


def _major(version: str) -> int:
    """17 of ``17.0.15``; 8 of ``1.8.0_402``; 26 of ``26-ea``."""
    first, *further = (int(number) for number in re.findall(r"\d+", version))
    return further[0] if first == 1 and further else first
