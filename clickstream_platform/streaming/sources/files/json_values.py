"""A text of JSON values cut into its records: arrays, pretty objects, objects one after another. In bounded memory.

Only what makes an end is looked at: brackets, texts, commas. A record keeps its own bytes, to the last blank in it, and
whether it is good JSON is asked by whoever reads it. What stands between records is JSON, or the text is refused.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from enum import Enum

from clickstream_platform.streaming.sources.files.numbered import NumberedRecord, RecordBuffer
from clickstream_platform.streaming.sources.files.unreadable import Unreadable

_BLANKS = re.compile(rb"[ \t\r\n]*")
_MARK = codecs.BOM_UTF8  # of a file that was put behind another one
_BETWEEN_TEXTS = re.compile(rb"(?:[ \t\r\n]|%b)*" % _MARK)
_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]+|"[^"\\]*(?:\\.[^"\\]*)*")*', re.DOTALL)
_TO_QUOTE = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_SCALAR = re.compile(rb'[^ \t\r\n,\[\]{}"]*')


class _Before(Enum):
    """What may come next between records, by what was there before."""

    VALUE = "a value"
    FIRST = "a value or the end of the array"
    END = "a comma or the end of the array"


class _Inside(Enum):
    """Where in a record the text is, if it is in one."""

    BRACKETS = "an object or an array"
    TEXT = "a text"
    SCALAR = "a number or a word"


class JsonValues:
    """The records of a text: the values that stand by themselves, and the items of an array that does.

    Args:
        max_record_bytes: of a longer record only the beginning is given.
    """

    def __init__(self, max_record_bytes: int) -> None:
        self._limit = max_record_bytes
        self._in_array = False
        self._before = _Before.VALUE
        self._inside: _Inside | None = None
        self._depth = 0
        self._is_escaped = False  # the chunk before this one ended in a backslash
        self._begun = RecordBuffer(max_record_bytes)
        self._seen = 0  # bytes of the chunks before this one
        self._mark = b""  # the beginning of a byte order mark that the chunk before this one ended with

    @property
    def is_between(self) -> bool:
        """Whether everything that has begun has ended."""
        return self._inside is None and not self._in_array

    @property
    def _has_ended(self) -> bool:
        return self._inside is None

    def records_in(self, chunk: bytes) -> Iterator[NumberedRecord]:
        """The records that end in the next bytes. Raises Unreadable for what is no JSON between two of them."""
        at, chunk = 0, self._mark + chunk
        self._seen -= len(self._mark)
        self._mark = b""
        while at < len(chunk):
            if self._inside is None:
                at = self._begin(chunk, at)
                continue
            end = self._end(chunk, at)
            self._begun.add(chunk[at:end])
            at = end
            if self._has_ended:
                yield self._begun.record()
        self._seen += len(chunk)

    def last(self) -> Iterator[NumberedRecord]:
        """What the end of the text ends. Raises Unreadable if it comes too early."""
        if self._mark:
            raise self._not_json(self._mark[:1], -len(self._mark))
        if self._inside is not None:
            raise Unreadable("JSON", f"it ends within {self._inside.value}, after {self._seen:,} bytes of text")
        if self._in_array:
            raise Unreadable("JSON", f"it ends within an array, after {self._seen:,} bytes of text")
        yield from ()

    def _begin(self, chunk: bytes, at: int) -> int:
        """Go on between records, up to where one begins."""
        blanks = (_BLANKS if self._in_array else _BETWEEN_TEXTS).match(chunk, at)
        at = blanks.end() if blanks else at
        if at == len(chunk):
            return at
        if not self._in_array and (rest := chunk[at : at + len(_MARK)]) != _MARK and _MARK.startswith(rest):
            self._mark = rest
            return len(chunk)
        sign = chunk[at : at + 1]
        if sign == b"," and self._before is _Before.END:
            self._before = _Before.VALUE
            return at + 1
        if sign == b"]" and self._in_array and self._before is not _Before.VALUE:
            self._in_array, self._before = False, _Before.VALUE
            return at + 1
        is_value = self._before is not _Before.END and sign not in (b",", b"]", b"}", b":")
        if not is_value or (not self._in_array and sign not in (b"{", b"[")):
            raise self._not_json(sign, at)
        if sign == b"[" and not self._in_array:
            self._in_array, self._before = True, _Before.FIRST
            return at + 1
        self._begun, self._depth = RecordBuffer(self._limit), 0
        self._before = _Before.END if self._in_array else _Before.VALUE
        self._inside = _Inside.BRACKETS if sign in (b"{", b"[") else _Inside.SCALAR
        if sign == b'"':
            self._inside = _Inside.TEXT
            self._begun.add(sign)
            return at + 1
        return at

    def _not_json(self, sign: bytes, at: int) -> Unreadable:
        wanted = self._before.value if self._in_array else "an object or an array"
        shown = repr(sign.decode("latin-1"))
        return Unreadable("JSON", f"{shown} at byte {self._seen + at:,} of its text, where {wanted} must be")

    def _end(self, chunk: bytes, at: int) -> int:
        """Go on within a record: where it ends in the chunk, or the chunk's end."""
        if self._inside is _Inside.SCALAR:
            return self._end_of_scalar(chunk, at)
        while at < len(chunk):
            if self._inside is _Inside.TEXT:
                at = self._end_of_text(chunk, at)
                if self._has_ended:
                    return at
                continue
            match = _TO_BRACKET.match(chunk, at)
            at = match.end() if match else at
            if at == len(chunk):
                break
            sign = chunk[at : at + 1]
            at += 1
            if sign == b'"':
                self._inside = _Inside.TEXT
            elif sign in (b"{", b"["):
                self._depth += 1
            else:
                self._depth -= 1
                if not self._depth:
                    self._inside = None
                    return at
        return at

    def _end_of_text(self, chunk: bytes, at: int) -> int:
        if self._is_escaped:
            self._is_escaped = False
            at += 1
        match = _TO_QUOTE.match(chunk, at)
        at = match.end() if match else at
        if at >= len(chunk):
            return len(chunk)
        if chunk[at : at + 1] == b"\\":  # the last byte: what it escapes is in the next chunk
            self._is_escaped = True
        else:
            self._inside = _Inside.BRACKETS if self._depth else None
        return at + 1

    def _end_of_scalar(self, chunk: bytes, at: int) -> int:
        match = _SCALAR.match(chunk, at)
        end = match.end() if match else at
        if end < len(chunk):
            self._inside = None
        return end


def json_values(text: Iterable[bytes], max_record_bytes: int) -> Iterator[NumberedRecord]:
    """The records of a whole text, in chunks cut anywhere.

    Raises:
        Unreadable: it ends within a record or an array, or something else than JSON is between two records.
    """
    values = JsonValues(max_record_bytes)
    for chunk in text:
        yield from values.records_in(chunk)
    yield from values.last()
