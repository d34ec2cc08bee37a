"""Small files read together give what each of them gives alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_platform.streaming.sources.files.raw import open_raw
from clickstream_platform.streaming.sources.files.small import LARGEST, lines_of_texts, small_text
from clickstream_platform_tests.streaming.sources.files.packing import PACK, TEXT, Row, naive, rows

PARTS = [b"\n", b"\r\n", b" ", b"{}", b"\xff", "\u00e9".encode(), b"x" * 70, b" " * 70]
TEXTS = st.lists(st.lists(st.sampled_from(PARTS), max_size=9).map(lambda parts: b"{" + b"".join(parts)), min_size=1)


@given(TEXTS, st.integers(1, 100))
def test_texts_together_give_the_lines_of_each(texts: list[bytes], max_record_bytes: int) -> None:
    together, which = lines_of_texts(texts, max_record_bytes)

    found = [list[Row]() for _ in texts]
    for row, text in zip(rows([together]), which.tolist(), strict=True):
        found[text].append(row)
    assert found == [naive(text, max_record_bytes) for text in texts]


def text(file: Path, content: bytes) -> bytes | None:
    file.write_bytes(content)
    with open_raw(file) as raw:
        return small_text(raw, "auto")


def test_a_small_text_of_json_is_taken_as_it_is(tmp_path: Path) -> None:
    assert text(tmp_path / "a", TEXT) == TEXT


@pytest.mark.parametrize("codec", sorted(PACK.keys() - {"plain"}))
def test_a_packed_file_is_looked_at_more_closely(tmp_path: Path, codec: str) -> None:
    assert text(tmp_path / "a", PACK[codec](TEXT)) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{" * (LARGEST + 1),
        TEXT.decode().encode("utf-16"),
        TEXT.decode().encode("utf-16-le"),
        TEXT.decode().encode("utf-8-sig"),
        b"{\0\1",
        b'{\n"a": 1}',
        b"{}{}",
    ],
    ids=["empty", "large", "utf-16", "utf-16 without a mark", "marked utf-8", "binary", "pretty", "one after another"],
)
def test_what_may_be_anything_else_is_looked_at_more_closely(tmp_path: Path, content: bytes) -> None:
    assert text(tmp_path / "a", content) is None
