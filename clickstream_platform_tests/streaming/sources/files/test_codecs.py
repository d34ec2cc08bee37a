from __future__ import annotations

from pathlib import Path

import pytest

from clickstream_platform.streaming.sources.files import unpacking
from clickstream_platform.streaming.sources.files.codecs import unpack_file
from clickstream_platform.streaming.sources.files.raw import open_raw
from clickstream_platform.streaming.sources.files.unreadable import Unreadable
from clickstream_platform_tests.streaming.sources.files.packing import (
    PACK,
    SKIPPABLE,
    TEXT,
    WITH_CHECKSUM,
    naive,
    read,
    written,
)

ROWS = naive(TEXT)
PACKED = sorted(PACK.keys() - {"plain"})


@pytest.mark.parametrize("codec", sorted(PACK))
@pytest.mark.parametrize("name", ["a.json", "a.gz", "a.lz4", "a"])
def test_codec_is_told_by_the_first_bytes_and_not_by_the_name(tmp_path: Path, codec: str, name: str) -> None:
    assert read(written(tmp_path / name, PACK[codec](TEXT))) == ROWS


@pytest.mark.parametrize("codec", sorted(PACK))
def test_several_members_are_one_file(tmp_path: Path, codec: str) -> None:
    halves = TEXT[:50], TEXT[50:]

    assert read(written(tmp_path / "a", b"".join(map(PACK[codec], halves)))) == ROWS


@pytest.mark.parametrize("codec", PACKED)
def test_member_for_every_line_makes_no_chunk_for_every_line(tmp_path: Path, codec: str) -> None:
    file = written(tmp_path / "a", b"".join(PACK[codec](b'{"n":%d}\n' % n) for n in range(2_000)))

    with open_raw(file) as raw:
        chunks = list(unpack_file(raw))

    assert b"".join(chunks) == b"".join(b'{"n":%d}\n' % n for n in range(2_000))
    assert len(chunks) == 1


@pytest.mark.parametrize("codec", PACKED)
def test_empty_text_is_no_record(tmp_path: Path, codec: str) -> None:
    assert read(written(tmp_path / "a", PACK[codec](b""))) == []


def test_empty_file_is_no_record(tmp_path: Path) -> None:
    assert read(written(tmp_path / "a", b"")) == []


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_frames_without_data_are_passed_over(tmp_path: Path, codec: str) -> None:
    frame = WITH_CHECKSUM[codec]

    assert read(written(tmp_path / "a", SKIPPABLE + frame + SKIPPABLE)) == ROWS
    assert read(written(tmp_path / "b", SKIPPABLE + SKIPPABLE)) == []


def test_zeros_behind_gzip_are_padding(tmp_path: Path) -> None:
    packed = PACK["gzip"](TEXT)

    assert read(written(tmp_path / "a", packed + b"\0" * 3_000_000)) == ROWS
    assert read(written(tmp_path / "b", packed + b"\0" * 512 + packed))[: len(ROWS)] == ROWS


@pytest.mark.parametrize("codec", sorted(WITH_CHECKSUM))
def test_file_cut_anywhere_is_told_as_cut(tmp_path: Path, codec: str) -> None:
    packed = WITH_CHECKSUM[codec]
    for size in range(1, len(packed)):
        file = written(tmp_path / "a", packed[:size])
        if size < 10 and _is_word(packed[:size]):
            # "BZh" is bzip2's, and a word. It is a record, which no parser takes for an event.
            assert read(file) == naive(packed[:size])
        elif codec == "snappy" and size == 10:
            assert read(file) == []  # its whole first chunk: an empty text
        else:
            with pytest.raises(Unreadable, match=f"{codec}: cut off after {size:,} bytes"):
                read(file)


def _is_word(begin: bytes) -> bool:
    return begin.isascii() and begin.decode().isprintable()


def test_plain_file_cut_anywhere_gives_its_lines(tmp_path: Path) -> None:
    for size in range(len(TEXT)):
        assert read(written(tmp_path / "a", TEXT[:size])) == naive(TEXT[:size])


@pytest.mark.parametrize("codec", sorted(WITH_CHECKSUM))
def test_flipped_bit_is_a_fault_or_changes_nothing(tmp_path: Path, codec: str) -> None:
    packed = WITH_CHECKSUM[codec]
    faults: list[str] = []
    for at in range(10 if codec in ("snappy", "bzip2") else 4, len(packed)):  # behind the magic number
        for bit in range(8):
            damaged = bytearray(packed)
            damaged[at] ^= 1 << bit
            try:
                assert read(written(tmp_path / "a", bytes(damaged))) == ROWS, (at, bit)
            except Unreadable as unreadable:
                faults.append(unreadable.finding)
    assert len(faults) > 4 * len(packed)
    assert all(fault.startswith(f"{codec}: ") for fault in faults)


@pytest.mark.parametrize("codec", PACKED)
@pytest.mark.parametrize("garbage", [b"x", b"garbage, no codec's", b"\x01\x02\x03\x04\x05\x06\x07\x08\x09", b"\0x"])
def test_something_else_behind_the_end_is_a_fault(tmp_path: Path, codec: str, garbage: bytes) -> None:
    with pytest.raises(Unreadable, match=f"{codec}: "):
        read(written(tmp_path / "a", PACK[codec](TEXT) + garbage))


@pytest.mark.parametrize(
    "begin", [b"x^2 is a square\n", b"BZh9 is no bzip2\n", b"(5)\n", "x\u06ad\n".encode(), b"P*M\n"]
)
def test_text_that_begins_like_a_codec_is_text(tmp_path: Path, begin: bytes) -> None:
    assert read(written(tmp_path / "a", begin + TEXT)) == naive(begin + TEXT)


@pytest.mark.parametrize("codec", sorted(PACK))
def test_chunks_are_bounded_however_well_it_is_packed(tmp_path: Path, codec: str) -> None:
    file = written(tmp_path / "a", PACK[codec](b"0" * 30_000_000))

    with open_raw(file) as raw:
        sizes = [len(chunk) for chunk in unpack_file(raw)]

    assert sum(sizes) == 30_000_000
    assert max(sizes) <= 10 * unpacking.CHUNK


def test_file_that_is_gone_is_told_as_deleted(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"^deleted before it was read$"):
        read(tmp_path / "a")


def test_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"^no longer a file$"):
        read(tmp_path)
