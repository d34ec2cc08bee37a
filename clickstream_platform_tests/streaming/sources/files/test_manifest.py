from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_platform.errors import CheckpointError
from clickstream_platform.streaming.sources.files import manifest as module
from clickstream_platform.streaming.sources.files.listing import list_folder
from clickstream_platform.streaming.sources.files.manifest import (
    BEFORE,
    Manifest,
    PlannedFile,
    arrival_us,
    manifest_path,
    plan_manifests,
    read_manifest,
    task_from_line,
    task_to_line,
    write_manifest,
)
from clickstream_platform.streaming.sources.files.splits import Split
from clickstream_platform_tests.local import local

NOW = 1_764_000_000_000_000


def _landed(folder: Path, **sizes: int) -> Path:
    """Files, each a second after the one before it."""
    folder.mkdir(exist_ok=True)
    for second, (name, size) in enumerate(sizes.items()):
        (folder / name).write_bytes((b"{}" * size)[:size])
        os.utime(folder / name, (1_700_000_000 + second, 1_700_000_000 + second))
    return folder


def _batches(manifests: list[Manifest]) -> list[list[str]]:
    return [[entry.partition for entry in manifest.entries] for manifest in manifests]


def test_batches_follow_arrival_and_are_no_larger_than_allowed(tmp_path: Path) -> None:
    files = list_folder(_landed(tmp_path, z=40, y=50, x=30, w=200, v=10, u=100)).files

    manifests = plan_manifests(files, NOW, 7, max_bytes=100)

    assert _batches(manifests) == [["z", "y"], ["x"], ["w"], ["v"], ["u"]]
    assert [manifest.number for manifest in manifests] == [7, 8, 9, 10, 11]


def test_batch_is_of_no_more_files_than_allowed(tmp_path: Path) -> None:
    files = list_folder(_landed(tmp_path, a=1, b=1, c=1)).files

    assert _batches(plan_manifests(files, NOW, 1, max_files=2)) == [["a", "b"], ["c"]]


def test_far_off_time_decides_nothing_but_the_order(tmp_path: Path) -> None:
    _landed(tmp_path, late=1, now=1, early=1)
    os.utime(tmp_path / "late", (10**11, 10**11))
    os.utime(tmp_path / "early", (-(10**9), -(10**9)))

    (manifest,) = plan_manifests(list_folder(tmp_path).files, NOW, 1)

    assert [(entry.partition, entry.arrived_at_us) for entry in manifest.entries] == [
        ("early", NOW),
        ("now", NOW),
        ("late", NOW),
    ]


def test_arrival_is_when_a_file_was_changed_if_that_was_in_the_day_before_it_was_listed() -> None:
    hour = 60 * 60 * 1_000_000

    assert [arrival_us(NOW - n * hour, NOW) for n in (-1, 0, 1, 24, 25)] == [NOW, NOW, NOW - hour, NOW - 24 * hour, NOW]


def test_many_small_files_are_shared_out_evenly(tmp_path: Path) -> None:
    sizes = {f"f{n:03}": 1 + n % 7 for n in range(100)}
    (manifest,) = plan_manifests(list_folder(_landed(tmp_path, **sizes)).files, NOW, 1)

    tasks = manifest.tasks(tmp_path, 4)

    assert [len(task) for task in tasks] == [25] * 4
    assert sorted(entry.partition for task in tasks for entry in task) == sorted(sizes)
    assert all(task == sorted(task, key=lambda entry: entry.arrived_at_us) for task in tasks)


def test_large_plain_file_is_split_among_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SMALLEST", 10)
    (tmp_path / "large").write_bytes(b"1234\n" * 100)
    (tmp_path / "small").write_bytes(b"1234\n")
    (manifest,) = plan_manifests(list_folder(tmp_path).files, NOW, 1)

    tasks = manifest.tasks(tmp_path, 2)

    assert [[(entry.partition, entry.split) for entry in task] for task in tasks] == [
        [("large", Split(0, 255, 0))],
        [("large", Split(255, 500, 51)), ("small", None)],
    ]


def test_fewer_files_than_tasks_are_fewer_tasks(tmp_path: Path) -> None:
    (manifest,) = plan_manifests(list_folder(_landed(tmp_path, a=1)).files, NOW, 1)

    assert [len(task) for task in manifest.tasks(tmp_path, 8)] == [1]
    assert Manifest(1, ()).tasks(tmp_path, 8) == []


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.integers(0, 2**60),
    st.none() | st.builds(Split, st.integers(0, 9), st.integers(10, 99), st.integers(0, 9)),
)
def test_task_survives_as_one_line_of_ascii(partition: str, number: int, split: Split | None) -> None:
    entry = PlannedFile(partition, number, -number, number, split)

    line = task_to_line([entry, entry])

    assert line.isascii()
    assert line.isprintable()
    assert task_from_line(line) == [entry, entry]


def test_a_file_is_read_as_was_said_when_it_was_planned_and_before_formats_as_lines() -> None:
    line = '[{"partition":"a.csv","size":1,"mtime_us":0,"arrived_at_us":0,"split":null}]'
    ((before,), (now,)) = (task_from_line(line), task_from_line(line.replace("null", 'null,"format":"auto"')))
    assert (before.declared, now.declared) == (BEFORE, "named csv")
    assert replace(now, format="tsv").declared == "tsv"


def test_manifest_is_read_as_it_was_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SMALLEST", 10)
    source = _landed(tmp_path / "source", a=100, b=5)
    (source / "lines").write_bytes(b"{}\n" * 100)
    (source / "new\nline").write_bytes(b"{}")
    (manifest,) = plan_manifests(list_folder(source).files, NOW, 3)
    tasks = manifest.tasks(source, 2)

    path = write_manifest(tmp_path / "manifests", 3, tasks)

    assert [task_from_line(line) for line in path.read_text().split("\n")[:-1]] == tasks
    assert read_manifest(tmp_path / "manifests", 3) == manifest


def test_manifest_is_never_written_over(tmp_path: Path) -> None:
    write_manifest(tmp_path, 1, [])

    with pytest.raises(CheckpointError, match="written already"):
        write_manifest(tmp_path, 1, [[PlannedFile("a", 1, 1, 1)]])
    assert manifest_path(tmp_path, 1).read_text() == ""


def test_each_manifest_is_younger_than_the_one_before_it(tmp_path: Path) -> None:
    os.utime(local(write_manifest(tmp_path, 1, [])), (4_000_000_000, 4_000_000_000))  # a clock that was put back since

    times = [local(write_manifest(tmp_path, number, [])).stat().st_mtime_ns // 1_000_000 for number in range(2, 6)]

    assert [4_000_000_000_000, *times] == sorted({4_000_000_000_000, *times})


@pytest.mark.parametrize(("owner", "step"), [(os, "fsync"), (Path, "replace")])
def test_crash_while_a_manifest_is_written_leaves_none(tmp_path: Path, owner: object, step: str) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, step, crash)
        with pytest.raises(KeyboardInterrupt):
            write_manifest(tmp_path, 1, [[PlannedFile("a", 1, 1, 1)]])

    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []
    write_manifest(tmp_path, 1, [[PlannedFile("a", 1, 1, 1)]])
    assert len(read_manifest(tmp_path, 1).entries) == 1
