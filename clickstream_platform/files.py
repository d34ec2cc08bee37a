"""Small files that are written whole or not at all; and which paths a folder of tables may have."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from clickstream_platform.store.place import Place, is_on_store

# Spark, DuckDB and delta-rs each take some of these for a pattern, or for an escape.
_NOT_IN_A_PATH = re.compile(r"[*?\[\]{}\\\x00-\x1f\x7f]|%[0-9A-Fa-f]{2}")


def folder_of_tables(value: str | Path) -> Path:
    """A folder as an absolute path, without ``..``.

    Raises:
        ValueError: its path has signs that what reads and writes tables takes for something else.
    """
    folder = Path(value).expanduser()
    folder = folder.resolve() if ".." in folder.parts else folder.absolute()
    if taken := _NOT_IN_A_PATH.search(str(folder)):
        msg = f"allowed: a folder whose path has no {taken[0]!r}, which Spark or DuckDB would take for something else"
        raise ValueError(msg)
    return folder


def write_whole(path: Place, content: str | bytes, not_before_ns: int = 0) -> None:
    """Write a file so that whoever reads it finds the old content or the new one, whenever the writer was killed.

    Written beside it under a name that begins with a dot, synced, and renamed. A full disk leaves the old file as it
    was. Makes the folder, if there is none.

    Args:
        path: the file.
        content: what is to be in it.
        not_before_ns: the earliest modification time that it may have, in nanoseconds since 1970. A store sets its own.

    Raises:
        OSError: it could not be written.
        SetupError, UnreachableError: the same, on a store.
    """
    if is_on_store(path):
        path.write(content.encode() if isinstance(content, str) else content)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}")
    try:
        with hidden.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            if os.fstat(file.fileno()).st_mtime_ns < not_before_ns:
                os.utime(file.fileno(), ns=(not_before_ns, not_before_ns))
            os.fsync(file.fileno())
        hidden.replace(path)
    except OSError:
        hidden.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # or the name may be lost with the power
    finally:
        os.close(folder)


def files_in(folder: Place) -> list[Place]:
    """What lies in a folder; nothing if there is none. Asks once, as on a store each question is a request."""
    try:
        return [*folder.iterdir()]
    except FileNotFoundError:
        return []


def text_of(file: Place) -> str | None:
    """What is in a file; None if there is none. Asks once."""
    try:
        return file.read_text()
    except FileNotFoundError:
        return None


def remove_all(place: Place) -> None:
    """Delete a folder with all that is in it, if it is there."""
    if is_on_store(place):
        place.remove_all()
    elif place.exists():
        shutil.rmtree(place)


def rename(file: Place, name: str) -> None:
    """Give a file another name beside it. On a store a kill may leave it under both: do it again."""
    if is_on_store(file):
        file.replace(file.with_name(name))
    else:
        file.replace(file.with_name(name))


def move(place: Place, to: Place) -> None:
    """Move a folder or a file by its name, if it is there; both lie in a folder, or both on a store."""
    if not place.exists():
        return
    if is_on_store(place):
        assert is_on_store(to)
        place.move(to)
    else:
        assert not is_on_store(to)
        to.parent.mkdir(parents=True, exist_ok=True)
        place.rename(to)


def name_within(place: Place, root: Place) -> str:
    """The path of a file within a folder, with slashes."""
    if is_on_store(place):
        assert is_on_store(root)
        return place.relative_to(root).as_posix()
    assert not is_on_store(root)
    return place.relative_to(root).as_posix()
