"""Landing files as anybody may leave them, drawn at random, with what must come of each."""

from __future__ import annotations

import codecs
import csv
import json
from dataclasses import dataclass, replace
from io import StringIO
from itertools import pairwise
from typing import Literal

from hypothesis import strategies as st

from clickstream_platform_tests.conftest import event
from clickstream_platform_tests.streaming.sources.files.packing import PACK, naive

LIMIT = 2_000  # bytes of a record in these folders
Line = tuple[Literal["event", "early", "future", "other", "broken", "blank", "long"], int]
Damage = Literal["", "cut", "flip", "garbage"]
Form = Literal["lines", "array", "pretty", "csv"]

_FOLDERS = (b"", b"", b"sub dir", b"2024-01-01T10:00", b"d=1", b"_k=v", b"\xff\xfe", "ü/ß".encode(), b"%2e%2e/#?")
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
