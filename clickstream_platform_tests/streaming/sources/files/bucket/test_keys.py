"""Which objects of a bucket are landing files: by their keys and their prefix, without Spark."""

from __future__ import annotations

from pathlib import Path

import pytest

from clickstream_platform.errors import SourceError
from clickstream_platform.store.objects import objects
from clickstream_platform.store.place import StorePath
from clickstream_platform.streaming.sources.files.accounting import account
from clickstream_platform.streaming.sources.files.landing import landing_at
from clickstream_platform.streaming.sources.files.manifest import write_manifest as write_manifest
from clickstream_platform.streaming.sources.files.reading import PartRead
from clickstream_platform.streaming.sources.files.recount import Plans, recount_files
from clickstream_platform.streaming.sources.files.unreadable import NO_KEY
from clickstream_platform_tests.homes import entry
from clickstream_platform_tests.small_store import SmallStore
from clickstream_platform_tests.streaming.sources.files.bucket.objects_read import LINES, names, read


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


def test_an_object_that_was_refused_for_its_key_is_counted_as_refused(store: SmallStore, place: StorePath) -> None:
    store.objects |= {"in/a//b.json": b"{}\n", "in/c//d.json": b"{}\n"}
    booked = entry(files={"a//b.json": [3, 0]}, unreadable={"a//b.json": NO_KEY})

    found = recount_files(place, Plans(frozenset(booked.account.files), {}), [booked])

    assert (found.checked, found.records, found.unread, found.gone) == (1, 0, {"c//d.json": 3}, ())
    assert found.errors == ()


def test_two_places_that_overlap_are_told(place: StorePath, tmp_path: Path) -> None:
    landing = landing_at(place)

    assert landing.overlap_with(place, links=True) == "s3://bucket/in and s3://bucket/in are the same place"
    assert landing.overlap_with(place / "a", links=True) == "s3://bucket/in and s3://bucket/in/a overlap"
    assert landing.overlap_with(StorePath.from_url("s3://bucket", place.access), links=True)
    assert landing.overlap_with(StorePath.from_url("s3://bucket/in2", place.access), links=True) is None
    assert landing.overlap_with(StorePath.from_url("s3://other/in", place.access), links=True) is None
    assert landing.overlap_with(tmp_path, links=True) is None
    assert landing_at(tmp_path).overlap_with(place, links=True) is None
