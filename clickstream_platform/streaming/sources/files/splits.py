"""A large file cut at the beginnings of lines, so that several tasks read it. The lines keep their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from clickstream_platform.streaming.sources.files.contents import encoding_of
from clickstream_platform.streaming.sources.files.raw import RawFile
from clickstream_platform.streaming.sources.files.unreadable import Unreadable

_CHUNK = 4 << 20


@dataclass(frozen=True)
class Split:
    """Some whole lines of a file.

    Attributes:
        start: the byte at which they begin.
        end: the byte before which they end.
        first_line: the number of the first of them.
    """

    start: int
    end: int
    first_line: int


def find_splits(opened: AbstractContextManager[RawFile], size: int, target_bytes: int, declared: str) -> list[Split]:
    """Splits of at least some bytes each, but for the last; one if the file cannot be read from its middle.

    That is so if it is packed, or encoded in anything but UTF-8, or of another format than a record a line. Reads the
    file once, at the speed of memory if the system still has it there. Raises nothing: what is wrong with the file is
    found when it is read.
    """
    whole = [Split(0, size, 0)]
    if size <= target_bytes:
        return whole
    try:
        with opened as raw:
            return list(_cut(raw, target_bytes)) if _is_plain(raw, declared) else whole
    except Unreadable:
        return whole


def _is_plain(raw: RawFile, declared: str) -> bool:
    # Only who plans a large file needs Arrow.
    from clickstream_platform.streaming.sources.files.content import Content  # noqa: PLC0415
    from clickstream_platform.streaming.sources.files.formats import A_RECORD_A_LINE, format_of  # noqa: PLC0415

    content = Content(raw.reopened(), declared)
    if content.is_packed or encoding_of(content.head) not in (None, "utf-8"):
        return False
    return format_of(content) is A_RECORD_A_LINE


def _cut(raw: RawFile, target: int) -> Iterator[Split]:
    start = first_line = lines = 0
    while chunk := raw.read(_CHUNK):
        begins, counted = raw.position - len(chunk), 0
        # A split may end at the first newline that makes it large enough.
        while (newline := chunk.find(b"\n", max(start + target - 1 - begins, 0))) >= 0:
            lines += _newlines(chunk[counted : newline + 1])
            counted = newline + 1
            yield Split(start, begins + counted, first_line)
            start, first_line = begins + counted, lines
        lines += _newlines(chunk[counted:])
    if start < raw.end:
        yield Split(start, raw.end, first_line)


def _newlines(text: bytes) -> int:
    import numpy as np  # noqa: PLC0415 - only who plans a large file

    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == ord("\n")))
