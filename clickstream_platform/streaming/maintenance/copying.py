"""Files that are copied whole, with their checksums, and the list of them that makes a folder a backup."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter, ValidationError

from clickstream_platform.errors import BackupError, SettingsError
from clickstream_platform.files import write_whole
from clickstream_platform.store.place import Place, StorePath, is_on_store, modified_ms, size_of

LIST = "backup.json"  # written last: a folder without it is no backup, or half a one
TREE = "lake"  # the folder beside it that has the files
_AT_ONCE = 1 << 20  # bytes


@dataclass(frozen=True)
class CopiedFile:
    """A file as it was copied."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Backup:
    """What ``backup.json`` says.

    Attributes:
        layout: the version of the lake's layout.
        program: the version of this package that made it.
        made_at: when the lake was as it is in the backup (ISO 8601, UTC).
        lake: the folder that it was made of.
        versions: the version of each Delta table.
        rows: how many rows each had.
        files: every file, by its path within the lake.
    """

    layout: int
    program: str
    made_at: str
    lake: str
    versions: dict[str, int]
    rows: dict[str, int]
    files: dict[str, CopiedFile]

    @property
    def bytes(self) -> int:
        """How large all files are together."""
        return sum(file.bytes for file in self.files.values())

    def write(self, folder: Path) -> None:
        """Make the folder a backup, once all that it names is on the disk."""
        os.sync()
        write_whole(folder / LIST, TypeAdapter(Backup).dump_json(self, indent=1))

    @classmethod
    def read(cls, folder: Path) -> Backup:
        """The backup in a folder, whose files nobody has looked at yet.

        Raises:
            BackupError: there is none, or its list is broken, or names files outside of it.
        """
        try:
            backup = TypeAdapter(Backup).validate_json((folder / LIST).read_bytes())
        except (FileNotFoundError, NotADirectoryError) as absent:
            finding = f"there is no {LIST} in it: it is no backup, or one that was not finished"
            raise BackupError(str(folder), finding, "name the folder that `clickstream backup` was given") from absent
        except ValidationError as broken:
            finding = f"its {LIST} is not as it was written"
            raise BackupError(str(folder), finding, "take another backup") from broken
        if strange := [name for name in backup.files if _leads_elsewhere(name)]:
            finding = f"its {LIST} names what does not lie in it: {strange[0]}"
            raise BackupError(str(folder), finding, "take another backup")
        return backup


def backup_folder_from(text: str) -> Path:
    """The folder of a backup, named by somebody who has no current folder here.

    Raises:
        SettingsError: none is named, or not by its whole path.
    """
    folder = Path(text.strip())
    if not folder.is_absolute():
        finding = f"{text!r} is no whole path" if text.strip() else "no folder is named"
        raise SettingsError("folder", finding, "say its whole path on the machine where the run is")
    return folder


def _leads_elsewhere(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts


def copy_file(source: Place, to: Place) -> CopiedFile:
    """Copy a file. Under its name it is whole or not there. In a folder it has its times; a store has its own."""
    if is_on_store(to):
        return _put(source, to)
    to.parent.mkdir(parents=True, exist_ok=True)
    part, digest, count = to.with_name(f".{to.name}.part"), hashlib.sha256(), 0
    with part.open("wb") as writing:
        for block in _blocks(source):
            digest.update(block)
            count += writing.write(block)
    if is_on_store(source):
        changed_ns = modified_ms(source) * 1_000_000
        os.utime(part, ns=(changed_ns, changed_ns))
    else:
        shutil.copystat(source, part)  # streams of files go by the times of manifests
    part.replace(to)
    return CopiedFile(count, digest.hexdigest())


def _put(source: Place, to: StorePath) -> CopiedFile:
    assert not is_on_store(source)  # a backup is a folder
    measured = measure_file(source)
    to.write(source)
    return measured


def _blocks(file: Place) -> Iterator[bytes]:
    if is_on_store(file):
        yield from file.blocks()
        return
    with file.open("rb") as reading:
        while block := reading.read(_AT_ONCE):
            yield block


def copy_database(source: Place, to: Path) -> CopiedFile:
    """Copy a file of SQLite as of one moment, whoever writes to it. On a store each state of it is an object whole."""
    if is_on_store(source):
        return copy_file(source, to)
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f".{to.name}.part")
    part.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(source)) as reading, closing(sqlite3.connect(part)) as writing:
            reading.backup(writing)
    except sqlite3.Error as failed:
        raise BackupError(str(source), f"it cannot be copied ({failed})", "look whether it is broken") from failed
    part.replace(to)
    return measure_file(to)


def measure_file(file: Place) -> CopiedFile:
    """The size and the checksum that a file has now."""
    digest, count = hashlib.sha256(), 0
    for block in _blocks(file):
        digest.update(block)
        count += len(block)
    return CopiedFile(count, digest.hexdigest())


def has_file_of_size(file: Place, size: int) -> bool:
    """Whether there is a file of that size."""
    return file.is_file() and size_of(file) == size


@contextmanager
def locked_backup_folder(folder: Path) -> Generator[None]:
    """Make a folder, and be the only process that writes a backup there until the block ends, however that ends.

    Raises:
        BackupError: another one does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    held = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            finding = "another backup is being made in it"
            raise BackupError(str(folder), finding, "let that one end, or choose another folder") from busy
        yield
    finally:
        os.close(held)


@contextmanager
def translate_write_errors(folder: Place) -> Generator[None]:
    """Say it in one line if the disk is full or the folder cannot be written to.

    Raises:
        BackupError: names what the system says.
    """
    try:
        yield
    except OSError as failed:
        finding = f"{failed.filename or folder}: {failed.strerror or failed}"
        remedy = "make room or choose another folder, then give the command again: it goes on from there"
        raise BackupError(str(folder), finding, remedy) from failed


def are_nested(lake: Place, folder: Path) -> bool:
    """Whether one of two folders lies in the other."""
    if is_on_store(lake):
        return False
    ours, theirs = lake.resolve(), folder.resolve()
    return theirs.is_relative_to(ours) or ours.is_relative_to(theirs)
