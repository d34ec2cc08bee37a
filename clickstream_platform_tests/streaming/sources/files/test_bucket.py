"""Objects below a prefix as landing files, without Spark: listed, cut, read and counted as those of a folder are."""

from __future__ import annotations

import gzip
import os
import pickle
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clickstream_platform.errors import SetupError, SourceError, UnreachableError
from clickstream_platform.store import access as access_module
from clickstream_platform.store.access import Access
from clickstream_platform.store.objects import objects
from clickstream_platform.store.place import Place, StorePath
from clickstream_platform.streaming.sources.files import bucket as bucket_module
from clickstream_platform.streaming.sources.files import manifest as manifest_module
from clickstream_platform.streaming.sources.files.accounting import account
from clickstream_platform.streaming.sources.files.known_files import (
    KnownFiles,
    read_known_files,
    replaced_files,
    resized_files,
    unread_files,
    write_index,
)
from clickstream_platform.streaming.sources.files.landing import landing_at
from clickstream_platform.streaming.sources.files.manifest import (
    PlannedFile,
    plan_manifests,
    task_from_line,
    task_to_line,
)
from clickstream_platform.streaming.sources.files.manifest import write_manifest as write_manifest
from clickstream_platform.streaming.sources.files.reading import PartRead, read_task
from clickstream_platform.streaming.sources.files.recount import Plans, recount_files
from clickstream_platform.streaming.sources.files.sample import sample_files
from clickstream_platform.streaming.sources.files.unreadable import NO_KEY
from clickstream_platform_tests.binaries import BINARIES
from clickstream_platform_tests.homes import entry
from clickstream_platform_tests.small_store import SmallStore, small_store
from clickstream_platform_tests.streaming.sources.files.formatted import FORMATTED
from clickstream_platform_tests.streaming.sources.files.packing import PACK

NOW = 1_795_910_400_000_000  # as the small store says of its objects
LINES = b"".join(b'{"n": %d}\n' % n for n in range(1_000))


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallStore]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    with small_store() as found:
        yield found


@pytest.fixture
def place(store: SmallStore) -> StorePath:
    return StorePath.from_url("s3://bucket/in", Access(store.endpoint, "us-east-1"))


def names(place: Place) -> list[str]:
    return [file.partition for file in landing_at(place).list_files().files]


def read(place: Place, tasks: int = 2) -> tuple[dict[tuple[str, int], bytes], dict[str, str | None]]:
    """What is accepted of all that lies there, and the faults: by way of manifests, in tasks that are sent away."""
    values: dict[tuple[str, int], bytes] = {}
    faults: dict[str, str | None] = {}
    for manifest in plan_manifests(landing_at(place).list_files().files, NOW, 1):
        for task in manifest.tasks(place, tasks):
            _take(pickle.loads(pickle.dumps(place)), task_from_line(task_to_line(task)), values, faults)
    return {where: value for where, value in values.items() if not faults[where[0]]}, faults


def _take(
    place: Place, task: list[PlannedFile], values: dict[tuple[str, int], bytes], faults: dict[str, str | None]
) -> None:
    for each in read_task(place, task, 1_000_000):
        if isinstance(each, PartRead):
            faults[each.partition] = faults.get(each.partition) or each.fault
        else:
            for row in each.to_pylist():
                assert (row["partition"], row["offset"]) not in values
                values[row["partition"], row["offset"]] = row["value"]


def test_what_lies_below_a_prefix_is_listed_with_a_request_for_each_page(store: SmallStore, place: StorePath) -> None:
    store.page = 10
    store.objects |= {f"in/d={n}/a b#%25ü?[1]*\\:{n}.json": b"{}\n" for n in range(35)}
    store.objects |= {"inside/x": b"{}\n", "other": b"{}\n"}

    assert names(place) == sorted(f"d={n}/a b#%25ü?[1]*\\:{n}.json" for n in range(35))
    assert len(store.asked) == 4
    assert read(place)[1] == dict.fromkeys(names(place))


def test_unfinished_names_are_told_and_marks_of_folders_are_not(store: SmallStore, place: StorePath) -> None:
    hidden = ["_tmp/a.json", ".b.json", "c/_d/e.json", "f._COPYING_", "_SUCCESS", "c/.x.json.crc", "_empty"]
    store.objects |= {f"in/{name}": b"" if name == "_empty" else b"{}\n" for name in hidden}
    store.objects |= {"in/": b"", "in/c/": b"", "in/c_$folder$": b"", "in/c/d=1": b"{}\n", "in/_d=1/a": b"{}\n"}
    listing = landing_at(place).list_files()

    assert [file.partition for file in listing.files] == ["_d=1/a", "c/d=1"]
    assert listing.hidden == (".b.json", "_tmp", "c/_d", "f._COPYING_")


