"""Landing folders as anybody may leave them: files that were drawn, and what else lies beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from clickstream_platform_tests.binaries import BINARIES
from clickstream_platform_tests.drawn_files import Drawn, Line, files

_HIDDEN = (b".hidden", b"_writing", b"_folder/a", b".git/config")


LINKS = ("soft", "hard", "folder", "loop", "up", "nothing", "outside", "pipe", "checksum", "locked", "locked folder")


@dataclass(frozen=True)
class Arrival:
    """What lands before one run.

    Attributes:
        files: drawn files.
        links: the kind of a link, or of what else lies beside a file, and which of the files so far it is about.
        hidden: names that are never read.
        binaries: the files that are no text, by :data:`BINARIES`.
        grows: whether a file is still written to when the run has listed it, and another one lands meanwhile.
    """

    files: tuple[Drawn, ...]
    links: tuple[tuple[str, int], ...]
    hidden: tuple[bytes, ...]
    binaries: tuple[str, ...]
    grows: bool


arrivals = st.builds(
    Arrival,
    files=st.lists(files, min_size=6, max_size=25).map(tuple),
    links=st.lists(st.tuples(st.sampled_from(LINKS), st.integers(0, 99)), max_size=6).map(tuple),
    hidden=st.lists(st.sampled_from(_HIDDEN), max_size=2, unique=True).map(tuple),
    binaries=st.lists(st.sampled_from(sorted(BINARIES)), max_size=3).map(tuple),
    grows=st.booleans(),
)

Identity = tuple[int, int]


@dataclass
class Landing:
    """A landing folder, and what is in each of its files."""

    folder: Path
    landed: int = 0

    def __post_init__(self) -> None:
        self.drawn: dict[Identity, Drawn] = {}
        self.refused: set[Identity] = set()  # beside those of the drawn ones that are damaged
        self._growing: bytes | None = None

    def land(self, arrival: Arrival) -> None:
        """Let it all land."""
        root = os.fsencode(self.folder)
        for file in arrival.files:
            folder = root + b"/" + file.folder
            name = file.name + b"%d" % self._next() + file.ending
            path = self._put(folder, name, file.content(), file.mtime)
            self.drawn[identity(path)] = file
        for kind in arrival.binaries:
            path = self._put(root, kind.encode() + b"%d" % self._next(), BINARIES[kind], None)
            self.refused.add(identity(path))
        for name in arrival.hidden:
            self._put(os.path.dirname(root + b"/" + name), os.path.basename(name) + b"%d" % self._next(), b"{}\n", None)  # noqa: PTH119, PTH120
        for kind, which in arrival.links:
            self._link(root, kind, which)
        self._growing = self._simple(root, "growing") if arrival.grows else None
        if self._growing:
            del self.drawn[identity(self._growing)]
            self.refused.add(identity(self._growing))

    def meanwhile(self) -> None:
        """What happens when a run has listed the folder: what grew is refused whole, what comes is the next run's."""
        if self._growing:
            with open(self._growing, "ab") as file:  # noqa: PTH123
                file.write(b"{}\n")
            self._simple(os.fsencode(self.folder), "meanwhile")
            self._growing = None

    def _simple(self, folder: bytes, name: str) -> bytes:
        """A file of one event that no other file has."""
        number = self._next()
        lines: tuple[Line, ...] = (("event", 2_000_000 + number),)
        file = Drawn(b"", name.encode(), b"", lines, "\n", True, "utf-8", "plain", 1, "", None)
        path = self._put(folder, file.name + b"%d" % number, file.content(), None)
        self.drawn[identity(path)] = file
        return path

    def _next(self) -> int:
        self.landed += 1
        return self.landed

    def _put(self, folder: bytes, name: bytes, content: bytes, mtime: int | None) -> bytes:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - names are bytes
        path = folder + b"/" + name
        with open(path, "xb") as file:  # noqa: PTH123
            file.write(content)
        if mtime is not None:
            os.utime(path, (mtime, mtime))
        return path

    def _link(self, root: bytes, kind: str, which: int) -> None:
        at = root + b"/link%d" % self._next()
        there = [path for path in self._paths(root) if identity(path) in self.drawn]
        target = there[which % len(there)]
        if target.endswith(b".csv"):
            at += b".csv"  # it is read under one of its names, and no other sign tells that it is CSV
        if kind == "hard":
            os.link(target, at)
        elif kind == "outside":
            outside = root + b"-elsewhere%d" % self.landed
            self._simple(outside, "a")
            os.symlink(outside, at)  # noqa: PTH211
        elif kind == "checksum":
            folder, name = os.path.split(target)
            self._put(folder, b".%s%d.crc" % (name, self.landed), b"crc\0\0\0\2\0stale", None)
        elif kind.startswith("locked"):
            self._lock(at, kind)
        elif kind == "pipe":
            os.mkfifo(at)
        else:
            up = os.path.dirname(target)  # noqa: PTH120
            of = {"soft": target, "folder": up, "loop": root, "up": os.path.dirname(root), "nothing": b"nowhere"}  # noqa: PTH120
            os.symlink(of[kind], at)  # noqa: PTH211

    def _lock(self, at: bytes, kind: str) -> None:
        """A file or a folder that may not be read: a file is refused, of a folder nobody knows. Root reads both."""
        path = self._simple(at, kind)
        is_file, found = kind == "locked", identity(path)
        os.chmod(path if is_file else at, 0)  # noqa: PTH101
        if not os.access(path, os.R_OK):
            del self.drawn[found]
            self.refused |= {found} if is_file else set()

    def _paths(self, root: bytes) -> Iterator[bytes]:
        for folder, folders, names in os.walk(root):
            folders.sort()
            yield from (folder + b"/" + name for name in sorted(names) if not os.path.islink(folder + b"/" + name))  # noqa: PTH114


def identity(path: bytes | str) -> Identity:
    """A file, whatever name it is reached by."""
    found = os.stat(path)  # noqa: PTH116
    return found.st_dev, found.st_ino
