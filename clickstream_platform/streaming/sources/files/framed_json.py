"""Texts in which JSON values stand in something that is no JSON: text sequences (RFC 7464), and JSONP."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from clickstream_platform.events.mapping.envelope_steps import CALL
from clickstream_platform.streaming.sources.files.content import Content
from clickstream_platform.streaming.sources.files.json_layout import BLANKS
from clickstream_platform.streaming.sources.files.json_values import json_values
from clickstream_platform.streaming.sources.files.numbered import NumberedRecord, RecordBuffer
from clickstream_platform.streaming.sources.files.unreadable import Unreadable

SEPARATOR = b"\x1e"  # in no JSON text, so that it always begins a record
_CALL = re.compile(CALL + rb"\s*(?=[{\[])")
_LAST = 4096  # bytes in which a call ends


def is_sequence(content: Content) -> bool:
    """Whether a text begins as a sequence."""
    return content.text_head.lstrip(BLANKS).startswith(SEPARATOR)


def sequence_records(text: Iterable[bytes], max_record_bytes: int) -> Iterator[NumberedRecord]:
    """The records of a sequence, each without the newline that ends it. One that is cut harms no other."""
    begun = _OpenRecord(max_record_bytes)
    for chunk in text:
        first, *later = chunk.split(SEPARATOR)
        begun.add(first)
        for part in later:
            yield from begun.ended()
            begun = _OpenRecord(max_record_bytes)
            begun.add(part)
    yield from begun.ended()


class _OpenRecord:
    """A record whose end has not come yet. It is none, if it is blank."""

    def __init__(self, max_record_bytes: int) -> None:
        self._buffer = RecordBuffer(max_record_bytes)
        self._newline = b""  # which may be the end of it
        self._has_ink = False

    def add(self, part: bytes) -> None:
        if part:
            self._has_ink = self._has_ink or bool(part.strip(BLANKS))
            kept = part.removesuffix(b"\n")
            self._buffer.add(self._newline + kept)
            self._newline = b"\n" if len(kept) < len(part) else b""

    def ended(self) -> Iterator[NumberedRecord]:
        if self._has_ink:
            yield self._buffer.record()


def is_call(content: Content) -> bool:
    """Whether a text is one call with JSON in it: it begins and ends as one, and its first line alone is none."""
    if not _CALL.match(content.text_head):
        return False
    first, last, is_first_line = b"", b"", True  # the last sign of the first line, and of those below
    for chunk in content.peek_text():
        below = chunk
        if is_first_line:
            line, newline, below = (chunk if first else chunk.lstrip(BLANKS)).partition(b"\n")
            first, is_first_line = _last_sign(line) or first, not newline
        last = _last_sign(below) or last
    return (last or first) == b")" and not (last and first == b")")


def _last_sign(part: bytes) -> bytes:
    return part.rstrip(b" \t\r\n;")[-1:]


def call_records(text: Iterable[bytes], max_record_bytes: int) -> Iterator[NumberedRecord]:
    """The values in a call, as :func:`.json_values.json_values` gives them. Raises what that does."""
    return json_values(_inside(text), max_record_bytes)


def _inside(text: Iterable[bytes]) -> Iterator[bytes]:
    held, has_begun = b"", False
    for chunk in text:
        held += chunk
        if not has_begun and (call := _CALL.match(held)):
            held, has_begun = held[call.end() :], True
        at = max(held.rfind(b"}"), held.rfind(b"]"), len(held) - _LAST) + 1
        if has_begun:
            yield held[:at]
            held = held[at:]
    if not has_begun or held.strip(BLANKS).removesuffix(b";").rstrip(BLANKS) != b")":
        raise Unreadable("JSONP", "its last bytes do not end the call")
