"""The formats of files, and the one place that decides which one a file has."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Protocol

import pyarrow as pa

from clickstream_platform.streaming.sources.files.contents import HEAD, encoding_of, not_text, utf8
from clickstream_platform.streaming.sources.files.lines import lines
from clickstream_platform.streaming.sources.files.unreadable import Unreadable


class Format(Protocol):
    """How records lie in a file, whatever it is packed in."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def offset(self) -> str:
        """What the offset of a record is. It never changes: with the file's path it names the record for ever."""
        ...

    def begins(self, head: bytes) -> bool:
        """Whether a file that begins with these bytes is of this format."""
        ...

    def records(self, head: bytes, chunks: Iterator[bytes], max_record_bytes: int) -> Iterator[pa.RecordBatch]:
        """All records of a file, in batches of :data:`~clickstream_platform.streaming.sources.files.lines.LINES`.

        Args:
            head: the first bytes.
            chunks: all of them, with the first.
            max_record_bytes: of a longer record, only the beginning is given.
        """
        ...


class Lines:
    """A record a line."""

    name = "lines"
    offset = "the number of the record's line, from 0; blank lines are no records, but count"

    def begins(self, head: bytes) -> bool:
        """Any text does."""
        return not_text(head) is None

    def records(self, head: bytes, chunks: Iterator[bytes], max_record_bytes: int) -> Iterator[pa.RecordBatch]:
        """The lines, as UTF-8 if the text is encoded otherwise."""
        return lines(utf8(chunks, encoding_of(head)), max_record_bytes)


A_RECORD_A_LINE = Lines()
FORMATS: tuple[Format, ...] = (A_RECORD_A_LINE,)


def format_of(head: bytes) -> Format | None:
    """The format of a file that begins with these bytes; None if it has none that is known."""
    return next((each for each in FORMATS if each.begins(head)), None)


def records(chunks: Iterator[bytes], max_record_bytes: int) -> Iterator[pa.RecordBatch]:
    """The records of a file, whatever format it has.

    Raises:
        Unreadable: it has none of them.
    """
    first = list[bytes]()
    while sum(map(len, first)) < HEAD and (chunk := next(chunks, b"")):
        first.append(chunk)
    head = b"".join(first)[:HEAD]
    its_format = format_of(head)
    if its_format is None:
        raise Unreadable("not text", str(not_text(head)))
    yield from its_format.records(head, chain([b"".join(first)], chunks), max_record_bytes)
