"""The records of a text counted anew, by format. Shares no line with what reads them: see :mod:`.count`.

Other ways to the same numbers on purpose: JSON by its signs one by one, separated values a line at a time.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_SIGNS = re.compile(rb'["\\\[\]{},]|[ \t\r\n]+|[^"\\\[\]{}, \t\r\n]+')
_RETURN = "\x1f"  # a sign in place of a carriage return, which the reader of rows takes for the end of one
_OF_DATA = (
    r"\d{4}(-\d\d-|\d\d-|-\d\d|\d\d)\d\d[ T]\d\d.*|-?\d{9}\d*(\.\d+)?|(\d+\.){3}\d+(\.\d+)*|\w+://.*"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)
_NO_VALUE = (b",", b"]", b"}", b":")
_OPENING, _CLOSING = (b"{", b"["), (b"}", b"]")
_STRUCTURE = (b'"', b",", *_OPENING, *_CLOSING)


def json_count(chunks: Iterable[bytes]) -> int:
    """How many values stand by themselves, or are items of an array that does.

    Raises:
        ValueError: it is cut off, or something else than JSON is between two of them.
    """
    values, depth, is_text, is_escaped = _Values(), 0, False, False
    for sign in (sign for chunk in chunks for sign in _SIGNS.findall(chunk)):
        if is_text:
            is_escaped, was_escaped = sign == b"\\" and not is_escaped, is_escaped
            is_text = sign != b'"' or was_escaped
        elif depth:
            is_text = sign == b'"'
            depth += (sign in _OPENING) - (sign in _CLOSING)
        else:
            begins = values.begins(sign)
            is_text, depth = begins and sign == b'"', int(begins and sign in _OPENING)
            continue
        if not is_text and not depth:
            values.end()
    values.require_whole_mark()
    if is_text or depth or values.is_array:
        message = "cut off within a value"
        raise ValueError(message)
    return values.count


def sequence_count(chunks: Iterable[bytes]) -> int:
    """How many texts of a sequence are not blank."""
    count, has_ink = 0, False
    for chunk in chunks:
        for number, part in enumerate(chunk.split(b"\x1e")):
            count += bool(number and has_ink)
            has_ink = bool(part.strip(b" \t\r\n")) or (has_ink and not number)
    return count + has_ink


def call_count(chunks: Iterable[bytes]) -> int:
    """How many values are in a call. Raises ValueError if it is cut off, or something else than JSON is in it."""
    return json_count(_between_brackets(chunks))


def _between_brackets(chunks: Iterable[bytes]) -> Iterable[bytes]:
    """What is behind the first bracket, up to the last one."""
    rest, held = iter(chunks), b""
    for chunk in rest:
        _, begins, held = (held + chunk).partition(b"(")
        if begins:
            break
    for chunk in rest:
        yield held[:-5000]
        held = held[-5000:] + chunk
    inside, ends, behind = held.rpartition(b")")
    if not ends or behind.strip(b" \t\r\n;"):
        message = "cut off within a call"
        raise ValueError(message)
    yield inside


class _Values:
    """The values of a text, and what stands between them."""

    def __init__(self) -> None:
        self.count = 0
        self.is_array = False  # whether they are items of one
        self._may_be = "value"  # what comes next; or "end" of the array, or "both"
        self._is_word = False
        self._mark = b""  # the beginning of a byte order mark between two texts

    def begins(self, sign: bytes) -> bool:
        """Whether a sign outside of any value begins one that ends with another sign. Counts those that do not."""
        if not sign.strip(b" \t\r\n" if self.is_array else b" \t\r\n\xef\xbb\xbf"):
            self._is_word = False
            self._mark = (self._mark + sign.strip(b" \t\r\n")).replace(b"\xef\xbb\xbf", b"")
            return False
        self.require_whole_mark()
        if self._is_word and sign not in _STRUCTURE:
            return False  # the rest of a number or a word that two chunks share
        self._is_word = False
        if self._is_between(sign):
            return False
        if self._may_be == "end" or sign[:1] in _NO_VALUE or not (self.is_array or sign in _OPENING):
            message = "something else than JSON between two values"
            raise ValueError(message)
        if sign == b'"' or sign in _OPENING:
            return True
        self.end()
        self._is_word = True
        return False

    def require_whole_mark(self) -> None:
        """Refuse a byte order mark that is cut (a ValueError)."""
        if self._mark:
            message = "a part of a byte order mark between two values"
            raise ValueError(message)

    def end(self) -> None:
        """A value has ended."""
        self.count += 1
        self._may_be = "end" if self.is_array else "value"

    def _is_between(self, sign: bytes) -> bool:
        """Whether a sign begins or ends the array, or separates two of its items."""
        if sign == b"[" and not self.is_array:
            self.is_array, self._may_be = True, "both"
        elif sign == b"]" and self.is_array and self._may_be != "value":
            self.is_array, self._may_be = False, "value"
        elif sign == b"," and self._may_be == "end":
            self._may_be = "value"
        else:
            return False
        return True


def rows_counter(separator: str | None) -> Callable[[Iterable[bytes]], int]:
    """A function that counts the rows below a header, with that separator; None: as the header says.

    It raises ValueError for a text that ends within a quoted field, or has no good header.
    """

    def count(chunks: Iterable[bytes]) -> int:
        rows, begun, header = -1, False, b""
        first, lines = _beginning(_lines(chunks))
        sign = separator or _most_of(b"\n".join(first))
        between = re.escape(sign.encode())
        for line in chain(first, lines):
            if not begun and not line.strip(b" \t\r"):
                continue
            if not (header or begun) and rows < 0 and line.strip(b"\r").lower() == b"sep=" + sign.encode():
                continue  # a line for Excel, above the header
            # A line within a quoted field is as one that begins with a quote.
            rest = re.sub(rb'(^|%b)"(?:[^"]|"")*"(?!")' % between, rb"\1q", b'"' + line if begun else line)
            begun = re.search(rb'(?:^|%b)"' % between, rest) is not None
            header += line + b"\n" if rows < 0 else b""
            rows += not begun
            if rows == 0 and header:
                _check(header, sign)
                header = b""
        if begun:
            message = "cut off within a quoted field"
            raise ValueError(message)
        return max(rows, 0)

    return count


def _check(header: bytes, separator: str) -> None:
    text = io.StringIO(header.decode().removesuffix("\n").removesuffix("\r").replace("\r", _RETURN))
    try:
        (names,) = csv.reader(text, delimiter=separator, strict=True)
    except csv.Error as error:
        raise ValueError(str(error)) from error
    names = [name.strip() or str(number) for number, name in enumerate(names)]
    if any(re.search(rf"{_RETURN}(?!\n)", name) for name in names):
        message = "lines that end in carriage returns alone"
        raise ValueError(message)
    if any(re.fullmatch(_OF_DATA, name, re.IGNORECASE | re.DOTALL) for name in names):
        message = "no header"
        raise ValueError(message)
    if len({*names}) < len(names):
        message = "a name twice in the header"
        raise ValueError(message)


def _beginning(lines: Iterable[bytes]) -> tuple[list[bytes], Iterable[bytes]]:
    """The lines of the header, as far as it is short, with the rest of the lines: as many as close what they quote."""
    rest, first, quotes, size = iter(lines), list[bytes](), 0, 0
    for line in rest:
        if first or line.strip(b" \t\r"):
            first.append(line)
            quotes, size = quotes + line.count(b'"'), size + len(line)
            if quotes % 2 == 0 or size > 4000:
                break
    return first, rest


def _most_of(header: bytes) -> str:
    bare, _, _ = re.sub(rb'"[^"]*"', b"", header).partition(b"\n")
    if re.fullmatch(rb"(?i)sep=[,;|\t]\r*", bare):
        return bare[4:5].decode()
    counts = {sign: bare.count(sign.encode()) for sign in ",;\t|"}
    return next(sign for sign in counts if counts[sign] == max(counts.values()))


def _lines(chunks: Iterable[bytes]) -> Iterable[bytes]:
    parts = list[bytes]()
    for chunk in chunks:
        first, *later = chunk.split(b"\n")
        parts.append(first)
        for line in later:
            yield b"".join(parts)
            parts = [line]
    if last := b"".join(parts):
        yield last


def parquet_count(path: Path) -> int:
    """The rows of a Parquet file, every value of which is read. Raises ValueError if it cannot be."""
    import duckdb  # noqa: PLC0415 - few sources have such files

    with TemporaryDirectory(prefix="clickstream-") as folder:
        link = Path(folder, "rows")  # its own name may be a pattern, or no text
        link.symlink_to(path.absolute())
        try:
            with duckdb.connect() as connection:
                read = connection.execute("SELECT count(*), count(COLUMNS(*)) FROM read_parquet(?)", [str(link)])
                row = read.fetchone()
                if _holds_two(connection, link):
                    message = "two files, one after the other"
                    raise ValueError(message)
        except duckdb.Error as error:
            raise ValueError(str(error).split("\n")[0]) from error
    return row[0] if row else 0


def _holds_two(connection: duckdb.DuckDBPyConnection, file: Path) -> bool:
    """Whether one file ends and another one begins behind all columns that the footer names."""
    begin = "coalesce(nullif(dictionary_page_offset, 0), data_page_offset)"
    asked = f"SELECT max({begin} + total_compressed_size) FROM parquet_metadata(?)"
    last = connection.execute(asked, [str(file)]).fetchone()
    with file.open("rb") as opened:
        opened.seek(last[0] or 0 if last else 0)
        return b"PAR1PAR1" in opened.read()


COUNTS: dict[str, Callable[[Iterable[bytes]], int]] = {
    "json": json_count,
    "json-seq": sequence_count,
    "jsonp": call_count,
    "csv": rows_counter(None),
    "tsv": rows_counter("\t"),
}
