"""Landing folders as anybody may leave them, drawn at random, with what must come of each file."""

from __future__ import annotations

import codecs
import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Literal

from hypothesis import strategies as st

from clickstream_platform_tests.binaries import BINARIES
from clickstream_platform_tests.conftest import event
from clickstream_platform_tests.streaming.sources.files.packing import PACK, naive

LIMIT = 2_000  # bytes of a record in these folders
Line = tuple[Literal["event", "early", "future", "other", "broken", "blank", "long"], int]
Damage = Literal["", "cut", "flip", "garbage"]
Form = Literal["lines", "array", "pretty", "csv"]

_FOLDERS = (b"", b"", b"sub dir", b"2024-01-01T10:00", b"d=1", b"_k=v", b"\xff\xfe", "ü/ß".encode(), b"%2e%2e/#?")
_HIDDEN = (b".hidden", b"_writing", b"_folder/a", b".git/config")
_NAMES = (
    b"a.json",
    b"caf\xe9.gz",
    b"line\nbreak",
    b"a b",
    b"#%25",
    b"c:d",
    b"[1]{2}*?",
    b"\\",
    "日本.json".encode(),
    b"-r",
    b"~",
)
_ENDINGS = (b"", b"", b".json", b".gz", b".bz2", b".zst", b".lz4", b".snappy", b".deflate")  # right or wrong
_MTIMES = (None, None, 0, -86_400, 951_782_400, 4_102_444_800, 9_000_000_000)  # 1970, before, 2000, 2100, 2255
_BOMS = {
    "utf-8-sig": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
}
CHECKED = ("gzip", "zlib", "snappy")


@dataclass(frozen=True)
class Drawn:
    """A file as it was drawn."""

    folder: bytes
    name: bytes
    ending: bytes
    lines: tuple[Line, ...]
    ends: str
    has_last_end: bool
    encoding: str
    codec: str
    members: int
    damage: Damage
    mtime: int | None
    form: Form = "lines"

    @property
    def written(self) -> tuple[Line, ...]:
        """What stands in it: only a file of lines can hold blank lines, and some that are no JSON."""
        return tuple(line for line in self.lines if self.form == "lines" or line[0] not in ("blank", "broken"))

    @property
    def is_damaged(self) -> bool:
        """Whether it cannot be read to its end: packed, or JSON over lines. Plain lines can, whatever befell them."""
        if not any(kind not in ("blank", "long") for kind, _ in self.written):
            return False
        if self.codec == "plain":
            return self.damage == "cut" and self.form in ("array", "pretty")
        return self.damage in ("cut", "garbage") or (self.damage == "flip" and self.codec in CHECKED)

    @property
    def is_spoiled(self) -> bool:
        """Whether one of its signs is another than was written, so that nobody knows which lines are events."""
        is_plain = self.codec == "plain" and self.encoding == "utf-8"
        return self.damage == "flip" and is_plain and self.form == "lines"

    def content(self) -> bytes:
        """Its bytes."""
        text = self._encoded()
        cuts = [len(text) * n // self.members for n in range(self.members + 1)]
        packed = b"".join(PACK[self.codec](text[a:b]) for a, b in pairwise(cuts))
        if self.is_spoiled and packed:
            return _flipped(packed, len(packed) // 2)
        return self._damaged(packed) if self.is_damaged else packed

    def _damaged(self, packed: bytes) -> bytes:
        if self.damage == "cut":
            return packed[: -min(3, len(packed) - 1)]
        if self.damage == "garbage":
            return packed + b"this is no frame"
        # In the checksum itself: elsewhere a copy from another place of a row of x's may unpack to the same.
        return _flipped(packed, {"gzip": len(packed) - 6, "zlib": len(packed) - 3, "snappy": 14}[self.codec])

    def _encoded(self) -> bytes:
        last = self.ends if self.has_last_end and self.lines and not self.is_damaged else ""
        return _BOMS.get(self.encoding, b"") + (self._text() + last).encode(self.encoding)

    def _text(self) -> str:
        if self.form == "csv":
            return _csv(self.written, self.ends)
        texts = [*map(_text, self.written)]
        if self.form == "array":
            return "[" + f",{self.ends}".join(texts) + "]"
        if self.form == "pretty":
            texts = [json.dumps(json.loads(text), indent=2, ensure_ascii=False) for text in texts]
        return self.ends.join(texts)

    def records(self) -> dict[int, Line | None]:
        """The records in it by their lines' numbers; None: it may be anything by now."""
        if self.is_damaged:
            return {}
        if self.is_spoiled:
            return {number: None for number, _, _ in naive(self.content())}
        return {number: line for number, line in enumerate(self.written) if line[0] != "blank"}


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x80]) + content[at + 1 :]


