"""Rows of separated values as records: each a JSON object by the names of the header."""

from __future__ import annotations

import re
from collections.abc import Iterator

from clickstream_platform.events.json_record import to_json
from clickstream_platform.streaming.sources.files.csv_layout import value_in
from clickstream_platform.streaming.sources.files.csv_rows import decode_fields, table_rows
from clickstream_platform.streaming.sources.files.numbered import NumberedRecord, complete_record
from clickstream_platform.streaming.sources.files.unreadable import Unreadable

_OF_RETURNS = "its lines end in carriage returns alone"
_LONE_RETURN = re.compile(r"\r(?!\n)")
_QUOTED = re.compile(rb'"[^"]*"')


def csv_records(text: Iterator[bytes], separator: str, max_record_bytes: int) -> Iterator[NumberedRecord]:
    """The rows below the header, as objects of texts; a field in which nothing is, is left out.

    A row that has more or fewer fields than the header, a quoted field with something behind it, or bytes that are no
    UTF-8 is given as it is, below the header as it is: that is no JSON, and can still be read by a person. Of a row
    that is too long, the beginning is given without the header.

    Raises:
        Unreadable: the header has a name twice or a value in place of a name, is no UTF-8 or too long; its lines end in
            carriage returns; or the text ends within a quoted field.
    """
    rows = table_rows(text, separator, max_record_bytes)
    header = next(rows, None)
    if header is None:
        return
    names = _names(header, separator)
    for row in rows:
        if row.size > len(row.value):
            yield row
            continue
        values = decode_fields(row.value, separator)
        if values is None or len(values) != len(names):
            yield complete_record(header.value + b"\n" + row.value, max_record_bytes)
        else:
            there = {name: value for name, value in zip(names, values, strict=True) if value}
            yield complete_record(to_json(there), max_record_bytes)


def _names(header: NumberedRecord, separator: str) -> list[str]:
    if header.size > len(header.value):
        raise Unreadable("CSV", f"its header is too long: {header.size:,} bytes")
    names = decode_fields(header.value, separator)
    if names is None:
        is_of_returns = b"\r" in _QUOTED.sub(b"", header.value)
        raise Unreadable("CSV", _OF_RETURNS if is_of_returns else "its header is no row of names in UTF-8")
    names = [name.strip() or f"column_{number}" for number, name in enumerate(names, 1)]
    if any(_LONE_RETURN.search(name) for name in names):
        raise Unreadable("CSV", _OF_RETURNS)
    if value := value_in(names):
        raise Unreadable("CSV", f"it has no header: no column is called {value!r}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Unreadable("CSV", f"its header has {twice!r} twice")
    return names
