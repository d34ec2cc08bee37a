"""What a listing of the source found."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from clickstream_platform.streaming.sources.files.names import partition_of
from clickstream_platform.wording import number_of

_NAMED = 3  # hidden names that a remark shows


@dataclass(frozen=True)
class File:
    """A file of the source.

    Attributes:
        name: its path within the source, as the system has it.
        partition: the same as text.
        where: its whole path, or its address.
        size: in bytes.
        mtime_us: when it was last changed, in microseconds since 1970, as its producer or file system says.
        tag: what tells its state from any other, where it lies on a store; else empty.
    """

    name: bytes
    partition: str
    where: bytes
    size: int
    mtime_us: int
    tag: str = ""

    @property
    def path(self) -> Path:
        """Its whole path, as Python has it."""
        return Path(os.fsdecode(self.where))


@dataclass(frozen=True)
class Listing:
    """What was found.

    Attributes:
        files: those to be read, each once, in the order of their names.
        ignored: what is neither read nor opened, by its path as a partition, and why.
        also: other paths, not listed, by the path of the file or folder they lead to.
        links: the paths of all links, whatever they lead to.
        hidden: what is passed over for its name, by its path as a partition: folders, and files that are not empty.
    """

    files: tuple[File, ...] = ()
    ignored: dict[str, str] = field(default_factory=dict[str, str])
    also: dict[bytes, list[bytes]] = field(default_factory=dict[bytes, list[bytes]])
    links: tuple[bytes, ...] = ()
    hidden: tuple[str, ...] = ()

    def remarks(self) -> Iterator[str]:
        """What lies in the folder and will not be read, with the reason."""
        for name, reason in self.ignored.items():
            yield f"{name} is {reason}"
        if self.hidden:
            names = ", ".join(self.hidden[:_NAMED]) + (", ..." if len(self.hidden) > _NAMED else "")
            begin = number_of(len(self.hidden), "name says", "names say")
            yield f"{begin} that the file is not finished, by a leading _ or ., or an ending such as .tmp: {names}"

    def partitions(self, file: File) -> Iterator[str]:
        """Every partition that a file has had or may have had: links come and go, and with them its shortest path."""
        yield file.partition
        if self.also:
            names = [file.name, *self.also.get(file.name, ())]
            yield from map(partition_of, chain(names[1:], *map(self._by_folders, names)))

    def _by_folders(self, name: bytes) -> Iterator[bytes]:
        """Every other path of the same file, by the other paths to the folders it lies in."""
        parts = name.split(b"/")
        for n in range(len(parts)):
            for other in self.also.get(b"/".join(parts[:n]), ()):
                yield b"/".join([other, *parts[n:]])
