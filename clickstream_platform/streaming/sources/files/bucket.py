"""Objects below a prefix of a bucket, as files that land."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from clickstream_platform.errors import SourceError
from clickstream_platform.store.objects import Object, ReplacedError, object_at, objects, read_range
from clickstream_platform.store.place import Place, StorePath, is_on_store
from clickstream_platform.store.proof import require_store
from clickstream_platform.store.unlisted_keys import is_requestable
from clickstream_platform.streaming.sources.files.listing_result import File, Listing
from clickstream_platform.streaming.sources.files.names import is_marker, is_visible
from clickstream_platform.streaming.sources.files.raw import RawFile
from clickstream_platform.streaming.sources.files.unreadable import DELETED, NO_KEY, REPLACED, Unreadable

_AHEAD = 8_000_000  # bytes that are fetched at once of what is read from front to back: a request takes some 20 ms
_LEAST = 64_000  # of what is read here and there


@dataclass(frozen=True)
class LandingPrefix:
    """A place on a store: what :class:`.landing.Landing` says.

    A key's names between slashes are treated like those of folders and files. An object of no bytes is no file: tools
    leave such ones to mark folders. What tells two states of an object apart is its e_tag. One whose key no client asks
    for is listed, without a tag, and cannot be read.
    """

    place: StorePath

    def list_files(self, *, is_patient: bool = True) -> Listing:
        """A request for each thousand objects."""
        files, hidden = dict[bytes, File](), set[str]()
        for each in objects(self.place, is_patient=is_patient, every_key=True):
            file = self._file(each)
            if not file.size:
                continue
            if unfinished := _unfinished_mark(file.name):
                if not is_marker(file.name.rpartition(b"/")[2]):
                    hidden.add(unfinished)
                continue
            files.setdefault(file.name, file)  # of "a" and "a/" the first is the one that can be asked for
        return Listing(tuple(files[name] for name in sorted(files)), hidden=tuple(sorted(hidden)))

    def _file(self, listed: Object) -> File:
        partition = listed.place.key.removeprefix(self.place.key_prefix)
        changed_us = round(listed.changed_at.timestamp() * 1_000_000)
        return File(partition.encode(), partition, str(listed.place).encode(), listed.size, changed_us, listed.tag)

    def file(self, partition: str) -> File | None:
        """What the store says of an object."""
        listed = object_at(self.place / partition) if is_requestable(partition) else None
        return listed and self._file(listed)

    def can_read(self, partition: str) -> bool:
        """Whether the object is there; an error if this user may not read it."""
        return is_requestable(partition) and object_at(self.place / partition) is not None

    @contextmanager
    def open_file(
        self, partition: str, size: int, tag: str = "", start: int = 0, end: int | None = None
    ) -> Generator[RawFile]:
        """Fetched as it is read; each request asks for that very state of the object."""
        if not is_requestable(partition):
            raise Unreadable(NO_KEY)
        file = _Fetched(self.place / partition, size, tag, start, size if end is None else end)
        if not size or not tag:  # no request for its bytes tells whether it is the one that was listed
            file.require()
        yield RawFile(file, start, file.end)

    def describe_availability(self, *, is_named: bool) -> str:
        """Whether the store answers, and the bucket is there. Nothing need lie below the prefix yet."""
        require_store(self.place)
        return f"files in {self.place}"

    def require(self) -> None:
        """Whether the store answers, and the bucket is there."""
        require_store(self.place)

    @property
    def is_folder(self) -> bool:
        """Whether anything lies below it."""
        require_store(self.place)
        return self.place.is_dir()

    @property
    def is_lost(self) -> bool:
        """A prefix is there whether anything is below it or not; of a bucket that is gone the store tells."""
        return False

    def make(self) -> None:
        """Do nothing: a store has no folders."""

    def parse_place(self, text: str) -> Place | None:
        """An address is a place on the same store."""
        return StorePath.from_url(text, self.place.access) if self.place.access.owns(text) else None

    def overlap_with(self, other: Place, *, links: bool) -> str | None:
        """Whether one is the other, or lies below it."""
        if not is_on_store(other) or not self.place.access.owns(str(other)) or other.bucket != self.place.bucket:
            return None
        one, two = self.place.key_prefix, other.key_prefix
        if one == two:
            return f"{self.place} and {other} are the same place"
        return f"{self.place} and {other} overlap" if one.startswith(two) or two.startswith(one) else None

    def has(self, file: str) -> bool:
        """Whether the address lies below this prefix."""
        return file.startswith(f"{self.place}/")

    def partition_of(self, file: str) -> str:
        """Its key below the prefix."""
        return file.removeprefix(f"{self.place}/")


def _unfinished_mark(name: bytes) -> str:
    """The part of a key up to the name that says that its producer has not finished; empty if none does."""
    parts = name.split(b"/")
    hidden = next((at for at, part in enumerate(parts, 1) if not is_visible(part)), 0)
    return b"/".join(parts[:hidden]).decode()


@dataclass
class _Fetched:
    """A stretch of an object's bytes, some of them at hand."""

    place: StorePath
    size: int
    tag: str
    start: int
    end: int
    _bytes: bytes = field(default=b"", repr=False)

    def read_at(self, position: int, size: int) -> bytes:
        """At most ``size`` bytes from a position on."""
        behind = self.start + len(self._bytes)
        if not self.start <= position < behind:
            wanted = max(size, _AHEAD if position == behind else _LEAST)
            self._bytes = self._fetched(position, min(position + wanted, self.end))
            self.start = position
        at = position - self.start
        return self._bytes[at : at + size]

    def _fetched(self, start: int, end: int) -> bytes:
        try:
            return read_range(self.place, start, end, self.tag)
        except FileNotFoundError as gone:
            raise Unreadable(DELETED) from gone
        except ReplacedError as replaced:
            self.require()
            finding = "the store gave other bytes than it was asked for"
            raise SourceError(str(self.place), finding, "run it again") from replaced

    def require(self) -> None:
        """Raise an Unreadable if it is gone, or another one than was listed."""
        now = object_at(self.place)
        if now is None:
            raise Unreadable(DELETED)
        if now.size != self.size:
            raise Unreadable(REPLACED, f"it had {self.size:,} bytes, and has {now.size:,}")
        if self.tag and now.tag != self.tag:
            raise Unreadable(REPLACED, f"another one has its {now.size:,} bytes")
