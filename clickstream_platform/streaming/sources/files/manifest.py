"""Manifests: which files a batch reads, and which task reads what of them.

A manifest is a text file, one line a task, so that a stream that reads its lines starts the tasks. It is written whole
or not at all.
"""

from __future__ import annotations

import heapq
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import msgspec

from clickstream_platform.errors import CheckpointError
from clickstream_platform.files import write_whole
from clickstream_platform.store.place import AnyPlace, Place, StorePath, is_on_store
from clickstream_platform.streaming.sources.files.landing import landing_at
from clickstream_platform.streaming.sources.files.listing_result import File
from clickstream_platform.streaming.sources.files.names import declared_by_name
from clickstream_platform.streaming.sources.files.splits import Split, find_splits

FOLDER = "manifests"  # of a checkpoint, where they lie
MAX_BYTES = 128_000_000
MAX_FILES = 10_000  # a batch's ledger entry names each of its files
BEFORE = "before"  # what a manifest of before there were formats declares: whatever is text is lines
_DAY_US = 24 * 60 * 60 * 1_000_000
_OPENING = 32_000  # bytes that are read in the time that it takes to open a file
_SMALLEST = 8_000_000  # bytes of a split: less is read before a task has started


@dataclass(frozen=True)
class PlannedFile:
    """A file of a batch, or a stretch of it.

    Attributes:
        partition: its path within the source.
        size: bytes of the whole file when it was listed.
        mtime_us: when it was last changed, in microseconds since 1970, as its producer or file system says.
        arrived_at_us: when it arrived: see :func:`arrival_us`.
        split: the stretch; None for the whole file. Only files of lines have some.
        format: how the source declared texts when it was planned; a manifest of before there were formats says nothing.
        tag: of the state that was listed, on a store: :attr:`.File.tag`.
    """

    partition: str
    size: int
    mtime_us: int
    arrived_at_us: int
    split: Split | None = None
    format: str = BEFORE
    tag: str = ""

    @property
    def declared(self) -> str:
        """What :func:`.formats.format_of` goes by, beside the content."""
        return declared_by_name(self.format, self.partition)

    @property
    def bytes(self) -> int:
        """How many are to be read."""
        return self.split.end - self.split.start if self.split else self.size


