"""Objects that land on a real store, run by run: every one is read once, whole, or refused whole and named."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from clickstream_platform.simulator.seaweed import Seaweed
from clickstream_platform.store.place import Place, StorePath
from clickstream_platform.streaming.audit.source_account import source_account
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.lake.generations import current_checkpoint
from clickstream_platform.streaming.observe.lag import lag
from clickstream_platform.streaming.sources.files.skipping import skip
from clickstream_platform.streaming.tap.tap import Tap
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.streamed import EVERY_SECOND, streaming
from clickstream_platform_tests.waiting import wait_until


@pytest.fixture
def reading(lab: Lab, store: Seaweed, place: str, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A home with its lake in a folder and its source on the store."""
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setitem(lab.spark.sparkContext.environment, name, value)  # of the tasks, as their JVM is older
    return lab.reading(place, store_endpoint=store.endpoint, store_allow_http=True).only("events")


@pytest.fixture
def landing(reading: Lab, place: str) -> Iterator[StorePath]:
    yield (found := reading.settings.place_at(place, "SOURCE"))
    found.remove_all()


def lines(*names: str, **fields: str) -> bytes:
    return b"".join(json.dumps(event(name, event_id=name, **fields)).encode() + b"\n" for name in names)


def test_objects_are_read_once_whole_or_refused_and_named(reading: Lab, landing: StorePath) -> None:
    cut = gzip.compress(lines("cut") * 100)[:-9]
    (landing / "a/large.json").write(lines(*map(str, range(9_000)), page_url="x" * 1_000))  # several tasks read it
    (landing / "a b/#%25ü?.gz").write(gzip.compress(lines("packed")))
    (landing / "cut.gz").write(cut)
    (landing / "rows.csv").write(b"user_id,session_id,event_type,timestamp\nc,s,click,2024-03-01T10:00:00Z\n")
    (landing / "_writing/later.json").write(lines("later"))
    (landing / "folder").write(b"")
    assert reading.run()["events"].unreadable == {"cut.gz": f"gzip: cut off after {len(cut)} bytes"}
    rows = reading.table("events").select("partition", "offset").where("partition like 'a/%'").distinct().count()
    assert (reading.table("events").count(), rows) == (9_002, 9_000)

    (landing / "cut.gz").write(lines("cut"))  # a key is read once, whatever is put there afterwards
    (landing / "rows.csv").write(b"user_id,session_id,event_type,timestamp\nd,s,click,2024-03-01T10:00:00Z\n")
    (landing / "new.json").write(lines("new"))
    (landing / "bad.json").write(lines("bad"))
    folders: dict[Place, Checkpoint] = {landing: current_checkpoint(reading.lake, "events")}
    assert skip(f"{landing}/bad.json", folders) == "bad.json"
    found = lag(reading.contracts["events"], reading.lake)
    assert found.amount == 2
    unfinished, changed, replaced = found.remarks
    assert unfinished.endswith(": _writing")
    assert changed.startswith(f"cut.gz had {len(cut)} bytes when it was read, and has {len(lines('cut'))}: ")
    assert replaced.startswith("rows.csv was replaced by another one of its size since it was read: ")
    assert reading.run()["events"].unreadable == {"bad.json": "left out by `clickstream skip`"}
    assert sorted(row.user_id for row in reading.table("events").where("partition not like 'a/%'").collect()) == [
        "c",
        "new",
        "packed",
    ]
    reading.assert_exact()
    account = source_account(reading.contracts["events"], reading.lake)
    assert account.clean, account.errors
    recount = account.recount
    assert (recount.checked, recount.records, recount.unread, recount.gone) == (6, 9_003, {}, ())


def test_a_stream_reads_objects_as_they_come(reading: Lab, landing: StorePath) -> None:
    (landing / "1.json").write(lines("a"))
    with streaming(reading) as going:
        going.read_all()
        (landing / "2.json").write(lines("b", "a"))
        going.read_all()
    assert going.failures == []
    assert reading.table("events").count() == 2
    reading.assert_exact()


def test_a_tap_shows_objects_that_come_and_not_those_that_were_there(
    reading: Lab, landing: StorePath, tmp_path: Path
) -> None:
    (landing / "1.json").write(lines("there", "before"))
    query = Tap(reading.contracts["events"], None, EVERY_SECOND).start(reading.spark, tmp_path / "tap")

    def objects_shown() -> int:
        return sum(progress["numInputRows"] for progress in query.recentProgress)

    try:
        (landing / "2.json").write(lines("new", "newer"))
        wait_until(objects_shown)
        query.processAllAvailable()
        assert objects_shown() == 1
    finally:
        query.stop()
        shutil.rmtree(tmp_path / "tap", ignore_errors=True)  # its thread looks at the store until then
