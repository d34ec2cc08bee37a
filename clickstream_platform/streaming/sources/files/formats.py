"""The formats of files, and the one place that decides which one a file has: docs/formats.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import pyarrow as pa

from clickstream_platform.streaming.sources.files.content import Content
from clickstream_platform.streaming.sources.files.contents import binary_kind, encoding_of, to_utf8
from clickstream_platform.streaming.sources.files.csv_layout import has_header, is_separated_values
from clickstream_platform.streaming.sources.files.csv_records import csv_records
from clickstream_platform.streaming.sources.files.csv_rows import separator_of
from clickstream_platform.streaming.sources.files.documents import document_kind
from clickstream_platform.streaming.sources.files.framed_json import (
    call_records,
    is_call,
    is_sequence,
    sequence_records,
)
from clickstream_platform.streaming.sources.files.json_layout import is_multiline_json
from clickstream_platform.streaming.sources.files.json_values import json_values
from clickstream_platform.streaming.sources.files.lines import split_lines
from clickstream_platform.streaming.sources.files.manifest import BEFORE
from clickstream_platform.streaming.sources.files.numbered import batch_records
from clickstream_platform.streaming.sources.files.parquet import parquet_rows
from clickstream_platform.streaming.sources.files.raw import RawFile
from clickstream_platform.streaming.sources.files.unreadable import Unreadable

_BRACKETS = (b"{", b"[")


class Format(Protocol):
    """How records lie in a file, whatever it is packed in."""

    name: str  # booked in the ledger, where it is not a record a line
    offset: str  # what the offset of a record is. With the file's path it names the record for ever: it never changes

    def begins(self, content: Content) -> bool:
        """Whether a file is of this format, none of those before it in :data:`FORMATS` being its own."""
        ...

    def records(self, content: Content, max_record_bytes: int) -> Iterator[pa.RecordBatch]:
        """All records of a file, in batches of :data:`~clickstream_platform.streaming.sources.files.lines.LINES`.

        Args:
            content: the file.
            max_record_bytes: of a longer record, only the beginning is given.
        """
        ...


class Parquet:
    """A row a record. Always told by its first bytes; only as it is, for it is packed within."""

    name = "parquet"
    offset = "the number of the row, from 0"

    def begins(self, content: Content) -> bool:
        """Parquet's sign, with more than text behind it."""
        is_it = content.head.startswith(b"PAR1") and binary_kind(content.head) is not None
        return is_it and content.declared != BEFORE and not content.is_packed

    def records(self, content: Content, max_record_bytes: int) -> Iterator[pa.RecordBatch]:
        """The rows as JSON objects."""
        return batch_records(parquet_rows(content.raw, max_record_bytes))


class SeparatedValues:
    """A row a record, below a header: if the source declares it, or the file's name and its first line say so."""

    name = "csv"
    offset = "the number of the row, from 0 below the header; blank rows do not count"

    def begins(self, content: Content) -> bool:
        """Any text does that does not begin as JSON, if it is declared; if its name says so, one with a header.

        Without either, one that certainly is a table: :func:`.csv_layout.is_separated_values`.
        """
        if content.text_head.lstrip().startswith(_BRACKETS) or binary_kind(content.head) is not None:
            return False
        head, separator = content.text_head, self._separator(content)
        if content.declared == f"named {self.name}":
            return has_header(head, separator)
        if content.declared == "auto":
            return is_separated_values(head, separator, is_whole=content.is_short)
        return content.declared == self.name

    def _separator(self, content: Content) -> str:
        return separator_of(content.text_head)

    def records(self, content: Content, max_record_bytes: int) -> Iterator[pa.RecordBatch]:
        """The rows as JSON objects by the names of the header."""
        return batch_records(csv_records(content.text(), self._separator(content), max_record_bytes))


class TabSeparatedValues(SeparatedValues):
    """As :class:`SeparatedValues`, with tabs alone."""

    name = "tsv"

    def _separator(self, content: Content) -> str:
        return "\t"


