"""A second reading of files, which shares no line with the one that ingests them: it can find that one's mistakes.

It is naive on purpose, in bounded memory: the standard library's codecs where it has them, and cramjam's from file to
file for the others; a text is split at newlines.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import cramjam

from clickstream_platform.streaming.sources.envelope_count import Tally
from clickstream_platform.streaming.sources.files.count_formats import COUNTS, parquet_count

_CHUNK = 1 << 20
_FAULTS = (OSError, EOFError, ValueError, zlib.error, cramjam.DecompressionError)
_MARKS = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")
# Markup, answers of servers, mail, SQL, YAML, settings, keys, scripts: what is refused as a document stays that.
_DOCUMENT = re.compile(rb"\s*(<[!?a-z]|http/\d|[a-z-]+:? |--|/\*|%yaml|[#;]|\[+[a-z_])", re.IGNORECASE)

Chunks = Iterator[bytes]


@dataclass(frozen=True)
class FileCount:
    """What a file holds.

    Attributes:
        bytes: as it lies on the disk.
        records: its lines that are not blank, or what its format has as records; of a file that cannot be read to its
            end, none.
        fault: why it cannot be read to its end; None if it can.
        is_text: whether it begins as a text of records does.
    """

    bytes: int
    records: int
    fault: str | None = None
    is_text: bool = True


def count_file(path: bytes, its_format: str = "", tally: Tally | None = None) -> FileCount | None:
    """Count a file; None if there is no file.

    Args:
        path: the file.
        its_format: the format by which it was read, as booked; empty for a record a line.
        tally: looks into each of its records, if given. Only of a record a line.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        return FileCount(_size(path), 0, error.strerror or str(error))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        try:
            if its_format == "parquet":
                return FileCount(status.st_size, parquet_count(Path(os.fsdecode(path))))
            head, chunks = _with_head(_unpacked(file, path))
            text, count = _as_utf8(head, chunks), COUNTS.get(its_format, _count_lines)
            records = _tally_lines(text, tally) if tally else count(text)
        except _FAULTS as fault:
            return FileCount(status.st_size, 0, str(fault) or type(fault).__name__)
    is_text = _CONTROL.search(head[:8000]) is None and _DOCUMENT.match(head.removeprefix(codecs.BOM_UTF8)) is None
    return FileCount(status.st_size, records, is_text=is_text)


def _size(path: bytes) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - bytes
    except OSError:
        return 0


