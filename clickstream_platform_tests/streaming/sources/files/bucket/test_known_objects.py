"""What is known later of objects that were read: whether others are in their place, and how many records they had."""

from __future__ import annotations

import gzip
from pathlib import Path

from clickstream_platform.store.place import StorePath
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
from clickstream_platform.streaming.sources.files.recount import Plans, recount_files
from clickstream_platform_tests.homes import entry
from clickstream_platform_tests.small_store import SmallStore
from clickstream_platform_tests.streaming.sources.files.bucket.objects_read import LINES, NOW


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
