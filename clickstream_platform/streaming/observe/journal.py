"""The journal: what the queries of a process said of themselves, one JSON object a line, in a file of its own.

``<home>/queries/<when>-<pid>.jsonl``. The process holds a ``flock`` on its file, which the kernel lets go however it
ends: a reader can tell a query that is at work from one whose process was killed. A file that has reached
:data:`LARGEST` is put aside, in place of the one put aside before it, and files of all but the newest :data:`KEPT`
processes are deleted when a process begins one: the folder holds 20 MB at most.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

log = logging.getLogger(__name__)

CONF = "spark.clickstream.queries"  # of a session: the folder. Without it, its queries are not written down
LARGEST = 500_000  # bytes of one file: some thousand batches
KEPT = 20  # processes
ASIDE = ".before"  # ends the name of the file that was put aside


@dataclass
class Journal:
    """The journal of this process. Its file is made with the first line.

    Args:
        folder: where the files of all processes lie.
        largest: bytes after which the file is put aside.
    """

    folder: Path
    largest: int = LARGEST
    _file: int | None = None
    _path: Path = field(init=False)
    _lock: Lock = field(default_factory=Lock)
    _is_torn: bool = False
    _has_warned: bool = False

    def __post_init__(self) -> None:
        """Name the file by the moment and the process."""
        moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        self._path = self.folder / f"{moment}-{time.time_ns() // 1_000_000 % 1000:03}-{os.getpid()}.jsonl"

    def write(self, record: Mapping[str, Any]) -> None:
        """Append a line. Where that is not possible, the first time is warned of; nothing is raised."""
        line = (json.dumps(record, separators=(",", ":")) + "\n").encode()
        with self._lock:
            try:
                self._append(line)
            except OSError as failed:
                self.warn(failed.strerror or str(failed))

    def _append(self, line: bytes) -> None:
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            _prune(self.folder)
            self._file = _open(self._path)
        elif os.fstat(self._file).st_size + len(line) > self.largest:
            self._path.replace(self._path.with_suffix(ASIDE))
            full, self._file = self._file, _open(self._path)
            os.close(full)
        line = b"\n" + line if self._is_torn else line
        self._is_torn = True
        self._is_torn = os.write(self._file, line) < len(line)

    def warn(self, why: str) -> None:
        """Say that lines are missing, and why. Only the first time: it may be so for every batch."""
        if not self._has_warned:
            self._has_warned = True
            finding = f"what the queries say cannot be written down ({why})"
            log.warning("%s: %s; the run goes on, `clickstream status --watch` does not see it", self.folder, finding)

    def close(self) -> None:
        """Let go of the file: for readers, the process has ended."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _open(path: Path) -> int:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    fcntl.flock(file, fcntl.LOCK_EX)  # nobody but a reader that looks may have it, for an instant
    return file


def _prune(folder: Path) -> None:
    """Delete the files of old processes. One that is still at work is left alone."""
    for path in sorted(folder.glob("*.jsonl"))[: -KEPT + 1]:
        if not is_writer_alive(path):
            path.with_suffix(ASIDE).unlink(missing_ok=True)
            path.unlink(missing_ok=True)


def is_writer_alive(path: Path) -> bool:
    """Whether the process that writes a file lives."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


@dataclass(frozen=True)
class ProcessJournal:
    """What one process has written.

    Attributes:
        lives: whether it may write more.
        records: its lines, oldest first; what is no JSON object, such as half a line, is left out.
    """

    lives: bool
    records: list[dict[str, Any]]


def read_journals(folder: Path) -> list[ProcessJournal]:
    """The journals of all processes, oldest first; none if there is no such folder."""
    return [
        ProcessJournal(is_writer_alive(path), list(_records([*_lines(path.with_suffix(ASIDE)), *_lines(path)])))
        for path in sorted(folder.glob("*.jsonl"))
    ]


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except FileNotFoundError:  # put aside, or deleted, since it was listed
        return []


def _records(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:  # half a line: its process was killed, or the disk was full
            continue
        if isinstance(record, dict):
            yield record
