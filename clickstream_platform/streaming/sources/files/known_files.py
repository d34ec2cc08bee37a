"""The files that manifests name: a batch has read them, or will.

Every :data:`EVERY` manifests an index is written of all files named so far. What it holds can be derived from the
manifests before it, so that these may then be deleted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from clickstream_platform.errors import CheckpointError
from clickstream_platform.files import write_whole
from clickstream_platform.store.place import Place
from clickstream_platform.streaming.sources.files.listing_result import File, Listing
from clickstream_platform.streaming.sources.files.manifest import PlannedFile, manifest_path, task_from_line

EVERY = 64  # manifests: as many are read at the start of a run, at most
_INDEX = "_known-"  # Spark passes over such names


@dataclass(frozen=True)
class KnownFiles:
    """What all manifests name.

    Attributes:
        number: the number of the newest manifest; 0 if there is none. The first one is number 1.
        sizes: the size of each file when it was listed, by partition; -1 if nobody knows.
        tags: what told its state then from any other, of files on a store.
    """

    number: int = 0
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


def read_known_files(folder: Place) -> KnownFiles:
    """What the manifests of a folder name; nothing if there is no such folder.

    Raises:
        CheckpointError: a manifest is missing or broken.
    """
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    indexed = max((int(name.removeprefix(_INDEX)) for name in names if name.startswith(_INDEX)), default=-1)
    numbers = sorted(int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdigit())
    later = [number for number in numbers if number > max(indexed, 0)]
    newest = max(later, default=max(indexed, 0))
    if later != list(range(max(indexed, 0) + 1, newest + 1)):
        raise CheckpointError(str(folder), "a manifest is missing in the middle", "restore the folder from a copy")
    sizes, tags = _read(folder / _index_name(indexed)) if indexed >= 0 else ({}, {})
    for number in later:
        for entry in _planned_files(manifest_path(folder, number)):
            sizes[entry.partition] = entry.size
            if entry.tag:
                tags[entry.partition] = entry.tag
    return KnownFiles(newest, sizes, tags)


def _planned_files(path: Place) -> list[PlannedFile]:
    try:
        return [entry for line in path.read_text("ascii").splitlines() for entry in task_from_line(line)]
    except ValueError as error:
        raise _broken(path) from error


def _read(path: Place) -> tuple[dict[str, int], dict[str, str]]:
    """Sizes and tags. Where no file has a tag the index holds nothing but sizes."""
    try:
        index = json.loads(path.read_text("ascii"))
    except ValueError as error:
        raise _broken(path) from error
    sizes = index.get("sizes")  # of a file that is called so it is a number
    return (sizes, index["tags"]) if isinstance(sizes, dict) else (index, {})


def _broken(path: Place) -> CheckpointError:
    return CheckpointError(str(path), "it is not as it was written", "restore it from a copy")


def _index_name(number: int) -> str:
    return f"{_INDEX}{number:012d}"


def keep_index(folder: Place, newest: int) -> bool:
    """Write a new index if it is time, the newest manifest being of that number; whether it was.

    The index before it is deleted then.
    """
    if newest - max(known_index(folder), 0) < EVERY:
        return False
    all_known = read_known_files(folder)
    write_index(folder, all_known)
    return True


def write_first_index(folder: Place, sizes: Mapping[str, int]) -> None:
    """Begin with files that were read before there were manifests. Before the first manifest is written."""
    write_index(folder, KnownFiles(sizes=sizes))


def write_index(folder: Place, all_known: KnownFiles) -> None:
    """Write an index of all files that manifests name; the one before it is deleted then."""
    sizes, tags = dict(all_known.sizes), dict(all_known.tags)
    name = _index_name(all_known.number)
    write_whole(folder / name, json.dumps({"sizes": sizes, "tags": tags} if tags else sizes))
    for path in folder.glob(f"{_INDEX}*"):
        if path.name < name:
            path.unlink(missing_ok=True)


def prune(folder: Place, below: int) -> None:
    """Delete the manifests below a number that an index holds: those that no batch will read again."""
    indexed = known_index(folder)
    for path in folder.glob("*.json"):
        if path.stem.isdigit() and int(path.stem) < min(below, indexed + 1):
            path.unlink(missing_ok=True)


def known_index(folder: Place) -> int:
    """The newest manifest that the index holds; -1 without an index."""
    return max((int(path.name.removeprefix(_INDEX)) for path in folder.glob(f"{_INDEX}*")), default=-1)


def unread_files(listing: Listing, all_known: KnownFiles) -> list[File]:
    """The files that no manifest names, under none of the paths that lead to them."""
    return [file for file in listing.files if not any(each in all_known.sizes for each in listing.partitions(file))]


def resized_files(listing: Listing, all_known: KnownFiles) -> dict[str, tuple[int, int]]:
    """Files that have another size than when they were listed for a batch, by partition: that one and the new one.

    They are not read again: what was added to them or put in their place is in no table.
    """
    before = {file: all_known.sizes.get(file.partition, -1) for file in listing.files}
    return {file.partition: (size, file.size) for file, size in before.items() if size not in (-1, file.size)}


def replaced_files(listing: Listing, all_known: KnownFiles) -> list[str]:
    """Files of a store that have the size of when they were listed for a batch, and are others, as partitions."""
    if not all_known.tags:
        return []
    of_a_size = (file for file in listing.files if all_known.sizes.get(file.partition) == file.size)
    return [file.partition for file in of_a_size if file.tag != all_known.tags.get(file.partition, file.tag)]
