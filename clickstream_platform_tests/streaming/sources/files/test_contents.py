from __future__ import annotations

import codecs
import gzip
import io
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.orc
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_platform.streaming.sources.files.contents import binary_kind, encoding_of, to_utf8
from clickstream_platform.streaming.sources.files.unreadable import DELETED, Unreadable, remedy_of
from clickstream_platform_tests.streaming.sources.files.packing import PACK, TEXT, naive, read, written

TABLE = pa.table({"user_id": ["u1", "u2"], "n": [1, 2]})


def _of(write: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def _arrow(file: io.BytesIO) -> None:
    with pyarrow.ipc.new_file(file, TABLE.schema) as writer:
        writer.write_table(TABLE)


def _zip(file: io.BytesIO) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.json", TEXT)


def _tar(file: io.BytesIO) -> None:
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo("a.json")
        info.size = len(TEXT)
        archive.addfile(info, io.BytesIO(TEXT))


NO_TEXT = {
    "Parquet": _of(lambda file: pyarrow.parquet.write_table(TABLE, file)),
    "ORC": _of(lambda file: pyarrow.orc.write_table(TABLE, file)),
    "Arrow": _of(_arrow),
    "Avro": b"Obj\x01\x04\x14avro.codec\x08null\x16avro.schema",
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1",
    "JPEG": b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01",
    "GIF": b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0!",
    "PDF": b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
    "ZIP": _of(_zip),
    "tar": _of(_tar),
    "7z": b"7z\xbc\xaf\x27\x1c\0\x04",
    "xz": b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4F\2\0!\1",
    "lz4 file of the legacy": b"\x02\x21\x4c\x18\x0d\0\0\0" + TEXT,
    "SQLite": b"SQLite format 3\0\x10\0\1\1\0@  ",
    "program": b"\x7fELF\x02\x01\x01\0",
    "gzip file in another": gzip.compress(gzip.compress(TEXT)),
    "zlib file in another": zlib.compress(zlib.compress(TEXT)),
}


@pytest.mark.parametrize("kind", sorted(NO_TEXT.keys() - {"Parquet"}))
def test_what_is_no_text_is_told_as_what_it_is(tmp_path: Path, kind: str) -> None:
    with pytest.raises(Unreadable, match=f"^not text: it begins like an? .*{kind}"):
        read(written(tmp_path / "a.json", NO_TEXT[kind]))


@pytest.mark.parametrize("codec", sorted(PACK.keys() - {"plain"}))
def test_parquet_is_told_whatever_it_is_packed_in(tmp_path: Path, codec: str) -> None:
    with pytest.raises(Unreadable, match="not text: it begins like a Parquet file"):
        read(written(tmp_path / "a", PACK[codec](NO_TEXT["Parquet"])))


REMEDIES = {
    "Avro": "export it as Parquet or JSON lines, and land that",
    "PNG": "if it has events, export them as JSON lines, and land these; else move it away",
    "ZIP": "unpack it and land the files that are in it",
    "tar": "unpack it and land the files that are in it",
    "xz": "unpack it and land it again under another name",
    "lz4 file of the legacy": "unpack it and land it again under another name",
    "zlib file in another": "unpack it and land it again under another name",
    "SQLite": "export it as Parquet or JSON lines, and land that",
}


@pytest.mark.parametrize("kind", REMEDIES)
def test_a_person_is_told_what_to_do_with_what_is_no_text(tmp_path: Path, kind: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read(written(tmp_path / "a.json", NO_TEXT[kind]))
    assert remedy_of(refused.value.finding) == REMEDIES[kind]


def test_a_broken_file_is_to_be_mended_and_a_deleted_one_to_be_landed_again(tmp_path: Path) -> None:
    with pytest.raises(Unreadable) as cut:
        read(written(tmp_path / "a.json", gzip.compress(TEXT)[:-9]))
    assert remedy_of(cut.value.finding) == "mend it and land it again under another name"
    assert remedy_of(DELETED) == "land it again under another name, if its events are wanted"


def test_random_bytes_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="not text: its first bytes are binary"):
        read(written(tmp_path / "a", b"\x01" + random.Random(1).randbytes(10_000)))


def test_blocks_of_hadoop_are_no_text(tmp_path: Path) -> None:
    raw_snappy = struct.pack(">II", len(TEXT), 30) + b"\xce\x01\x44" + TEXT[:18] + b"\xfe\x12\x00" * 4

    with pytest.raises(Unreadable, match="not text: "):
        read(written(tmp_path / "a.snappy", raw_snappy))


@pytest.mark.parametrize("word", [b"ORC", b"PAR1", b"%PDF-", b"GIF89a", b"7z", b"PK", b"ARROW1", b"MZ", b"LZIP"])
def test_word_that_begins_another_format_may_begin_a_text(tmp_path: Path, word: bytes) -> None:
    assert read(written(tmp_path / "a", word + b"\n" + TEXT)) == naive(word + b"\n" + TEXT)


@pytest.mark.parametrize(
    "line", [b"\xff\xfa\x80", b'{"user_id": "Jos\xe9"}', b"\0" * 100, b'{"a": "\0"}', b"\x1b[31m", b"\x01\x02"]
)
@pytest.mark.parametrize("at", [0, 1])
def test_one_bad_line_spoils_no_file(tmp_path: Path, line: bytes, at: int) -> None:
    text = line + b"\n" + TEXT if at == 0 else TEXT + line + b"\n" + TEXT

    assert read(written(tmp_path / "a", text)) == naive(text)


def test_long_line_with_a_nul_spoils_no_file(tmp_path: Path) -> None:
    text = b'{"user_id": "' + b"u" * 5_000 + b"\0" + b'"}\n' + TEXT

    assert read(written(tmp_path / "a", text)) == naive(text)
    assert read(written(tmp_path / "b", text[3_000:])) == naive(text[3_000:])


def test_utf8_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    assert read(written(tmp_path / "a", codecs.BOM_UTF8 + TEXT)) == naive(TEXT)
    assert read(written(tmp_path / "b", gzip.compress(codecs.BOM_UTF8 + TEXT))) == naive(TEXT)
    assert read(written(tmp_path / "c", codecs.BOM_UTF8)) == []


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("codec", ["plain", "gzip"])
def test_utf16_and_utf32_are_read_as_utf8(tmp_path: Path, encoding: str, codec: str) -> None:
    text = '{"user_id": "José 🛒"}\n' * 200_000

    file = written(tmp_path / "a", PACK[codec](("\ufeff" + text).encode(encoding)))

    assert read(file) == naive(text.encode())


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_half_a_character_at_the_end_is_a_fault(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(Unreadable, match=f"^{encoding}: truncated data"):
        read(written(tmp_path / "a", "\ufeffab".encode(encoding)[:-1]))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_told(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(Unreadable, match="not text: it begins like UTF-16 without a byte order mark"):
        read(written(tmp_path / "a", TEXT.decode().encode(encoding)))


@given(st.text(max_size=30), st.sampled_from(["utf-16-le", "utf-16-be", "utf-32-le"]), st.integers(1, 7))
def test_characters_are_whole_however_they_are_cut(text: str, encoding: str, size: int) -> None:
    encoded = ("\ufeff" + text).encode(encoding)
    first, rest = encoded[:8], encoded[8:]  # the mark comes in one piece
    chunks = [first, *(rest[at : at + size] for at in range(0, len(rest), size))]

    assert b"".join(to_utf8(iter(chunks), encoding)) == text.encode()


def test_lone_surrogate_spoils_its_line_alone(tmp_path: Path) -> None:
    encoded = codecs.BOM_UTF16_LE + "a\n".encode("utf-16-le") + b"\x00\xd8" + "\nb\n".encode("utf-16-le")

    assert read(written(tmp_path / "a", encoded)) == [(0, b"a", 1), (1, b"\xed\xa0\x80", 3), (2, b"b", 1)]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), st.integers(0, 3))
def test_text_is_text_wherever_its_first_bytes_end(text: str, cut: int) -> None:
    encoded = ("{" + text).encode()

    assert binary_kind(encoded[: len(encoded) - cut] if cut < 3 else encoded) is None
    assert encoding_of(encoded) is None


def test_bytes_of_any_length_are_given_or_refused(tmp_path: Path) -> None:
    draw = random.Random(7)
    for size in range(1, 200):
        for content in (draw.randbytes(size), b"{" + draw.randbytes(size)):
            with suppress(Unreadable):
                assert read(written(tmp_path / "a", content)) == naive(content)
