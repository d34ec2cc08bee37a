"""A stretch of a file's bytes as they lie on the disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from clickstream_platform.streaming.sources.files.unreadable import Unreadable, system_finding


class OpenFile(Protocol):
    """A file that is open."""

    def read_at(self, position: int, size: int) -> bytes:
        """At most so many bytes from a position on, at least one; none where the file ends. Raises Unreadable."""
        ...


class RawFile:
    """The bytes ``start`` (included) to ``end`` (excluded) of an open file, read from front to back.

    Reading raises :class:`Unreadable` if the system does not give them all.

    Attributes:
        start: where it begins.
        end: where it ends.
        position: where the next read goes on.
    """

    closed = False  # Arrow asks

    def __init__(self, file: OpenFile, start: int, end: int) -> None:
        self.start, self.end, self.position = start, end, start
        self._file = file

    def reopened(self) -> RawFile:
        """A new reader of the same bytes, from their beginning."""
        return RawFile(self._file, self.start, self.end)

    def close(self) -> None:
        """Do nothing: whoever opened the file closes it."""

    def read(self, size: int) -> bytes:
        """The next bytes, at most that many; none at the end."""
        data = self.peek(self.position, size)
        self.position += len(data)
        return data

    def peek(self, position: int, size: int) -> bytes:
        """As many bytes at a position, or up to the end."""
        wanted, parts = min(size, self.end - position), list[bytes]()
        while wanted > 0:
            data = self._file.read_at(position, wanted)
            if not data:
                raise Unreadable(_size_changed(self.end, position))
            parts.append(data)
            position, wanted = position + len(data), wanted - len(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class _Descriptor:
    """A file of this system."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read_at(self, position: int, size: int) -> bytes:
        try:
            return os.pread(self._descriptor, size, position)
        except OSError as error:
            raise Unreadable(system_finding(error)) from error


@contextmanager
def open_raw(path: Path, size: int | None = None, start: int = 0, end: int | None = None) -> Generator[RawFile]:
    """A file, or a stretch of it, to be read.

    Args:
        path: the file.
        size: its size when it was listed. A file that has another one, before or after it is read, was still being
            written, and nobody knows where its records end.
        start: where to begin.
        end: where to end; None for the end of the file.

    Raises:
        Unreadable: it is gone, no file, not to be read, or of another size. Also when the block is left.
    """
    try:
        # What was a file may be a pipe by now, and opening that would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise Unreadable(system_finding(error)) from error
    try:
        now = _size(descriptor)
        size = now if size is None else size
        if now != size:
            raise Unreadable(_size_changed(size, now))
        file = _Descriptor(descriptor)
        if not size and file.read_at(0, 1):  # as the files of a system's /proc
            raise Unreadable("has bytes, and a size of 0")
        yield RawFile(file, start, size if end is None else end)
        if (now := _size(descriptor)) != size:
            raise Unreadable(_size_changed(size, now))
    finally:
        os.close(descriptor)


def _size(descriptor: int) -> int:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable("no longer a file")
    return status.st_size


def _size_changed(listed: int, now: int) -> str:
    if now < listed:
        return f"cut from {listed:,} to {now:,} bytes after it was listed"
    return f"still being written: it grew from {listed:,} to {now:,} bytes after it was listed"
