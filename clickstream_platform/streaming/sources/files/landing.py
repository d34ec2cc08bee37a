"""Where files land: what a source asks of the place. A new kind of place is a class with these methods."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from clickstream_platform.store.place import Place, is_on_store
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.sources.files.bucket import LandingPrefix
from clickstream_platform.streaming.sources.files.folder import LandingFolder
from clickstream_platform.streaming.sources.files.listing_result import File, Listing
from clickstream_platform.streaming.sources.files.raw import RawFile


class Landing(Protocol):
    """A place in which files land. Goes to the tasks, which read them.

    Whoever asks raises a SetupError or an UnreachableError where a store refuses, or does not answer.
    """

    @property
    def place(self) -> Place:
        """Where it is."""
        ...

    def list_files(self, *, is_patient: bool = True) -> Listing:
        """Everything in it, at any depth, once: docs/operations.md has what is passed over.

        Args:
            is_patient: whether to wait for a store that is away for a while.

        Raises:
            SourceError: it cannot be listed.
        """
        ...

    def file(self, partition: str) -> File | None:
        """One file as it is now; None if it is not there."""
        ...

    def can_read(self, partition: str) -> bool:
        """Whether this process may read a file, and it is there."""
        ...

    def open_file(
        self, partition: str, size: int, tag: str = "", start: int = 0, end: int | None = None
    ) -> AbstractContextManager[RawFile]:
        """A file, or a stretch of it, to be read.

        Args:
            partition: the file.
            size: its size when it was listed.
            tag: :attr:`.File.tag` of that time.
            start: where to begin.
            end: where to end; None for the end of the file.

        Raises:
            Unreadable: it is gone, not to be read, or another one than was listed. Also while the block lasts, and when
                it is left.
        """
        ...

    def describe_availability(self, *, is_named: bool) -> str:
        """What :meth:`.RecordSource.describe_availability` says of it."""
        ...

    def require(self) -> None:
        """Raise a SourceError if it is not there, or cannot be listed. Impatient."""
        ...

    @property
    def is_folder(self) -> bool:
        """Whether files may lie in it, and it is no file itself. Impatient."""
        ...

    @property
    def is_lost(self) -> bool:
        """Whether the place has vanished since it was last read."""
        ...

    def make(self) -> None:
        """Make it, if it is not there."""
        ...

    def parse_place(self, text: str) -> Place | None:
        """The place of this kind that ``str`` has said so of; None if it is of another kind."""
        ...

    def overlap_with(self, other: Place, *, links: bool) -> str | None:
        """What another place has in common with it, in words; None if nothing.

        Args:
            other: the other one.
            links: look where links in either lead to, too.
        """
        ...

    def has(self, file: str) -> bool:
        """Whether what a person has typed is the whole path of something in it."""
        ...

    def partition_of(self, file: str) -> str:
        """The partition of a file, by its whole path or by its path within."""
        ...


FILES = "files "  # and the place: what a checkpoint of files was made for


def landing_at(place: Place) -> Landing:
    """The files at a place: the one question of which kind it is."""
    return LandingPrefix(place) if is_on_store(place) else LandingFolder(place)


def place_read(landing: Landing, checkpoint: Checkpoint) -> Place | None:
    """The place whose files a checkpoint has read; None if it is of another kind than the landing, or was a topic."""
    was = checkpoint.source_identity()
    return landing.parse_place(was.removeprefix(FILES)) if was.startswith(FILES) else None