def test_a_whole_bucket_may_be_a_source(store: SmallStore, place: StorePath) -> None:
    store.objects |= {"a.json": LINES, "b/c.json": LINES}
    whole = StorePath.from_url("s3://bucket", place.access)

    assert names(whole) == ["a.json", "b/c.json"]
    assert landing_at(whole).describe_availability(is_named=True) == "files in s3://bucket"
    assert len(read(whole)[0]) == 2_000


def test_a_key_that_no_client_asks_for_is_refused_and_all_others_are_read(store: SmallStore, place: StorePath) -> None:
    store.page = 10
    good = [f"d={n % 3}/{n}-ü#%25?.json" for n in range(40)] + ["a.json", "z/last.json"]
    bad = ["/first.json", "a//b.json", "d=1//x.json", "d=1/2\n.json", "d=1/3\x7f.json", "e/", "z/", "zz\x01y"]
    store.objects |= {f"in/{name}": b"{}\n" for name in [*good, *bad]}
    store.objects = {f"{key}/" if key.endswith("/") else key: content for key, content in store.objects.items()}
    store.objects |= {"in/d=1//": b"", "in/../x": b"{}\n", "in/d=2/./x": b"{}\n"}

    listing = landing_at(place).list_files()

    assert [file.partition for file in listing.files] == sorted([*good, *bad])
    assert all(bool(file.tag) == (file.partition in good) for file in listing.files)
    assert listing.hidden == ("..", "d=2/.")
    assert not any(each.startswith("GET in/") for each in store.asked)
    assert len(store.asked) < 60
    assert read(place) == (
        {(name, 0): b"{}" for name in good},
        {**dict.fromkeys(good), **dict.fromkeys(bad, NO_KEY)},
    )


def test_a_key_that_is_refused_is_never_another_one(store: SmallStore, place: StorePath) -> None:
    store.objects |= {"in/a//b.json": b"{1}\n", "in/a/b.json": b"{2}\n"}

    values, faults = read(place)

    assert values == {("a/b.json", 0): b"{2}"}
    assert faults == {"a/b.json": None, "a//b.json": NO_KEY}
    assert landing_at(place).file("a//b.json") is None
    assert account(landing_at(place), [PartRead("a//b.json", 4, 0, NO_KEY)]).unreadable == {"a//b.json": NO_KEY}


@pytest.mark.parametrize("key", ["in/a//b.json", "in/../x", "in/./x", "in/a\nb"])
def test_in_a_lake_such_a_key_is_told(store: SmallStore, place: StorePath, key: str) -> None:
    store.objects |= {key: b"{}\n"}

    with pytest.raises(SourceError, match="no client asks for") as refused:
        list(objects(place))
    assert repr(key) in str(refused.value)


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
        _take(place, task, values, {})

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
    away = StorePath.from_url("s3://bucket/in", Access("http://127.0.0.1:7", "us-east-1"))
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


def test_what_was_put_in_its_place_since_it_was_read_is_told(
    store: SmallStore, place: StorePath, tmp_path: Path
) -> None:
    store.objects |= {"in/a": LINES, "in/b": LINES, "in/c": LINES}
    (manifest,) = plan_manifests(landing_at(place).list_files().files, NOW, 1)
    write_manifest(tmp_path, 1, manifest.tasks(place, 8))
    store.objects |= {"in/a": LINES.replace(b"9", b"8"), "in/b": LINES * 2, "in/d": LINES}
    store.changed_at["in/c"] = 1_795_910_500  # put there again as it was

    def told() -> tuple[list[str], dict[str, tuple[int, int]], list[str]]:
        listing, all_known = landing_at(place).list_files(), read_known_files(tmp_path)
        return (
            replaced_files(listing, all_known),
            resized_files(listing, all_known),
            [f.partition for f in unread_files(listing, all_known)],
        )

    as_manifests_say = told()
    write_index(tmp_path, read_known_files(tmp_path))
    (tmp_path / "000000000001.json").unlink()

    assert as_manifests_say == told() == (["a"], {"b": (len(LINES), 2 * len(LINES))}, ["d"])


