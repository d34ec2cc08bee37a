"""The second reading of files: what it counts, and that it agrees with the first about what cannot be read."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

import pytest

from clickstream_platform.streaming.sources.files.count import FileCount, count_file
from clickstream_platform_tests.streaming.sources.files.packing import PACK, SKIPPABLE, TEXT, WITH_CHECKSUM


def of(file: Path, content: bytes) -> FileCount:
    file.write_bytes(content)
    found = count_file(os.fsencode(file))
    assert found
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / os.fsdecode(b"caf\xe9 #%")


@pytest.mark.parametrize("codec", PACK)
def test_lines_are_counted_whatever_packs_them(file: Path, codec: str) -> None:
    packed = PACK[codec](TEXT)
    assert of(file, packed) == FileCount(len(packed), 12)


@pytest.mark.parametrize("codec", [codec for codec in PACK if codec != "plain"])
def test_streams_in_a_row_are_one_file(file: Path, codec: str) -> None:
    assert of(file, PACK[codec](TEXT) + PACK[codec](b"\n") + PACK[codec](TEXT)).records == 24


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_a_frame_without_data_is_passed_over(file: Path, codec: str) -> None:
    assert of(file, SKIPPABLE + PACK[codec](TEXT)).records == 12
    assert of(file, SKIPPABLE) == FileCount(len(SKIPPABLE), 0)
    assert of(file, SKIPPABLE[:-1]).fault


@pytest.mark.parametrize("codec", WITH_CHECKSUM)
@pytest.mark.parametrize("damage", ["cut", "flipped", "garbage"])
def test_a_damaged_file_has_no_records_but_a_fault(file: Path, codec: str, damage: str) -> None:
    whole = WITH_CHECKSUM[codec]
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    found = of(file, {"cut": whole[:-3], "flipped": bytes(flipped), "garbage": whole + b"garbage"}[damage])
    assert found.fault
    assert found.records == 0


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-8"])
def test_a_text_with_a_byte_order_mark_is_counted_in_its_encoding(file: Path, encoding: str) -> None:
    text = "\ufeff\n{}\n \t\r\n{" + "ਊ" * 5 + "}"  # this sign has a newline's byte in it, twice
    assert of(file, text.encode(encoding)) == FileCount(len(text.encode(encoding)), 2, is_text=encoding == "utf-8")


def test_a_line_longer_than_any_chunk_is_one_record(file: Path) -> None:
    assert of(file, b" " * 3_000_000 + b"\n" + b"x" * 3_000_000 + b"\n").records == 1


def test_an_empty_file_has_no_records(file: Path) -> None:
    assert of(file, b"") == FileCount(0, 0)


def test_a_binary_file_is_no_text(file: Path) -> None:
    assert not of(file, b"PAR1\0\0\n\n").is_text


def test_a_mark_alone_is_no_record(file: Path) -> None:
    assert of(file, codecs.BOM_UTF8).records == 0


def test_a_pipe_is_not_opened_and_a_missing_file_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert count_file(os.fsencode(tmp_path / "pipe")) is None
    assert count_file(os.fsencode(tmp_path / "missing")) is None
