"""Objects are read as files of a folder are, without Spark, whatever becomes of them and of the store meanwhile."""

from __future__ import annotations

import os
import pickle
import time
from pathlib import Path

import pytest

from clickstream_platform.errors import SetupError, SourceError, UnreachableError
from clickstream_platform.store import access as access_module
from clickstream_platform.store.place import StorePath
from clickstream_platform.store.s3 import S3Access
from clickstream_platform.streaming.sources.files import bucket as bucket_module
from clickstream_platform.streaming.sources.files import manifest as manifest_module
from clickstream_platform.streaming.sources.files.accounting import account
from clickstream_platform.streaming.sources.files.landing import landing_at
from clickstream_platform.streaming.sources.files.manifest import (
    plan_manifests,
)
from clickstream_platform.streaming.sources.files.manifest import write_manifest as write_manifest
from clickstream_platform.streaming.sources.files.reading import PartRead, read_task
from clickstream_platform.streaming.sources.files.sample import sample_files
from clickstream_platform_tests.binaries import BINARIES
from clickstream_platform_tests.small_store import SmallStore
from clickstream_platform_tests.streaming.sources.files.bucket.objects_read import LINES, NOW, read, take
from clickstream_platform_tests.streaming.sources.files.formatted import FORMATTED
from clickstream_platform_tests.streaming.sources.files.packing import PACK


def test_every_format_and_codec_is_read_as_in_a_folder(
    store: SmallStore, place: StorePath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_module, "_AHEAD", 700)  # as if all were large
    monkeypatch.setattr(bucket_module, "_LEAST", 50)
    rows = [{"user_id": f"u{n}", "page_url": "x" * (n % 50)} for n in range(60)]
    files = {f"formats/{name}{ending}": write(rows) for name, (ending, write) in FORMATTED.items()}
    files |= {f"packed/{name}": pack(LINES) for name, pack in PACK.items()}
    files |= {f"cut/{name}": pack(LINES)[:-3] for name, pack in PACK.items()}
    files |= {f"binary/{name}": content for name, content in BINARIES.items()}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
        store.objects[f"in/{name}"] = content

    found = read(place)

    assert found == read(tmp_path)
    assert sum(fault is None for fault in found[1].values()) > len(PACK)
    assert sum(fault is not None for fault in found[1].values()) > len(PACK)


def test_a_large_object_is_read_by_several_tasks_each_of_which_fetches_its_stretch(
    store: SmallStore, place: StorePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest_module, "_SMALLEST", 1_000)
    store.objects["in/large.json"] = LINES
    (manifest,) = plan_manifests(landing_at(place).list_files().files, NOW, 1)
    tasks = manifest.tasks(place, 4)
    store.asked.clear()
    values: dict[tuple[str, int], bytes] = {}
    for task in tasks:
        take(place, task, values, {})

    assert [values["large.json", n] for n in range(1_000)] == LINES.splitlines()
    stretches = sorted(tuple(map(int, each.rpartition("=")[2].split("-"))) for each in store.asked)
    assert [start for start, _ in stretches] == [0, *(end + 1 for _, end in stretches[:-1])]
    assert len(stretches) == 4


def test_a_small_object_costs_one_request(store: SmallStore, place: StorePath) -> None:
    store.objects |= {f"in/{n}.json": b"{}\n" for n in range(20)}

    read(place)

    assert len(store.asked) == 1 + 20


def test_who_is_replaced_or_gone_before_it_is_read_is_refused_whole(store: SmallStore, place: StorePath) -> None:
    store.objects |= {f"in/{name}": LINES for name in ("grown", "swapped", "gone", "kept")}
    entries = plan_manifests(landing_at(place).list_files().files, NOW, 1)[0].entries
    store.objects |= {"in/grown": LINES * 2, "in/swapped": LINES.replace(b"9", b"8")}
    del store.objects["in/gone"]

    parts = [each for each in read_task(place, entries, 1_000) if isinstance(each, PartRead)]

    assert account(landing_at(place), parts).unreadable == {
        "gone": "deleted before it was read",
        "grown": f"replaced after it was listed: it had {len(LINES):,} bytes, and has {2 * len(LINES):,}",
        "swapped": f"replaced after it was listed: another one has its {len(LINES):,} bytes",
    }


def test_who_is_replaced_while_it_is_read_is_refused_whole(
    store: SmallStore, place: StorePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_module, "_AHEAD", 3_000)
    store.objects["in/a.json"] = LINES
    entries = plan_manifests(landing_at(place).list_files().files, NOW, 1)[0].entries

    def swap(_: str) -> None:
        if sum(each.startswith("GET in/") for each in store.asked) == 2:
            store.objects["in/a.json"] = LINES.replace(b"9", b"8")

    monkeypatch.setattr(store, "before_get", swap)
    (part,) = (each for each in read_task(place, entries, 1_000) if isinstance(each, PartRead))

    assert part.fault == f"replaced after it was listed: another one has its {len(LINES):,} bytes"


def test_a_file_that_only_a_task_does_not_find_stops_the_batch(store: SmallStore, place: StorePath) -> None:
    store.objects["in/a.json"] = LINES

    with pytest.raises(SourceError, match="a task found it deleted before it was read, but here it can be read"):
        account(landing_at(place), [PartRead("a.json", 3, 0, "deleted before it was read")])


def test_a_store_that_is_away_for_a_while_loses_nothing(store: SmallStore, place: StorePath) -> None:
    store.objects |= {f"in/{n}.json": LINES for n in range(3)}
    entries = plan_manifests(landing_at(place).list_files().files, NOW, 1)[0].entries
    store.failing = 4

    assert [each.fault for each in read_task(place, entries, 1_000) if isinstance(each, PartRead)] == [None] * 3


def test_a_store_that_refuses_or_stays_away_refuses_no_file(
    store: SmallStore, place: StorePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.objects["in/a.json"] = LINES
    entries = plan_manifests(landing_at(place).list_files().files, NOW, 1)[0].entries
    away = StorePath.from_url("s3://bucket/in", S3Access("http://127.0.0.1:7", region="us-east-1"))
    patient = access_module.retry_config
    monkeypatch.setattr(access_module, "retry_config", lambda is_patient=True: patient(is_patient=False))

    with pytest.raises(SourceError, match=r"a.json: reading it failed: the store does not answer; look whether"):
        list(read_task(away, entries, 1_000))


def test_no_bucket_and_no_answer_are_told_within_seconds(store: SmallStore, place: StorePath) -> None:
    began = time.monotonic()
    with pytest.raises(SetupError, match="there is no bucket none"):
        landing_at(StorePath.from_url("s3://none/in", place.access)).list_files(is_patient=False)
    store.failing = 1_000
    with pytest.raises(UnreachableError, match="does not do what it is asked"):
        landing_at(place).list_files(is_patient=False)
    assert time.monotonic() - began < 15


def test_one_object_or_all_below_a_prefix_are_sampled(store: SmallStore, place: StorePath) -> None:
    store.objects |= {"in/a.json": LINES, "in/b.json": LINES}

    def rows(of: StorePath) -> int:
        return sum(each.num_rows for each in sample_files(of, 1_000, "auto") if not isinstance(each, PartRead))

    assert (rows(place), rows(place / "a.json")) == (2_000, 1_000)
    with pytest.raises(SourceError, match="there is no such file"):
        rows(place / "c.json")


def test_no_secret_goes_to_a_task(place: StorePath) -> None:
    assert os.environ["AWS_SECRET_ACCESS_KEY"].encode() not in pickle.dumps(place)