class Json:
    """Arrays of objects, pretty objects, objects one after another: a value a record."""

    name = "json"
    offset = "the number of the object, from 0"

    def begins(self, content: Content) -> bool:
        """Any text does if it is declared; else as its beginning says."""
        if content.declared == self.name:
            return binary_kind(content.head) is None
        if content.declared in ("lines", BEFORE) or not content.text_head.lstrip().startswith(_BRACKETS):
            return False
        return binary_kind(content.head) is None and is_multiline_json(content)

    def records(self, content: Content, max_record_bytes: int) -> Iterator[pa.RecordBatch]:
        """The objects, by their own bytes."""
        return batch_records(json_values(content.text(), max_record_bytes))


class TextSequence:
    """JSON texts, each behind a record separator (RFC 7464)."""

    name = "json-seq"
    offset = "the number of the text, from 0"

    def begins(self, content: Content) -> bool:
        """One that begins with a record separator, unless it is declared to be lines or a table."""
        return _may_be_json(content) and is_sequence(content) and binary_kind(content.head) is None

    def records(self, content: Content, max_record_bytes: int) -> Iterator[pa.RecordBatch]:
        """The texts, by their own bytes."""
        return batch_records(sequence_records(content.text(), max_record_bytes))


class Call:
    """JSONP: a text that is one call, with JSON values in it."""

    name = "jsonp"
    offset = "the number of the object, from 0"

    def begins(self, content: Content) -> bool:
        """One that begins and ends as a call with JSON in it, unless it is declared to be lines or a table."""
        return _may_be_json(content) and binary_kind(content.head) is None and is_call(content)

    def records(self, content: Content, max_record_bytes: int) -> Iterator[pa.RecordBatch]:
        """The objects in the call, by their own bytes."""
        return batch_records(call_records(content.text(), max_record_bytes))


def _may_be_json(content: Content) -> bool:
    return content.declared in ("auto", "json") or content.declared.startswith("named ")


class Lines:
    """A record a line."""

    name = "lines"
    offset = "the number of the record's line, from 0; blank lines are no records, but count"

    def begins(self, content: Content) -> bool:
        """Any text does."""
        return binary_kind(content.head) is None

    def records(self, content: Content, max_record_bytes: int) -> Iterator[pa.RecordBatch]:
        """The lines, as UTF-8 if the text is encoded otherwise."""
        return split_lines(to_utf8(content.chunks(), encoding_of(content.head)), max_record_bytes)


A_RECORD_A_LINE = Lines()
FORMATS: tuple[Format, ...] = (
    *(Parquet(), TextSequence(), Call(), SeparatedValues(), TabSeparatedValues(), Json(), A_RECORD_A_LINE),
)


class FormattedRecords(NamedTuple):
    """A file's records, and its format."""

    format: Format
    batches: Iterator[pa.RecordBatch]


def format_of(content: Content) -> Format | None:
    """The format of a file; None if it has none that is known. Raises Unreadable if it cannot be unpacked so far."""
    begun, document = _format_and_document(content)
    return None if document else begun


def _format_and_document(content: Content) -> tuple[Format | None, str | None]:
    """The format that a file begins as, and which document it is. To tell a document, all of its text is read."""
    begun = next((each for each in FORMATS if each.begins(content)), None)
    return begun, document_kind(content) if begun and begun.name != Parquet.name else None


def file_records(raw: RawFile, declared: str, max_record_bytes: int) -> FormattedRecords:
    """The records of a file, whatever format it has.

    Args:
        raw: the file, from its first byte.
        declared: how its source says that texts are to be read: what :func:`.names.declared_by_name` gives.
        max_record_bytes: of a longer record, only the beginning is given.

    Raises:
        Unreadable: it has none of them.
    """
    content = Content(raw, declared)
    its_format, document = _format_and_document(content)
    if its_format is None or document:
        if kind := binary_kind(content.head):
            raise Unreadable("not text", kind)
        raise Unreadable("no records", f"it begins like {document}")
    return FormattedRecords(its_format, its_format.records(content, max_record_bytes))