def _text(line: Line) -> str:
    kind, number = line
    if kind == "blank":
        return ("", " ", "\t \t")[number % 3]
    if kind == "broken":
        return '{"user_id": ' + "[" * (number % 5)
    return json.dumps(_fields(line), ensure_ascii=False)


def _csv(lines: tuple[Line, ...], ends: str) -> str:
    """Rows below a header, which is there if none is."""
    text = StringIO()
    rows = csv.DictWriter(text, list(_fields(("event", 0))), lineterminator=ends)
    rows.writeheader()
    rows.writerows(map(_fields, lines))
    return text.getvalue().removesuffix(ends)


def _fields(line: Line) -> dict[str, str]:
    kind, number = line
    made = event(f"u{number % 7}", event_id=id_of(line), page_url=page_of(line))
    if kind == "early":
        made["timestamp"] = ("1969-12-31T23:59:59Z", "0001-01-03T00:00:00Z")[number % 2]
    elif kind == "future":
        made["timestamp"] = "2255-01-01T00:00:00Z"
    elif kind == "other":
        made["user_id"] = f"other{number % 7}"
    elif kind == "long":
        made["page_url"] = "x" * (LIMIT + number)
    return made


def id_of(line: Line) -> str:
    """The event_id: the one of ``other`` is that of an event of the same time, with other fields."""
    kind, number = line
    return f"early{number}" if kind == "early" else f"e{number}"


def page_of(line: Line) -> str:
    """The page: in UTF-16 it has the bytes of newlines."""
    return "/other" if line[0] == "other" else "/Ċ/ਊ"


_KINDS = ("event", "event", "event", "event", "early", "future", "other", "broken", "blank", "long")
_lines = st.lists(st.tuples(st.sampled_from(_KINDS), st.integers(0, 400)), max_size=12).map(tuple)


def _is_visible(name: bytes) -> bool:
    return not {0, ord("/")} & {*name} and name[:1] not in (b".", b"_")


LINKS = ("soft", "hard", "folder", "loop", "up", "nothing", "outside", "pipe", "checksum", "locked", "locked folder")

_drawn = st.builds(
    Drawn,
    folder=st.sampled_from(_FOLDERS),
    name=st.sampled_from(_NAMES) | st.binary(min_size=1, max_size=40).filter(_is_visible),
    ending=st.sampled_from(_ENDINGS),
    lines=_lines,
    ends=st.sampled_from(["\n", "\n", "\r\n"]),
    has_last_end=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8", *_BOMS]),
    codec=st.sampled_from(["plain", *PACK]),
    members=st.sampled_from([1, 1, 3]),
    damage=st.sampled_from(["", "", "", "cut", "flip", "garbage"]),
    mtime=st.sampled_from(_MTIMES),
    form=st.sampled_from(["lines", "lines", "array", "pretty", "csv"]),
)
files = _drawn.map(lambda file: replace(file, ending=b".csv") if file.form == "csv" else file)


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
        for folder, folders, files in os.walk(root):
            folders.sort()
            yield from (folder + b"/" + name for name in sorted(files) if not os.path.islink(folder + b"/" + name))  # noqa: PTH114


def identity(path: bytes | str) -> Identity:
    """A file, whatever name it is reached by."""
    found = os.stat(path)  # noqa: PTH116
    return found.st_dev, found.st_ino
