from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_platform.streaming.sources.files import lines as module
from clickstream_platform.streaming.sources.files import splits as splits_module
from clickstream_platform.streaming.sources.files.contents import encoding_of, to_utf8
from clickstream_platform.streaming.sources.files.formats import file_records
from clickstream_platform.streaming.sources.files.lines import split_lines
from clickstream_platform.streaming.sources.files.raw import open_raw
from clickstream_platform.streaming.sources.files.splits import Split, find_splits
from clickstream_platform_tests.streaming.sources.files.packing import PACK, naive, read, rows, written

PARTS = [
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b"\r",
    b"{}",
    b"a",
    b'{"user_id": "u"}',
    "é".encode(),
    b"\xff",
    b"x" * 70,
    b" " * 70,
]
TEXTS = st.lists(st.sampled_from(PARTS), max_size=40).map(b"".join)


@given(TEXTS, st.integers(1, 60), st.integers(1, 100))
def test_lines_are_the_same_however_the_text_is_cut(text: bytes, size: int, max_record_bytes: int) -> None:
    chunks = [text[at : at + size] for at in range(0, len(text), size)]

    assert rows(split_lines(chunks, max_record_bytes)) == naive(text, max_record_bytes)


@given(TEXTS, st.sampled_from(sorted(PACK)), st.integers(1, 100))
def test_lines_are_the_same_in_every_codec(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, codec: str, max_record_bytes: int
) -> None:
    file = written(tmp_path_factory.getbasetemp() / "a", PACK[codec](b"{" + text))

    assert read(file, max_record_bytes) == naive(b"{" + text, max_record_bytes)


@given(TEXTS, st.integers(1, 200), st.integers(1, 50), st.booleans())
def test_splits_give_the_lines_of_the_whole_file(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, target: int, chunk: int, has_mark: bool
) -> None:
    content = b"\xef\xbb\xbf" * has_mark + b"{" + text
    file = written(tmp_path_factory.getbasetemp() / "a", content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splits_module, "_CHUNK", chunk)
        found = find_splits(open_raw(file), len(content), target, "auto")

    assert [found[0].start, *(split.end for split in found)] == [0, *(split.start for split in found[1:]), len(content)]
    assert all(split.end - split.start >= target for split in found[:-1])
    assert [row for split in found for row in _of(content, split)] == naive(b"{" + text)


def _of(content: bytes, split: Split) -> list[tuple[int, bytes, int]]:
    stretch = content[split.start : split.end]
    if split.start == 0:
        return rows(split_lines(to_utf8(iter([stretch]), encoding_of(stretch)), 1_000_000))
    return rows(split_lines([stretch], 1_000_000, split.first_line))


@pytest.mark.parametrize("codec", sorted(PACK.keys() - {"plain"}))
def test_packed_file_is_one_split(tmp_path: Path, codec: str) -> None:
    packed = PACK[codec](b"".join(b'{"n": %d}\n' % n for n in range(1000)))

    assert find_splits(open_raw(written(tmp_path / "a", packed)), len(packed), 10, "auto") == [Split(0, len(packed), 0)]


def test_utf16_and_pictures_are_one_split(tmp_path: Path) -> None:
    for content in ("\ufeff{}\n" * 100).encode("utf-16-le"), b"\x89PNG\r\n\x1a\n" + b"\0\n" * 100:
        assert find_splits(open_raw(written(tmp_path / "a", content)), len(content), 10, "auto") == [
            Split(0, len(content), 0)
        ]


def test_file_that_is_gone_is_one_split(tmp_path: Path) -> None:
    assert find_splits(open_raw(tmp_path / "a"), 1000, 10, "auto") == [Split(0, 1000, 0)]


def test_no_batch_is_of_more_rows_than_allowed() -> None:
    sizes = [batch.num_rows for batch in split_lines([b"a\n" * 25_000], 100)]

    assert sizes == [module.ROWS, module.ROWS, 5_000]


def test_line_of_60_megabytes_is_told_by_its_beginning_in_little_memory(tmp_path: Path, peak: Any) -> None:
    event = b'{"user_id": "u1", "padding": "' + b"x" * 1_000_000 + b'"},'
    file = tmp_path / "a.gz"
    with gzip.open(file, "wb", 1) as packed:
        packed.write(b"[")
        for _ in range(60):
            packed.write(event)
        packed.write(b'{}]\n{"user_id": "u2"}\n')

    def read() -> list[tuple[int, bytes, int]]:
        with open_raw(file) as raw:
            return rows(file_records(raw, "auto", 1_000_000).batches)

    found, most = peak(read)
    long = b"[" + event[: module.KEPT - 1]
    assert found == [(0, long, 60 * len(event) + 4), (1, b'{"user_id": "u2"}', 17)]
    assert most < 30_000_000


def test_line_as_long_as_allowed_is_whole() -> None:
    assert rows(split_lines([b"a" * 2_000 + b"\n" + b"b" * 2_001], 2_000)) == [
        (0, b"a" * 2_000, 2_000),
        (1, b"b" * 1_000, 2_001),
    ]


def test_blank_line_of_any_length_is_no_record() -> None:
    chunks = [b" " * 5_000, b"\t" * 5_000, b"\r\na", b"\n" + b" " * 300 + b"\n" + b" " * 300 + b"b"]

    assert rows(split_lines(chunks, 2_000)) == [(1, b"a", 1), (3, b" " * 300 + b"b", 301)]
