"""Whether a text that begins with a bracket is JSON over many lines, or a record a line as most are.

A guess must not turn what is reported of a damaged file of JSON lines into something else. So a text is a record a line
unless its beginning cannot be that of such a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from clickstream_platform.events.json_record import object_of
from clickstream_platform.streaming.sources.files.content import Content
from clickstream_platform.streaming.sources.files.json_values import JsonValues
from clickstream_platform.streaming.sources.files.unreadable import Unreadable

BLANKS = b" \t\r\n"
_ARRAY = re.compile(rb'\[\s*(?:\]\s*\Z|\{\s*["}])')  # of objects, or empty
_PRETTY = re.compile(rb'\{[ \t\r]*\n\s*["}]')
_JOINED = re.compile(rb"\}[ \t\r]*\{")
_LIMIT = 1  # of records that nobody keeps
_SPREAD = 1 << 20  # bytes of an object over several lines by which such a text is told


def is_object_a_line(head: bytes) -> bool:
    """Whether a text certainly is a record a line, by its first bytes; else it takes a look. Costs next to nothing."""
    first, end, _ = head.partition(b"\n")
    return head[:1] == b"{" and (not end or first.rstrip(BLANKS)[-1:] == b"}") and not _JOINED.search(first)


def has_an_object(lines: Iterable[bytes]) -> bool:
    """Whether any of some lines is a JSON object by itself."""
    return any(object_of(line) is not None for line in lines)


def is_multiline_json(content: Content) -> bool:
    """Whether a text is JSON in another form than an object a line.

    It is an array if it begins as one of objects, and is not the first of several lines of which that one is an array
    by itself; a pretty object if its first line is a brace alone, or an object over several lines is at its beginning;
    and objects one after another if there are several on its first line. In the last two cases none of the lines of its
    first 4,096 bytes may be an object by itself.
    """
    head = content.text_head.lstrip(BLANKS)
    if is_object_a_line(head):
        return False
    if _ARRAY.match(head):
        return not (_has_a_second_line(content) and _is_whole(_first_line(content.peek_text())))
    return bool(_PRETTY.match(head)) or (head[:1] == b"{" and (_is_joined(content, head) or _is_spread(content, head)))


def _is_joined(content: Content, head: bytes) -> bool:
    *lines, last = head.split(b"\n")
    first = (lines or [last])[0]
    if not _JOINED.search(first) or not _begins_with_an_object(first):
        return False
    if not lines:
        return not _has_a_second_line(content)
    whole = [*lines, last] if content.is_short else lines
    inked = [line for line in whole if line.strip(BLANKS)]
    return (content.is_short or len(inked) > 1) and not has_an_object(inked)


def _is_spread(content: Content, head: bytes) -> bool:
    """Whether it begins with an object over several lines."""
    if b"\n" not in head or has_an_object(head.split(b"\n")):
        return False
    values, seen = JsonValues(_SPREAD), 0
    try:
        for chunk in content.peek_text():
            for record in values.records_in(chunk):
                return b"\n" in record.value and object_of(record.value) is not None
            seen += len(chunk)
            if seen > _SPREAD:
                break
    except Unreadable:
        pass  # of what is no JSON, each line is told for itself
    return False


def _begins_with_an_object(line: bytes) -> bool:
    """Whether a brace that seems to end an object does, and the object is one."""
    values = JsonValues(len(line))
    try:
        return any(object_of(record.value) is not None for record in values.records_in(line))
    except Unreadable:
        return False


def _is_whole(line: Iterator[bytes]) -> bool:
    """Whether a line is JSON by itself, as far as brackets say."""
    values = JsonValues(_LIMIT)
    try:
        for part in line:
            for _ in values.records_in(part):
                pass
    except Unreadable:
        return True  # it is no JSON at all, so it is read as a line
    return values.is_between


def _first_line(text: Iterator[bytes]) -> Iterator[bytes]:
    """The text up to the end of its first line that is not blank."""
    has_ink = False
    for chunk in text:
        part = chunk if has_ink else chunk.lstrip(BLANKS)
        has_ink = has_ink or bool(part)
        line, end, _ = part.partition(b"\n")
        yield line
        if end:
            return


def _has_a_second_line(content: Content) -> bool:
    """Whether anything but blanks comes after the first line that is not blank."""
    has_ink = is_behind = False
    for chunk in content.peek_text():
        part = chunk if has_ink else chunk.lstrip(BLANKS)
        has_ink = has_ink or bool(part)
        if not is_behind:
            _, end, part = part.partition(b"\n")
            is_behind = bool(end)
        if is_behind and part.strip(BLANKS):
            return True
    return False