@dataclass(frozen=True)
class Manifest:
    """The files of one batch, whole, in the order in which they arrived."""

    number: int
    entries: tuple[PlannedFile, ...]

    def tasks(self, folder: Place, n: int) -> list[list[PlannedFile]]:
        """Who reads what: at most ``n`` tasks of about equal size. A large file is split, if it can be."""
        target = max(sum(entry.size for entry in self.entries) // n + 1, _SMALLEST)
        parts = [part for entry in self.entries for part in _parts(entry, folder, target)]
        tasks: list[list[tuple[int, PlannedFile]]] = [[] for _ in range(min(n, len(parts)))]
        loads = [(0, task) for task in range(len(tasks))]
        for at, part in sorted(enumerate(parts), key=lambda each: -each[1].bytes):
            load, task = loads[0]
            tasks[task].append((at, part))
            heapq.heapreplace(loads, (load + part.bytes + _OPENING, task))
        return [[part for _, part in sorted(task, key=lambda each: each[0])] for task in tasks]


def _parts(entry: PlannedFile, folder: Place, target: int) -> Iterator[PlannedFile]:
    if entry.size <= target:  # as nearly all are, and there may be ten thousand
        yield entry
        return
    whole = landing_at(folder).open_file(entry.partition, entry.size, entry.tag)
    cut = find_splits(whole, entry.size, target, entry.declared)
    yield from [replace(entry, split=each) for each in cut] if len(cut) > 1 else [entry]


def plan_manifests(
    files: Iterable[File],
    now_us: int,
    number: int,
    max_bytes: int = MAX_BYTES,
    max_files: int = MAX_FILES,
    declared: str = "auto",
) -> list[Manifest]:
    """All files in batches, in the order in which they were changed.

    Args:
        files: those that no batch has read.
        now_us: the time, in microseconds since 1970. No file has arrived later.
        number: of the first manifest.
        max_bytes: of one batch; a larger file has a batch of its own.
        max_files: of one batch.
        declared: how the source says that texts are to be read.
    """
    entries = [
        PlannedFile(
            each.partition, each.size, each.mtime_us, arrival_us(each.mtime_us, now_us), format=declared, tag=each.tag
        )
        for each in files
    ]
    groups: list[list[PlannedFile]] = []
    total = 0
    for entry in sorted(entries, key=_order):
        if not groups or total + entry.size > max_bytes or len(groups[-1]) == max_files:
            groups.append([])
            total = 0
        groups[-1].append(entry)
        total += entry.size
    return [Manifest(number + at, tuple(group)) for at, group in enumerate(groups)]


def arrival_us(mtime_us: int, listed_us: int) -> int:
    """When a file arrived, in microseconds since 1970.

    That is when it was changed, if this was in the day before it was listed. Otherwise its modification time was
    copied with it, or comes from a wrong clock, and says nothing of when the file came: then it is when it was listed.
    """
    return mtime_us if listed_us - _DAY_US <= mtime_us <= listed_us else listed_us


def _order(entry: PlannedFile) -> tuple[int, str]:
    return entry.mtime_us, entry.partition


def manifest_path(folder: AnyPlace, number: int) -> AnyPlace:
    """Where a manifest lies."""
    return folder / f"{number:012d}.json"


def write_manifest(folder: Place, number: int, tasks: Sequence[Sequence[PlannedFile]]) -> Place:
    """Write a manifest down. When this returns, it is on the disk.

    Its modification time is later than that of the manifest before it: a stream of files goes by that, to a
    millisecond, whatever their names. A store's times are whole seconds, and of one second its lists go by name: there
    it is not earlier.

    Raises:
        CheckpointError: there is one of this number.
    """
    path = manifest_path(folder, number)
    if path.exists():
        raise CheckpointError(str(path), "this manifest is written already", "let one run at a time read the source")
    text = "".join(task_to_line(task) + "\n" for task in tasks)
    if is_on_store(path):
        _write_on_store(path, manifest_path(path.parent, number - 1), text)
    else:
        before = manifest_path(path.parent, number - 1)
        write_whole(path, text, before.stat().st_mtime_ns + 2_000_000 if before.exists() else 0)
    return path


def _write_on_store(path: StorePath, before: StorePath, text: str) -> None:
    """Write it again as long as the store's clock, or another of its clocks, says that it is older than the last."""
    write_whole(path, text)
    while before.is_file() and path.changed_at() < before.changed_at():
        time.sleep(1)
        write_whole(path, text)


def task_to_line(task: Sequence[PlannedFile]) -> str:
    """A task as one line of ASCII."""
    return json.dumps([_fields(entry) for entry in task], separators=(",", ":"))


def _fields(entry: PlannedFile) -> dict[str, Any]:
    fields = {**vars(entry), "split": entry.split and asdict(entry.split)}
    if not entry.tag:
        del fields["tag"]
    return fields


def task_from_line(line: str) -> list[PlannedFile]:
    """The task that a line stands for. Raises a ValueError for one that stands for none."""
    return _TASK.decode(line)


_TASK = msgspec.json.Decoder(list[PlannedFile])


def read_manifest(folder: Place, number: int) -> Manifest:
    """A manifest as it was planned. Raises what :meth:`~pathlib.Path.read_text` does."""
    lines = manifest_path(folder, number).read_text("ascii").splitlines()
    entries = {entry.partition: replace(entry, split=None) for line in lines for entry in task_from_line(line)}
    return Manifest(number, tuple(sorted(entries.values(), key=_order)))


def restore_time_order(folder: Place) -> None:
    """Let each manifest's time be later than that of the one before it, as :func:`write_manifest` does, after a copy.

    A store's times are whole seconds, and in a folder equal ones have no order. On a store itself they have one.
    """
    if is_on_store(folder):
        return
    not_before_ns = 0
    for file in sorted(folder.glob("[0-9]*.json")):
        if (changed_ns := file.stat().st_mtime_ns) < not_before_ns:
            changed_ns = not_before_ns
            os.utime(file, ns=(changed_ns, changed_ns))
        not_before_ns = changed_ns + 2_000_000
