"""What a file's first unpacked bytes say it holds, and how its text is encoded."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from clickstream_platform.events.registry.beginnings import SINGLE_OBJECT
from clickstream_platform.streaming.sources.files.unreadable import Unreadable

HEAD = 4096  # bytes looked at
OF_SINGLE_OBJECTS = "Avro in its single-object encoding"

_KINDS = {
    rb"PAR1": "a Parquet file",
    rb"PARE": "an encrypted Parquet file",
    rb"Obj\x01": "an Avro file",
    rb"ORC": "an ORC file",
    rb"ARROW1|\xff\xff\xff\xff.{3}\0": "an Arrow file",
    rb"SEQ[\x04-\x06]|RCF\x01": "a Hadoop sequence file",
    rb"\x89PNG\r\n\x1a\n": "a PNG picture",
    rb"\xff\xd8\xff": "a JPEG picture",
    rb"GIF8[79]a": "a GIF picture",
    rb"RIFF.{4}WEBP": "a WebP picture",
    rb"%PDF-": "a PDF document",
    rb"PK(\x03\x04|\x05\x06|\x07\x08)": "a ZIP archive (as xlsx and docx are)",
    rb".{257}ustar": "a tar archive",
    rb"7z\xbc\xaf\x27\x1c": "a 7z archive",
    rb"Rar!\x1a\x07": "a RAR archive",
    rb"\xfd7zXZ\0": "an xz file, which is not read",
    rb"\x02\x21\x4c\x18": "an lz4 file of the legacy format, which is not read",
    rb"\x1f\x9d|\x89LZO\0|LZIP\x01|\x5d\0\0.{2}\xff": "a file of a codec that is not read",
    rb"\x1f\x8b": "a gzip file in another",
    rb"\x28\xb5\x2f\xfd": "a zstd file in another",
    rb"x[\x01\x5e\x9c\xda]": "a zlib file in another",
    rb"\x04\x22\x4d\x18": "an lz4 file in another",
    rb"BZh[1-9](1AY&SY|\x17\x72\x45\x38\x50\x90)": "a bzip2 file in another",
    rb"SQLite format 3\0": "an SQLite database",
    rb"\x7fELF|MZ.{2,64}\0|\xca\xfe\xba\xbe": "a program",
    rb"\xac\xed\0\x05": "a serialized Java object",
    rb"\x80[\x02-\x05].*\.": "a Python pickle",
    rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Office document",
}
_BEGINNINGS = {re.compile(pattern, re.DOTALL): kind for pattern, kind in _KINDS.items()}

# UTF-32 first: its mark begins with UTF-16's.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_UNMARKED = re.compile(rb"(?:[\t\n\r -~]\0){2}|(?:\0[\t\n\r -~]){2}")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def encoding_of(head: bytes) -> str | None:
    """How a text that begins so is encoded, as its byte order mark says; None without one: then it is UTF-8."""
    return next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)


def binary_kind(head: bytes) -> str | None:
    """What begins so, if it is no text.

    A known beginning counts if there is more than text behind it: ``ORC`` may be a word. Without one, a file is no text
    if there are a NUL and other control characters among its first bytes, more than one in a hundred, and most of these
    bytes lie in lines that are no text either. A line that a disk has damaged spoils itself and not its file, and so do
    bytes that are no UTF-8.
    """
    if encoding_of(head) not in (None, "utf-8") or is_text(head):
        return None
    kind = next((kind for beginning, kind in _BEGINNINGS.items() if beginning.match(head)), None)
    if kind:
        return f"it begins like {kind}"
    if _UNMARKED.match(head):
        return "it begins like UTF-16 without a byte order mark"
    lines = head.split(b"\n")
    of_text = sum(len(line) for line in lines if is_text(line))
    is_binary = b"\0" in head and 100 * len(_CONTROL.findall(head)) > len(head) and 2 * of_text < len(head) - len(lines)
    if is_binary and head.startswith(SINGLE_OBJECT):
        return f"it begins like {OF_SINGLE_OBJECTS}"
    return "its first bytes are binary" if is_binary else None


def is_text(part: bytes) -> bool:
    """Whether these bytes, which may end within a character, are UTF-8 without control characters."""
    if not part.isascii():
        try:
            codecs.utf_8_decode(part)
        except UnicodeDecodeError:
            return False
    return not _CONTROL.search(part)


def text_beginning(head: bytes, encoding: str | None) -> bytes:
    """The first bytes of a text as UTF-8, without its byte order mark; they may end within a character."""
    mark = next((mark for mark, name in _MARKS.items() if name == encoding), b"")
    head = head.removeprefix(mark)
    if encoding in (None, "utf-8"):
        return head
    try:
        return codecs.getincrementaldecoder(encoding)("surrogatepass").decode(head).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return b""


def to_utf8(chunks: Iterator[bytes], encoding: str | None) -> Iterator[bytes]:
    """A text as UTF-8, without its byte order mark.

    A lone surrogate becomes bytes that are no UTF-8, which spoil its line alone.

    Raises:
        Unreadable: it ends within a character.
    """
    if encoding is None:
        yield from chunks
        return
    mark = next(mark for mark, name in _MARKS.items() if name == encoding)
    yield from _decoded(_without_mark(mark, chunks), encoding) if encoding != "utf-8" else _without_mark(mark, chunks)


def _without_mark(mark: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield next(chunks, b"").removeprefix(mark)
    yield from chunks


def _decoded(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise Unreadable(encoding, error.reason) from error
