"""A file as formats look at it: its first bytes, unpacked, and all of them, as often as one asks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import chain

from clickstream_platform.streaming.sources.files.codecs import codec_of, unpack_file
from clickstream_platform.streaming.sources.files.contents import HEAD, encoding_of, text_beginning, to_utf8
from clickstream_platform.streaming.sources.files.raw import RawFile


class Content:
    """What a file holds.

    Everything raises :class:`Unreadable` for what cannot be unpacked so far.

    Args:
        raw: the file, from its first byte.
        declared: how its source says that texts are to be read: what :func:`.names.declared_by_name` gives.
    """

    def __init__(self, raw: RawFile, declared: str) -> None:
        self.raw = raw
        self.declared = declared
        self._rest: Iterator[bytes] | None = None

    @cached_property
    def head(self) -> bytes:
        """The first bytes, unpacked: 4,096 of them, or all."""
        return b"".join(self._first)[:HEAD]

    @cached_property
    def _first(self) -> list[bytes]:
        chunks, first = unpack_file(self.raw), list[bytes]()
        while sum(map(len, first)) < HEAD and (chunk := next(chunks, b"")):
            first.append(chunk)
        self._rest = chunks
        return first

    @property
    def is_packed(self) -> bool:
        """Whether a codec is needed to read it."""
        return codec_of(self.raw) is not None

    @cached_property
    def text_head(self) -> bytes:
        """The head as UTF-8, without a byte order mark."""
        return text_beginning(self.head, encoding_of(self.head))

    @property
    def is_short(self) -> bool:
        """Whether the head is all there is."""
        return len(self.head) < HEAD

    def chunks(self) -> Iterator[bytes]:
        """All bytes, unpacked."""
        first, rest, self._rest = self._first, self._rest, None
        if rest is None:
            return unpack_file(self.raw.reopened())
        return chain([b"".join(first)] if first else [], rest)

    def text(self) -> Iterator[bytes]:
        """The whole text as UTF-8, without a byte order mark."""
        return to_utf8(self.chunks(), encoding_of(self.head))

    def peek_text(self) -> Iterator[bytes]:
        """The text as :meth:`text` gives it, to look ahead: afterwards :meth:`text` still costs no second opening."""
        return to_utf8(unpack_file(self.raw.reopened()), encoding_of(self.head))
