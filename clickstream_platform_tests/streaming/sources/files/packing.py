"""Texts packed in every codec, and a second reading of them that shares nothing with the package's."""

from __future__ import annotations

import base64
import bz2
import gzip
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import cramjam
import pyarrow as pa

from clickstream_platform.streaming.sources.files.formats import file_records
from clickstream_platform.streaming.sources.files.raw import open_raw

Row = tuple[int, bytes, int]

PACK: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda text: text,
    "gzip": lambda text: gzip.compress(text, mtime=0),
    "zlib": zlib.compress,
    "bzip2": bz2.compress,
    "zstd": lambda text: _by_arrow(text, "zstd"),
    "lz4": lambda text: _by_arrow(text, "lz4"),
    "snappy": lambda text: bytes(cramjam.snappy.compress(text)),
}

TEXT = b"".join(b'{"user_id":"u%d"}\n' % n for n in range(12))

_ZSTD = "D77#B1OUwe0Qh?%b#rBMUuk3_IwEy2B7F)mGBY$aHa9pqF)<>23JU-(;|V|xAPgV^kOK$<hydgO!T=)DF_#@?mEi"
_LZ4 = (
    "1R_lsbU?jB0002_0(&BLb7gX0X=EZgB6Tn#eF_l(95E3995N9A95WFB95fLC95oRD95xXE95)dF95@jG961pH9Wko_P%$wgeF{~teYpSt006`<Ump"
)

# The same text as the tools zstd and lz4 write it: with checksums, which Arrow leaves out.
WITH_CHECKSUM = {
    **{name: PACK[name](TEXT) for name in ("gzip", "zlib", "bzip2", "snappy")},
    "zstd": base64.b85decode(_ZSTD),
    "lz4": base64.b85decode(_LZ4),
}

SKIPPABLE = b"\x50\x2a\x4d\x18\x05\x00\x00\x00hello"  # a frame without data, of zstd or lz4


def _by_arrow(text: bytes, codec: str) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(text)
    return sink.getvalue().to_pybytes()


def read(file: Path, max_record_bytes: int = 1_000_000, declared: str = "auto") -> list[Row]:
    """What the package reads of a file."""
    with open_raw(file) as raw:
        return rows(file_records(raw, declared, max_record_bytes).batches)


def written(file: Path, content: bytes) -> Path:
    file.write_bytes(content)
    return file


def rows(batches: Iterable[pa.RecordBatch]) -> list[Row]:
    found: list[Row] = []
    for batch in batches:
        found += zip(*(batch[name].to_pylist() for name in ("offset", "value", "size")), strict=True)
    return found


def naive(text: bytes, max_record_bytes: int = 1_000_000, kept: int = 1_000) -> list[Row]:
    """What is to be read, line by line."""
    found: list[Row] = []
    parts = text.split(b"\n")
    for number, line in enumerate(parts[:-1] if parts[-1] == b"" else parts):
        if any(sign not in b" \t\r" for sign in line):
            is_cut = len(line) > max_record_bytes
            found.append((number, line[: min(kept, max_record_bytes)] if is_cut else line, len(line)))
    return found