def test_an_index_of_a_folder_is_as_it_always_was(tmp_path: Path) -> None:
    write_index(tmp_path, KnownFiles(sizes={"sizes": 3, "b": -1}))

    assert (tmp_path / "_known-000000000000").read_text() == '{"sizes": 3, "b": -1}'
    assert read_known_files(tmp_path).sizes == {"sizes": 3, "b": -1}


def test_a_manifest_of_a_folder_is_as_it_always_was() -> None:
    line = task_to_line([PlannedFile("a", 3, 1, 2, format="auto")])

    assert line == '[{"partition":"a","size":3,"mtime_us":1,"arrived_at_us":2,"split":null,"format":"auto"}]'
    assert task_from_line(line) == [PlannedFile("a", 3, 1, 2, format="auto")]


def test_it_has_arrived_when_the_store_says_unless_that_is_long_ago(store: SmallStore, place: StorePath) -> None:
    store.objects |= {"in/a": LINES, "in/old": LINES}
    store.changed_at["in/old"] = 951_782_400

    entries = {
        each.partition: each
        for each in plan_manifests(landing_at(place).list_files().files, NOW + 5_000_000, 1)[0].entries
    }

    assert entries["a"].arrived_at_us == NOW
    assert entries["old"].arrived_at_us == NOW + 5_000_000
    assert [*entries] == ["old", "a"]


def test_objects_are_counted_again_by_another_way(store: SmallStore, place: StorePath) -> None:
    store.objects |= {"in/a.json": b"{}\n{}\n", "in/b.gz": gzip.compress(b"{}\n"), "in/new": b"{}\n", "in/_x/y": b"{}"}
    size = len(store.objects["in/b.gz"])
    booked = entry(rows_in=4, files={"a.json": [6, 2], "b.gz": [size, 1], "gone": [3, 1]})
    plans = Plans(frozenset(booked.account.files), {})

    found = recount_files(place, plans, [booked])

    assert (found.checked, found.bytes, found.records, found.unread) == (2, 6 + size, 3, {"new": 3})
    assert [gone.what for gone in found.gone] == ["gone"]
    assert found.errors == ()
    assert found.notes == ("not counted, as their names mark them as unfinished: _x/y (in all 1)",)

    store.objects["in/a.json"] = b"{}\n"
    assert recount_files(place, plans, [booked]).errors == (
        "a.json has 3 bytes, booked are 6",
        "a.json holds 1 record, booked are 2",
    )


def test_an_object_that_was_refused_for_its_key_is_counted_as_refused(store: SmallStore, place: StorePath) -> None:
    store.objects |= {"in/a//b.json": b"{}\n", "in/c//d.json": b"{}\n"}
    booked = entry(files={"a//b.json": [3, 0]}, unreadable={"a//b.json": NO_KEY})

    found = recount_files(place, Plans(frozenset(booked.account.files), {}), [booked])

    assert (found.checked, found.records, found.unread, found.gone) == (1, 0, {"c//d.json": 3}, ())
    assert found.errors == ()


def test_one_object_or_all_below_a_prefix_are_sampled(store: SmallStore, place: StorePath) -> None:
    store.objects |= {"in/a.json": LINES, "in/b.json": LINES}

    def rows(of: StorePath) -> int:
        return sum(each.num_rows for each in sample_files(of, 1_000, "auto") if not isinstance(each, PartRead))

    assert (rows(place), rows(place / "a.json")) == (2_000, 1_000)
    with pytest.raises(SourceError, match="there is no such file"):
        rows(place / "c.json")


def test_two_places_that_overlap_are_told(place: StorePath, tmp_path: Path) -> None:
    landing = landing_at(place)

    assert landing.overlap_with(place, links=True) == "s3://bucket/in and s3://bucket/in are the same place"
    assert landing.overlap_with(place / "a", links=True) == "s3://bucket/in and s3://bucket/in/a overlap"
    assert landing.overlap_with(StorePath.from_url("s3://bucket", place.access), links=True)
    assert landing.overlap_with(StorePath.from_url("s3://bucket/in2", place.access), links=True) is None
    assert landing.overlap_with(StorePath.from_url("s3://other/in", place.access), links=True) is None
    assert landing.overlap_with(tmp_path, links=True) is None
    assert landing_at(tmp_path).overlap_with(place, links=True) is None


def test_no_secret_goes_to_a_task(place: StorePath) -> None:
    assert os.environ["AWS_SECRET_ACCESS_KEY"].encode() not in pickle.dumps(place)
