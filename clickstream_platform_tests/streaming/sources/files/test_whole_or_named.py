"""Every file that lands is read whole, or refused whole and named: kinds of which Spark's own reader loses events."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from clickstream_platform.errors import SourceError
from clickstream_platform.store.place import Place
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.lake.generations import current_checkpoint
from clickstream_platform.streaming.observe.lag import lag
from clickstream_platform.streaming.sources.files.skipping import skip
from clickstream_platform.streaming.sources.named import folder_from
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.streaming.sources.files.packing import PACK


def lines(count: int) -> bytes:
    return b"".join(json.dumps(event(f"u{n}")).encode() + b"\n" for n in range(count))


def test_a_file_is_read_whole_or_named_whatever_it_is_called_and_packed_by(lab: Lab, tmp_path: Path) -> None:
    lab.landing.mkdir(parents=True)
    read = {
        "2025-11-25T10:00:00Z.json": lines(3),  # Hadoop takes what is before a colon for a scheme
        "plain.json.lz4": lines(4),  # the name says nothing
        "part-00000.json": lines(5),  # with a checksum of something else beside it
        "50%23 [a]{b}*.json": lines(2),
        **{f"whole.{codec}": pack(lines(6)) for codec, pack in PACK.items()},
    }
    refused = {f"cut.{codec}": pack(lines(5_000))[:-200] for codec, pack in PACK.items() if codec != "plain"}
    for name, content in {**read, **refused, ".part-00000.json.crc": b"crc\x00\x00\x00\x02\x00stale"}.items():
        (lab.landing / name).write_bytes(content)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "linked.json").write_bytes(lines(7))
    (lab.landing / "link").symlink_to(elsewhere)
    (elsewhere / "loop").symlink_to(lab.landing)

    assert lag(lab.contracts["events"], lab.lake).amount == len(read) + len(refused) + 1
    report = lab.run("events")["events"]

    events = Counter(row.partition for row in lab.table("events").collect())
    counts = {name: 6 if name.startswith("whole") else content.count(b"\n") for name, content in read.items()}
    assert events == {**counts, "link/linked.json": 7}
    assert report.unreadable.keys() == refused.keys()
    assert lag(lab.contracts["events"], lab.lake).amount == 0
    lab.assert_exact("events")


def test_a_line_longer_than_memory_allows_is_kept_by_its_beginning(lab: Lab) -> None:
    lab.landing.mkdir(parents=True)
    with gzip.open(lab.landing / "bomb.json.gz", "wb", 1) as bomb:
        for _ in range(300):
            bomb.write(b"[" * 1_000_000)
    lab.land(event("beside"))
    lab.run("events")
    (large,) = lab.table("quarantine").collect()
    assert (large.reasons, large.size, large.value) == (["too_large"], 300_000_000, bytearray(b"[" * 1_000))
    assert [row.user_id for row in lab.table("events").collect()] == ["beside"]


def test_a_run_goes_on_without_a_file_that_a_person_has_left_out(lab: Lab) -> None:
    lab.land(event("good"), name="good.json")
    lab.land(event("bad"), name="bad.json")
    folders: dict[Place, Checkpoint] = {folder_from(lab.settings): current_checkpoint(lab.lake, "events")}
    assert skip("bad.json", folders) == "bad.json"
    report = lab.run("events")["events"]
    assert report.unreadable == {"bad.json": "left out by `clickstream skip`"}
    assert [row.user_id for row in lab.table("events").collect()] == ["good"]
    with pytest.raises(SourceError, match="it was read already"):
        skip("good.json", folders)
