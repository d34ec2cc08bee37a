"""A folder in which files land."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from clickstream_platform.errors import SourceError
from clickstream_platform.store.place import Place, is_address, is_on_store
from clickstream_platform.streaming.sources.files.listing import list_folder
from clickstream_platform.streaming.sources.files.listing_result import File, Listing
from clickstream_platform.streaming.sources.files.names import name_of, partition_of, path_of
from clickstream_platform.streaming.sources.files.overlap import folder_overlap
from clickstream_platform.streaming.sources.files.raw import RawFile, open_raw


@dataclass(frozen=True)
class LandingFolder:
    """A local folder: what :class:`.landing.Landing` says."""

    place: Path

    def list_files(self, *, is_patient: bool = True) -> Listing:
        """What :func:`.listing.list_folder` finds."""
        return list_folder(self.place)

    def file(self, partition: str) -> File | None:
        """What the system says of a file."""
        path = path_of(self.place, partition)
        if not path.exists():
            return None
        status = path.stat()
        return File(name_of(partition), partition, os.fsencode(path), status.st_size, status.st_mtime_ns // 1000)

    def can_read(self, partition: str) -> bool:
        """Whether the system lets this process read it."""
        return os.access(path_of(self.place, partition), os.R_OK)

    def open_file(
        self, partition: str, size: int, tag: str = "", start: int = 0, end: int | None = None
    ) -> AbstractContextManager[RawFile]:
        """What :func:`.raw.open_raw` gives. A file of a folder has no tag: its size tells what has befallen it."""
        return open_raw(path_of(self.place, partition), size, start, end)

    def describe_availability(self, *, is_named: bool) -> str:
        """Whether the folder is there, and can be read."""
        if not self.place.exists():
            if is_named:
                remedy = "make it, or set CLICKSTREAM_SOURCE to another"
                raise SourceError("source", f"there is no folder {self.place}", remedy)
            return f"{self.place} will be made by the first run"
        if not self.place.is_dir() or not os.access(self.place, os.R_OK | os.X_OK):
            raise SourceError("source", f"{self.place} is not a folder you may read", "set CLICKSTREAM_SOURCE to one")
        return f"files in {self.place}"

    def require(self) -> None:
        """Raise unless the folder is there and can be listed."""
        if not self.place.is_dir():
            raise SourceError(str(self.place), "there is no such folder", "set CLICKSTREAM_SOURCE")
        list_folder(self.place)

    @property
    def is_folder(self) -> bool:
        """Whether the system says so."""
        return self.place.is_dir()

    @property
    def is_lost(self) -> bool:
        """Whether there is nothing of that name."""
        return not self.place.exists()

    def make(self) -> None:
        """With all folders above it."""
        self.place.mkdir(parents=True, exist_ok=True)

    def parse_place(self, text: str) -> Place | None:
        """A path is a folder."""
        return None if is_address(text) else Path(text)

    def overlap_with(self, other: Place, *, links: bool) -> str | None:
        """What :func:`.overlap.folder_overlap` finds."""
        return None if is_on_store(other) else folder_overlap(self.place, other, links=links)

    def has(self, file: str) -> bool:
        """Whether the path lies below the folder."""
        return Path(file).is_relative_to(self.place)

    def partition_of(self, file: str) -> str:
        """Its path within, as text."""
        path = Path(file)
        return partition_of(os.fsencode(path.relative_to(self.place) if self.has(file) else path))
