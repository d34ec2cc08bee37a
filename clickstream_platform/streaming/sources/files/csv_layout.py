"""Whether a text is separated values, by its first bytes: a wrong guess would make names of somebody's first record."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clickstream_platform.events.mapping.guessing import columns_called
from clickstream_platform.streaming.sources.files.csv_rows import decode_fields, table_rows
from clickstream_platform.streaming.sources.files.json_layout import has_an_object
from clickstream_platform.streaming.sources.files.unreadable import Unreadable

_NAME = re.compile(r"[A-Za-z_$@][\w.:@$/()-]{0,63}")
_TELLING = {"user_id", "event_type", "timestamp"}
# What nobody calls a column: a time of a day, a number of nine digits or more, a UUID, an address.
_VALUE = re.compile(
    r"\d{4}-?\d\d-?\d\d[T ]\d\d.*|-?\d{9,}(?:\.\d+)?|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|\d+(?:\.\d+){3}|\w+://.*",
    re.IGNORECASE | re.DOTALL,
)


def value_in(names: Sequence[str]) -> str | None:
    """The first of a row's fields that looks like a value and not like a name: such a row is data and no header."""
    return next((name for name in names if _VALUE.fullmatch(name.strip())), None)


def has_header(head: bytes, separator: str) -> bool:
    """Whether a text that begins so has a header: two names or more, none of them a value; no JSON below.

    Where names say whose events these are, the first may be blank, as pandas has it for the numbers of rows, and so may
    the last ones, of separators at the end. Elsewhere, such is a row of somebody's record.
    """
    rows = _rows(head, separator)
    names = [name.strip() for name in (decode_fields(rows[0], separator) if rows else None) or ()]
    if _says_whose(names):
        while not names[-1]:
            names.pop()
        names = names if names[0] else names[1:]
    return len(names) > 1 and all(names) and value_in(names) is None


def is_separated_values(head: bytes, separator: str, *, is_whole: bool) -> bool:
    """Whether a text that begins so is a table, whatever it is called.

    It has a header of three different names or more, of which two say of whom, of what or of when events are; a row
    below; and as many fields in every row.

    Args:
        head: its first bytes.
        separator: what stands between its fields.
        is_whole: whether they are all it has; else the last row may be cut.
    """
    header, *below = [decode_fields(row, separator) for row in _rows(head, separator)] or [None]
    if header is None or len(set(header)) < max(3, len(header)) or not all(map(_NAME.fullmatch, header)):
        return False
    below = below if is_whole else below[:-1]
    is_even = all(row is not None and len(row) == len(header) for row in below)
    return bool(below) and is_even and _says_whose(header)


def _says_whose(names: Sequence[str]) -> bool:
    """Whether two of these names say of whom, of what or of when events are."""
    return len(columns_called(names) & _TELLING) > 1


def _rows(head: bytes, separator: str) -> list[bytes]:
    """The rows of a beginning, as far as they are whole; none if there is a JSON object."""
    rows = list[bytes]()
    if b"\n" not in head:
        head = head.replace(b"\r", b"\n")  # a table, too, and refused as one: its lines end in carriage returns
    if has_an_object(head.split(b"\n")):
        return rows
    try:
        for row in table_rows([head], separator, len(head)):
            rows.append(row.value)
    except Unreadable:
        pass  # it is cut within a quoted field
    return rows
