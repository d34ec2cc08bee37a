"""Hundreds of odd files, each made of known records: each record is read, or the file is refused; counted twice."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform_tests.streaming.sources.files.formatted import FORMATTED, found, recounted
from clickstream_platform_tests.streaming.sources.files.packing import PACK

RECORDS = [
    {"user_id": f"u{n}", "event_type": "click", "timestamp": f"2024-03-01T10:00:{n:02}Z", "page": "/é" + "x" * (n % 7)}
    for n in range(30)
]
PACKED = sorted(PACK.keys() - {"plain"})
TEXTS = sorted(FORMATTED.keys() - {"parquet"})
SIGNS = [*(bytes([sign]) for sign in b'\n\r\0"}{][,\\ \x1a\xff\xef'), b"\xef\xbb\xbf"]


def users(file: Path) -> list[str] | str:
    """The visitors of a file's records, in its order; or why it is refused. Both readings must agree."""
    records, part = found(file)
    again = recounted(file, part.format or "lines")
    if part.fault:
        assert part.records == 0
        return part.fault
    assert again == len(records) == part.records
    return [json.loads(value)["user_id"] for _, value in records]


def whole(form: str, codec: str) -> Iterator[tuple[str, bytes]]:
    """Files that hold every record, each once."""
    name, write = FORMATTED[form]
    text, pack = write(RECORDS), PACK[codec]
    middle = len(text) // 2
    yield name, pack(text)
    yield name, pack(text[:middle]) + pack(text[middle:])
    yield name, pack(b"") + pack(text) + pack(b"")
    yield name, pack(b"\xef\xbb\xbf" + text.removeprefix(b"\xef\xbb\xbf"))
    yield name, pack(b"\n \n" + text.removeprefix(b"\xef\xbb\xbf") + b"\n \r\n\t")
    decoded = text.decode("utf-8-sig")
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        yield name, pack(("\ufeff" + decoded).encode(encoding))
    if not ("\r" in decoded or form.startswith("array in")):
        yield name, pack(text.replace(b"\n", b"\r\n"))


@pytest.mark.parametrize("codec", ["plain", *PACKED])
@pytest.mark.parametrize("form", TEXTS)
def test_every_record_is_read_whatever_is_around_it(form: str, codec: str, tmp_path: Path) -> None:
    wanted = [each["user_id"] for each in RECORDS]
    for name, content in whole(form, codec):
        (tmp_path / name).write_bytes(content)
        assert users(tmp_path / name) == wanted


@pytest.mark.parametrize("codec", PACKED)
@pytest.mark.parametrize("form", TEXTS)
def test_a_packed_file_that_is_cut_or_goes_on_with_something_else_is_refused(
    form: str, codec: str, tmp_path: Path
) -> None:
    name, write = FORMATTED[form]
    packed = PACK[codec](write(RECORDS))
    cuts = [packed[:at] for at in range(12, len(packed), 1 + len(packed) // 20)]
    for content in (*cuts, packed + b"garbage here", packed + b"\n", PACK[codec](packed)):
        (tmp_path / name).write_bytes(content)
        assert isinstance(users(tmp_path / name), str)


@pytest.mark.parametrize("form", sorted(FORMATTED))
def test_both_readings_agree_of_a_file_that_is_damaged_anywhere(form: str, tmp_path: Path) -> None:
    draw = random.Random(form)
    name, write = FORMATTED[form]
    options: dict[str, Any] = {"write_page_checksum": True} if form == "parquet" else {}
    whole_text = write(RECORDS, **options)
    for _ in range(30):
        text = bytearray(whole_text)
        for _ in range(draw.randrange(1, 4)):
            _damage(text, draw)
        file = tmp_path / name
        file.write_bytes(text)
        records, part = found(file)
        again = recounted(file, part.format or "lines")
        assert part.fault or again == len(records), bytes(text)
        if form == "parquet":  # a checksum does not cover what is beside a page
            assert part.fault or len(records) == len(RECORDS)


def _damage(text: bytearray, draw: random.Random) -> None:
    at = draw.randrange(len(text) + 1)
    match draw.randrange(5):
        case 0:
            text[at:at] = draw.choice(SIGNS)
        case 1:
            del text[at : at + draw.randrange(1, 30)]
        case 2:
            text[at:at] = text[at : at + draw.randrange(1, 300)]
        case 3 if at < len(text):
            text[at] ^= 1 << draw.randrange(8)
        case _:
            del text[at + 1 :]
