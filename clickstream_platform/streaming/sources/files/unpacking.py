"""Packed bytes unpacked in chunks, in bounded memory, to the end of the file or with an error."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Callable, Iterator

import cramjam
import pyarrow as pa

from clickstream_platform.streaming.sources.files.raw import RawFile

CHUNK = 1 << 20  # bytes read, and given, at once: what fits a processor's cache is worked on fastest
_INPUT = 1 << 16  # packed bytes: what a member leaves of them is copied for the next one

Chunks = Iterator[bytes]


class CutOff(Exception):  # noqa: N818 - a finding about a file, which stops no run
    """The file ends before what is packed in it does."""


def plain_chunks(raw: RawFile) -> Chunks:
    """The bytes as they are."""
    while chunk := raw.read(CHUNK):
        yield chunk


class Inflate:
    """What zlib unpacks, with the interface of ``bz2.BZ2Decompressor``.

    Args:
        wbits: which of zlib's formats, as :func:`zlib.decompressobj` takes it.
    """

    def __init__(self, wbits: int) -> None:
        self._inflate = zlib.decompressobj(wbits)
        self.needs_input = True

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Unpack at most ``max_length`` bytes."""
        out = self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)
        self.needs_input = len(out) < max_length
        return out

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        """What was given of bytes behind its end."""
        return self._inflate.unused_data


def gather_chunks(chunks: Chunks) -> Chunks:
    """The same bytes in larger chunks: loggers write a gzip member for every line."""
    parts, size = list[bytes](), 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size >= CHUNK // 2:
            yield b"".join(parts) if len(parts) > 1 else chunk
            parts, size = [], 0
    if parts:
        yield b"".join(parts)


def unpack_members(new: Callable[[], Inflate | bz2.BZ2Decompressor], raw: RawFile, padding: bytes = b"") -> Chunks:
    """One member after another, with padding behind each."""
    data = raw.read(_INPUT)
    while data:
        member = new()
        while not member.eof:
            if out := member.decompress(data, CHUNK):
                yield out
            data = b""
            if not member.eof and member.needs_input and not (data := raw.read(_INPUT)):
                raise CutOff
        data = member.unused_data.lstrip(padding) if padding else member.unused_data
        while not data and (more := raw.read(_INPUT)):
            data = more.lstrip(padding) if padding else more


def arrow_unpacker(name: str) -> Callable[[RawFile], Chunks]:
    """What Arrow unpacks: frame after frame."""

    def of(raw: RawFile) -> Chunks:
        stream = pa.CompressedInputStream(pa.PythonFile(raw, "r"), name)
        try:
            while chunk := stream.read(CHUNK):
                yield chunk
        except OSError as error:
            if "Truncated" in str(error):
                raise CutOff from error
            raise

    return of


SNAPPY = b"\xff\x06\x00\x00sNaPpY"
_PADDING = 0xFE
_LARGEST = 100_000  # a chunk holds 64 KB of data, which snappy makes a sixth longer at worst


def unpack_snappy(raw: RawFile) -> Chunks:
    """The framing format. Its chunks are cut here, and unpacked and checked, some at a time, by the library."""
    waiting = bytearray()
    while header := raw.read(4):
        kind, size = header[0], int.from_bytes(header[1:], "little")
        body = raw.read(size) if len(header) == 4 else b""
        if len(header) < 4 or len(body) < size:
            raise CutOff
        if kind <= 1 and size <= _LARGEST:
            waiting += header + body
        elif not (kind == _PADDING or header + body == SNAPPY):
            # Kinds from 0x80 on may be passed over, too. Nobody writes them: it is data with a flipped bit.
            message = f"a chunk of kind {kind} and {size:,} bytes"
            raise ValueError(message)
        if len(waiting) > 4 * _LARGEST:
            yield bytes(cramjam.snappy.decompress(SNAPPY + waiting))
            waiting.clear()
    if waiting:
        yield bytes(cramjam.snappy.decompress(SNAPPY + waiting))
