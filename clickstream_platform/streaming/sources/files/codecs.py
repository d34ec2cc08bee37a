"""Files unpacked: the codec is told by a file's first bytes, never by its name.

Each codec reads on to the file's end: several members, streams or frames in a row are one file, a cut one and one with
something else behind it are faults, and so is a flipped byte, where the format has a checksum.
"""

from __future__ import annotations

import bz2
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cramjam
import pyarrow as pa

from clickstream_platform.streaming.sources.files.contents import is_text
from clickstream_platform.streaming.sources.files.raw import RawFile
from clickstream_platform.streaming.sources.files.unpacking import (
    SNAPPY,
    Chunks,
    CutOff,
    Inflate,
    arrow_unpacker,
    gather_chunks,
    plain_chunks,
    unpack_members,
    unpack_snappy,
)
from clickstream_platform.streaming.sources.files.unreadable import Unreadable


@dataclass(frozen=True)
class Codec:
    """A way of packing bytes.

    Attributes:
        name: what it is called in findings.
        magic: how a packed file begins.
        unpacked: all bytes of such a file, in chunks of about a megabyte.
    """

    name: str
    magic: re.Pattern[bytes]
    unpacked: Callable[[RawFile], Chunks]


def codec_of(raw: RawFile) -> Codec | None:
    """How a file is packed; None if it is not.

    Raises:
        Unreadable: it is cut off within a codec's first bytes. If these are letters, as bzip2's, it passes for text.
    """
    head = raw.peek(_after_skippable(raw), 4096)
    codec = next((each for each in CODECS if each.magic.match(head)), None)
    if codec is None and _is_zlib(head):
        return _ZLIB
    if codec is None and head and re.search(rb"[^\t\n\r -~]", head):
        for name, magic in _BEGINNINGS.items():
            if magic.startswith(head):
                raise Unreadable(name, f"cut off after {raw.end:,} bytes")
    return codec


def unpack_file(raw: RawFile) -> Chunks:
    """All bytes of a file, unpacked if it is packed.

    Raises:
        Unreadable: while they are read.
    """
    codec = codec_of(raw)
    return plain_chunks(raw) if codec is None else _translate_faults(codec, raw)


def _translate_faults(codec: Codec, raw: RawFile) -> Chunks:
    """With every fault of the codec as a finding."""
    try:
        yield from gather_chunks(codec.unpacked(raw))
    except CutOff as cut:
        raise Unreadable(codec.name, f"cut off after {raw.position:,} bytes") from cut
    except (OSError, EOFError, ValueError, zlib.error, pa.ArrowException, cramjam.DecompressionError) as error:
        raise Unreadable(codec.name, f"damaged before byte {raw.position:,}: {error}") from error


def _is_zlib(head: bytes) -> bool:
    """Whether a file begins as zlib writes. A text may begin with these two bytes, too, and goes on as one."""
    return re.match(rb"x[\x01\x5e\x9c\xda]", head) is not None and not is_text(head)


def _after_skippable(raw: RawFile) -> int:
    """Where the first frame begins that holds data: zstd and lz4 have frames of a kind to be passed over."""
    position = raw.start
    for _ in range(64):  # tools write one, with the size of what follows
        header = raw.peek(position, 8)
        if not re.match(rb"[\x50-\x5f]\x2a\x4d\x18.{4}", header, re.DOTALL):
            break
        position += 8 + int.from_bytes(header[4:], "little")
        if position >= raw.end:
            return raw.start
    return position


CODECS = (
    Codec("gzip", re.compile(rb"\x1f\x8b"), lambda raw: unpack_members(lambda: Inflate(31), raw, padding=b"\0")),
    Codec("bzip2", re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"), partial(unpack_members, bz2.BZ2Decompressor)),
    Codec("zstd", re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"), arrow_unpacker("zstd")),
    Codec("lz4", re.compile(rb"\x04\x22\x4d\x18"), arrow_unpacker("lz4")),
    Codec("snappy", re.compile(re.escape(SNAPPY)), unpack_snappy),
)
_ZLIB = Codec("zlib", re.compile(rb"\x78"), lambda raw: unpack_members(lambda: Inflate(15), raw))
_BEGINNINGS = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd", "lz4": b"\x04\x22\x4d\x18", "snappy": SNAPPY}