def _unpacked(file: BinaryIO, path: bytes) -> Chunks:
    head = file.read(4096)
    file.seek(0)
    after = _behind_empty_frames(file)
    if head.startswith(b"\x1f\x8b"):
        return _read(gzip.GzipFile(fileobj=file))
    if re.match(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", head):
        return _members(file, bz2.BZ2Decompressor)
    if not after and head:
        return iter(())  # nothing but frames that are passed over
    if after.startswith(b"\x28\xb5\x2f\xfd"):
        return _from_file_to_file(path, cramjam.zstd.decompress_into)
    if after.startswith(b"\x04\x22\x4d\x18"):
        return _from_file_to_file(path, cramjam.lz4.decompress_into)
    if head.startswith(b"\xff\x06\0\0sNaPpY"):
        return _from_file_to_file(path, cramjam.snappy.decompress_into)
    return _members(file, zlib.decompressobj) if _is_zlib(head) else _read(file)


def _behind_empty_frames(file: BinaryIO) -> bytes:
    """The first bytes behind frames that zstd and lz4 pass over."""
    head = file.read(8)
    size = os.fstat(file.fileno()).st_size
    while len(head) == 8 and 0x50 <= head[0] <= 0x5F and head[1:4] == b"\x2a\x4d\x18":
        if file.seek(int.from_bytes(head[4:], "little"), os.SEEK_CUR) > size:
            message = "cut off within a frame that is passed over"
            raise EOFError(message)
        head = file.read(8)
    file.seek(0)
    return head


def _is_zlib(head: bytes) -> bool:
    """Whether a file is packed by zlib: its first two bytes say so, and the others are no text."""
    text = head.decode("utf-8", "surrogateescape")
    is_text = _CONTROL.search(head) is None and not any("\udc80" <= sign <= "\udcff" for sign in text[:-3])
    return head[:1] == b"x" and int.from_bytes(head[:2], "big") % 31 == 0 and not is_text


def _read(stream: BinaryIO | gzip.GzipFile) -> Chunks:
    while chunk := stream.read(_CHUNK):
        yield chunk


def _members(file: BinaryIO, new: Callable[[], bz2.BZ2Decompressor | zlib._Decompress]) -> Chunks:  # pyright: ignore[reportPrivateUsage]
    """Streams in a row. The standard library passes over garbage behind the first one; here it is a fault."""
    rest = file.read(_CHUNK)
    while rest:
        member = new()
        while not member.eof:
            yield from _unpack_some(member, rest)
            rest = b"" if member.eof else file.read(_CHUNK)
            if not rest and not member.eof:
                msg = "cut off"
                raise EOFError(msg)
        rest = member.unused_data or file.read(_CHUNK)


def _unpack_some(member: bz2.BZ2Decompressor | zlib._Decompress, packed: bytes) -> Chunks:  # pyright: ignore[reportPrivateUsage]
    """What some packed bytes unpack to, a chunk at a time."""
    out = member.decompress(packed, _CHUNK)
    while out:
        yield out
        out = b"" if member.eof else member.decompress(getattr(member, "unconsumed_tail", b""), _CHUNK)


def _from_file_to_file(path: bytes, unpack: Callable[[cramjam.File, cramjam.File], int]) -> Chunks:
    with TemporaryDirectory(prefix="clickstream-") as folder:
        packed, plain = Path(folder, "packed"), Path(folder, "plain")
        packed.symlink_to(os.fsdecode(os.path.abspath(path)))  # cramjam takes a name that is text  # noqa: PTH100
        unpack(cramjam.File(str(packed), read=True, truncate=False), cramjam.File(str(plain), write=True))
        with plain.open("rb") as unpacked:
            yield from _read(unpacked)


def _with_head(chunks: Chunks) -> tuple[bytes, Chunks]:
    first = list[bytes]()
    while sum(map(len, first)) < 8000 and (chunk := next(chunks, b"")):
        first.append(chunk)
    head = b"".join(first)
    return head, chain([head], chunks)


def _as_utf8(head: bytes, chunks: Chunks) -> Iterable[bytes]:
    encoding = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
    if encoding is None:
        first = next(chunks).removeprefix(codecs.BOM_UTF8)
        return chain([first], chunks)
    texts = codecs.iterdecode(chunks, encoding, "surrogatepass")
    return (text.encode("utf-8", "surrogatepass") for text in texts)


def _count_lines(chunks: Iterable[bytes]) -> int:
    """How many lines are not blank."""
    count, has_ink = 0, False
    for chunk in chunks:
        first, *later = chunk.split(b"\n")
        has_ink = has_ink or not _is_blank(first)
        for line in later:
            count += has_ink
            has_ink = not _is_blank(line)
    return count + has_ink


def _tally_lines(chunks: Iterable[bytes], tally: Tally) -> int:
    """How many lines are not blank; the tally is given each of them."""
    count = 0
    for line in _lines(chunks, tally.envelopes.most_bytes + 1):
        tally.add(line)
        count += 1
    return count


def _lines(chunks: Iterable[bytes], most: int) -> Iterator[bytes]:
    """The lines that are not blank; of a longer one so many bytes."""
    line, has_ink = b"", False
    for chunk in chain(chunks, [b"\n"]):
        parts = chunk.split(b"\n")
        for number, part in enumerate(parts):
            if number:
                if has_ink:
                    yield line
                line, has_ink = b"", False
            has_ink = has_ink or not _is_blank(part)
            line += part[: most - len(line)]


def _is_blank(line: bytes) -> bool:
    return not line.strip(b" \t\r")
