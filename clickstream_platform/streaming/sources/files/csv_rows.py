"""A text of separated values cut into its rows, as RFC 4180 has it, in bounded memory; and a row into its fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum

from clickstream_platform.streaming.sources.files.numbered import NumberedRecord, RecordBuffer
from clickstream_platform.streaming.sources.files.unreadable import Unreadable

_QUOTE = b'"'
_BLANK_ROWS = re.compile(rb"\A(?:[ \t\r]*\n)+")
_SAYS_SEPARATOR = re.compile(rb"sep=([,;\t|])\r?", re.IGNORECASE)
_TO_QUOTE = re.compile(rb'[^"]*(?:""[^"]*)*')


class _State(Enum):
    START = "at the beginning of a field"
    PLAIN = "within a field"
    QUOTED = "within a quoted field"
    QUOTE = "behind a quote within a quoted field"


def table_rows(text: Iterable[bytes], separator: str, max_record_bytes: int) -> Iterator[NumberedRecord]:
    """The rows of a table: those of a text, but for a first one that only says the separator, as ``sep=;`` for Excel.

    Raises what :func:`split_rows` does.
    """
    for number, row in enumerate(split_rows(text, separator, max_record_bytes)):
        if number or _said_separator(row.value) != separator:
            yield row


def _said_separator(row: bytes) -> str | None:
    match = _SAYS_SEPARATOR.fullmatch(row)
    return match[1].decode() if match else None


def split_rows(text: Iterable[bytes], separator: str, max_record_bytes: int) -> Iterator[NumberedRecord]:
    """The rows of a text, each without its line end. A blank one, of spaces, tabs and carriage returns, is none.

    A row ends at a newline that is not within a quoted field; the last one needs none. A carriage return before it is
    part of the line end. A quote begins a quoted field at the beginning of a field alone.

    Raises:
        Unreadable: the text ends within a quoted field.
    """
    cut, sign = _Cut(max_record_bytes), separator.encode()
    field = rb'(?:"[^"]*(?:""[^"]*)*"|(?:(?!")[^%b\n]*))' % sign
    row = re.compile(rb"%b(?:%b%b)*\r?\n" % (field, re.escape(sign), field))
    # Of a plain stretch: its row's end; the beginning of a quoted field; or a separator that the chunk ends with.
    stop = re.compile(rb'\n|%b"|%b\Z' % (re.escape(sign), re.escape(sign)))
    for chunk in text:
        yield from cut.records_in(chunk, row, stop)
    yield from cut.last()


class _Cut:
    def __init__(self, max_record_bytes: int) -> None:
        self._limit = max_record_bytes
        self._begun = RecordBuffer(max_record_bytes)
        self._state = _State.START
        self._has_ink = False
        self._return = b""  # a carriage return that may be part of the line end
        self._seen = 0

    def records_in(self, chunk: bytes, row: re.Pattern[bytes], stop: re.Pattern[bytes]) -> Iterator[NumberedRecord]:
        at = begin = 0
        while at < len(chunk):
            if at == begin and self._is_new and (whole := row.match(chunk, at)):  # as nearly all are
                self._add(chunk[begin : whole.end() - 1])
                yield from self._row()
                at = begin = whole.end()
            elif self._state is _State.QUOTED:
                match = _TO_QUOTE.match(chunk, at)
                at = match.end() if match else at
                if at < len(chunk):  # the next one may be in the next chunk
                    at, self._state = at + 1, _State.QUOTE
            elif self._state is _State.QUOTE:
                is_doubled = chunk[at : at + 1] == _QUOTE
                at, self._state = (at + 1, _State.QUOTED) if is_doubled else (at, _State.PLAIN)
            elif self._state is _State.START and chunk[at : at + 1] == _QUOTE:
                at, self._state = at + 1, _State.QUOTED
            else:
                match = stop.search(chunk, at)
                if match is None:
                    at, self._state = len(chunk), _State.PLAIN
                elif match[0] == b"\n":
                    self._add(chunk[begin : match.start()])
                    yield from self._row()
                    at = begin = match.end()
                elif match[0].endswith(_QUOTE):
                    at, self._state = match.end(), _State.QUOTED
                else:
                    at, self._state = match.end(), _State.START
        self._add(chunk[begin:])
        self._seen += len(chunk)

    @property
    def _is_new(self) -> bool:
        return self._state is _State.START and not self._begun.size and not self._return

    def last(self) -> Iterator[NumberedRecord]:
        if self._state is _State.QUOTED:
            raise Unreadable("CSV", f"it ends within a quoted field, after {self._seen:,} bytes of text")
        yield from self._row()

    def _add(self, part: bytes) -> None:
        if not part:
            return
        self._has_ink = self._has_ink or bool(part.strip(b" \t\r"))
        kept = part.removesuffix(b"\r")
        self._begun.add(self._return + kept)
        self._return = b"\r" if len(kept) < len(part) else b""

    def _row(self) -> Iterator[NumberedRecord]:
        if self._has_ink:
            yield self._begun.record()
        self._begun, self._state, self._has_ink, self._return = RecordBuffer(self._limit), _State.START, False, b""


def split_fields(row: str, separator: str) -> list[str] | None:
    """The fields of a row; None if a quoted field has something else than a separator behind it."""
    if '"' not in row:
        return row.split(separator)
    field = re.compile(rf'(?:"([^"]*(?:""[^"]*)*)"|((?!")[^{separator}]*))(?={re.escape(separator)}|\Z)')
    fields, at = list[str](), 0
    while (match := field.match(row, at)) is not None:
        fields.append(match[2] if match[1] is None else match[1].replace('""', '"'))
        if match.end() == len(row):
            return fields
        at = match.end() + len(separator)
    return None


def decode_fields(row: bytes, separator: str) -> list[str] | None:
    """The fields of a row, given as bytes; None also if these are no UTF-8."""
    try:
        return split_fields(row.decode(), separator)
    except UnicodeDecodeError:
        return None


def separator_of(head: bytes) -> str:
    """What stands between the names of a header: of comma, semicolon, tab and bar, what there is most of.

    What is in quotes does not count. A header of one name has none: then it is a comma. What a first row says counts
    before all: ``sep=;``.
    """
    header = re.sub(rb'"[^"]*"', b"", _BLANK_ROWS.sub(b"", head)).split(b"\n", 1)[0]
    return _said_separator(header) or max((",", ";", "\t", "|"), key=lambda sign: header.count(sign.encode()))
