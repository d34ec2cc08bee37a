"""What lies where files land, listed and counted by itself: it shares nothing with what a run lists and reads by."""

from __future__ import annotations

import os
import stat
from collections.abc import Hashable, Iterator
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol
from urllib.parse import quote_from_bytes, unquote_to_bytes

from clickstream_platform.store.objects import objects
from clickstream_platform.store.place import Place, StorePath, is_on_store
from clickstream_platform.store.unlisted_keys import is_requestable
from clickstream_platform.streaming.sources.envelope_count import Tally
from clickstream_platform.streaming.sources.files.count import FileCount, count_file

_OF_WRITERS = {b"_copying_", b"tmp", b"part", b"partial", b"filepart", b"crdownload", b"inprogress"}

Identity = Hashable  # alike for two names of one file


class LandedFiles(Protocol):
    """Files by their partitions, as a recount asks for them."""

    def identity(self, partition: str) -> Identity | None:
        """What a file is, whatever it is called; None if it is not there."""
        ...

    def count(self, partition: str, its_format: str = "", tally: Tally | None = None) -> FileCount | None:
        """What :func:`.count.count_file` finds in a file."""
        ...

    def files(self, notes: list[str]) -> Iterator[tuple[str, Identity, int]]:
        """Every file that may be read, with its bytes; what is to be known of others is added to notes."""
        ...


def landed_files(place: Place) -> LandedFiles:
    """The files at a place."""
    return _OnStore(place) if is_on_store(place) else _InFolder(place)


class _OnStore:
    """Objects below a prefix, each fetched whole to be counted; listed once."""

    def __init__(self, place: StorePath) -> None:
        self._place = place

    @cached_property
    def _sizes(self) -> dict[str, int]:
        skip = len(self._place.key) + 1 if self._place.key else 0
        return {each.place.key[skip:]: each.size for each in objects(self._place, every_key=True) if each.size}

    def identity(self, partition: str) -> Identity | None:
        return partition if partition in self._sizes else None

    def count(self, partition: str, its_format: str = "", tally: Tally | None = None) -> FileCount | None:
        if not is_requestable(partition):
            size = self._sizes.get(partition)
            return None if size is None else FileCount(size, 0, "no client asks for its key", is_text=False)
        with TemporaryDirectory(prefix="clickstream-") as folder:
            fetched = Path(folder, "fetched")
            try:
                with fetched.open("wb") as file:
                    for block in (self._place / partition).blocks():
                        file.write(block)
            except FileNotFoundError:
                return None
            return count_file(os.fsencode(fetched), its_format, tally)

    def files(self, notes: list[str]) -> Iterator[tuple[str, Identity, int]]:
        hidden: list[str] = []
        for partition, size in sorted(self._sizes.items()):
            if all(_is_looked_at(part.encode()) for part in partition.split("/")):
                yield partition, partition, size
            elif not partition.endswith(".crc"):
                hidden.append(partition)
        _say_hidden(hidden, notes)


class _InFolder:
    """Files of a folder. Every folder is entered once, whatever links lead to it."""

    def __init__(self, folder: Path) -> None:
        self._root = os.fsencode(folder)

    def identity(self, partition: str) -> Identity | None:
        status = _status(_path(self._root, partition))
        return (status.st_dev, status.st_ino) if status else None

    def count(self, partition: str, its_format: str = "", tally: Tally | None = None) -> FileCount | None:
        return count_file(_path(self._root, partition), its_format, tally)

    def files(self, notes: list[str]) -> Iterator[tuple[str, Identity, int]]:
        for name, status in _walk(self._root, notes):
            yield _partition(name), (status.st_dev, status.st_ino), status.st_size


def _say_hidden(names: list[str], notes: list[str]) -> None:
    if names:
        some = ", ".join(sorted(names)[:3])
        notes.append(f"not counted, as their names mark them as unfinished: {some} (in all {len(names):,})")


def _walk(root: bytes, notes: list[str]) -> Iterator[tuple[bytes, os.stat_result]]:
    """The files of a folder by their paths in it. Every folder is entered once, whatever links lead to it."""

    def unlisted(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            name = os.path.relpath(os.fsencode(error.filename), root)
            notes.append(f"{_partition(name)}: a folder that cannot be listed ({error.strerror})")

    seen, hidden, real = set[tuple[int, int]](), list[bytes](), os.path.realpath(root)
    for folder, folders, files in os.walk(root, followlinks=True, onerror=unlisted):
        status = _any_status(folder)
        target = os.path.realpath(folder)
        is_above = real != target and os.path.join(real, b"").startswith(os.path.join(target, b""))  # noqa: PTH118
        if status is None or is_above or (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        hidden += [os.path.join(folder, name) for name in folders + files if not _is_looked_at(name)]  # noqa: PTH118
        folders[:] = [name for name in folders if _is_looked_at(name)]
        for name in files:
            path = os.path.join(folder, name)  # noqa: PTH118 - bytes
            if _is_looked_at(name) and (status := _status(path)):
                yield os.path.relpath(path, root), status
    unread = [os.path.relpath(path, root) for path in hidden if _holds_bytes(path)]
    _say_hidden([_partition(name) for name in sorted(unread)], notes)


def _is_looked_at(name: bytes) -> bool:
    is_hidden = name.startswith(b".") or (name.startswith(b"_") and b"=" not in name)
    _, dot, ending = name.rpartition(b".")
    return not is_hidden and not (dot and ending.lower() in _OF_WRITERS)


def _holds_bytes(path: bytes) -> bool:
    """Whether it is a folder or a file that is not empty, and not the checksum that Hadoop writes beside a file."""
    status = _any_status(path)
    return status is not None and not path.endswith(b".crc") and (stat.S_ISDIR(status.st_mode) or status.st_size > 0)


def _any_status(path: bytes) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - bytes
    except OSError:
        return None


def _status(path: bytes) -> os.stat_result | None:
    """What the system says of a file; None of anything else."""
    status = _any_status(path)
    return status if status and stat.S_ISREG(status.st_mode) else None


def _path(root: bytes, partition: str) -> bytes:
    name = unquote_to_bytes(partition[2:]) if partition.startswith("//") else partition.encode()
    return os.path.join(root, name)  # noqa: PTH118 - bytes


def _partition(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return f"//{quote_from_bytes(name)}"
