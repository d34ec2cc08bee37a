"""Places on an object store: the methods of ``pathlib.Path`` that a lake needs, over obstore.

A store has no folders, no locks and no renames. What it has instead is used here: a PUT appears whole or not at all,
and may be made on condition that an object is absent, or still the one that was read.
"""

from __future__ import annotations

import fnmatch
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

from clickstream_platform.store import azure, google, s3
from clickstream_platform.store.access import Access, bucket_client
from clickstream_platform.store.refusals import translate_store_errors

if TYPE_CHECKING:
    from obstore.store import ObjectStore
    from typing_extensions import TypeIs

SCHEMES = (s3.SCHEME, google.SCHEME, *azure.SCHEMES)
MARKER = "_folder"  # an object that makes a folder be there; Spark passes over such names


@dataclass(frozen=True, repr=False)
class StorePath:
    """A place on a store: an object, or what a folder would be. It may not be there."""

    bucket: str
    key: str
    access: Access

    @classmethod
    def from_url(cls, url: str, access: Access) -> StorePath:
        """The place that an address of the store names."""
        bucket, key = access.split(url)
        return cls(bucket, key.strip("/"), access)

    def __str__(self) -> str:
        return self.access.address(self.bucket, self.key).rstrip("/")

    __repr__ = __str__

    def __lt__(self, other: StorePath) -> bool:
        return str(self) < str(other)

    def __truediv__(self, name: str | PurePath) -> StorePath:
        return self._at("/".join(part for part in (self.key, PurePosixPath(name).as_posix()) if part not in ("", ".")))

    def _at(self, key: str) -> StorePath:
        return StorePath(self.bucket, key, self.access)

    @property
    def name(self) -> str:
        """The last part."""
        return PurePosixPath(self.key).name

    @property
    def stem(self) -> str:
        """The last part without its suffix."""
        return PurePosixPath(self.key).stem

    @property
    def suffix(self) -> str:
        """The end of the last part, from its last dot on."""
        return PurePosixPath(self.key).suffix

    @property
    def parent(self) -> StorePath:
        """The place that this one lies in."""
        return self._at(self.key.rpartition("/")[0])

    def with_name(self, name: str) -> StorePath:
        """The place of another name beside this one."""
        return self.parent / name

    def with_suffix(self, suffix: str) -> StorePath:
        """This place with another suffix."""
        return self.with_name(self.stem + suffix)

    def relative_to(self, other: StorePath) -> PurePosixPath:
        """Its path within another place. Raises a ValueError if it does not lie there."""
        return PurePosixPath(self.key).relative_to(other.key)

    def absolute(self) -> StorePath:
        """The place itself: its address is always whole."""
        return self

    def as_uri(self) -> str:
        """Its address, as Spark writes it into its logs."""
        return self.access.address(self.bucket, quote(self.key))

    def exists(self) -> bool:
        """Whether there is an object of that name, or anything below it."""
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Whether there is an object of that name."""
        return self._head() is not None

    def is_dir(self) -> bool:
        """Whether there is anything below it."""
        with translate_store_errors(self) as obs:
            return any(len(page) > 0 for page in obs.list(self._store, self.key_prefix, chunk_size=1))

    def size(self) -> int:
        """Bytes. Raises a FileNotFoundError."""
        return self._meta()["size"]

    def changed_at(self) -> datetime:
        """When it was written, by the store's clock, in whole seconds. Raises a FileNotFoundError."""
        return self._meta()["last_modified"]

    def _meta(self) -> dict[str, Any]:
        if (head := self._head()) is None:
            raise FileNotFoundError(2, "no such object", str(self))
        return head

    def _head(self) -> dict[str, Any] | None:
        with translate_store_errors(self) as obs:
            try:
                head = dict(obs.head(self._store, self.key)) if self.key else None
                return None if head and not head["size"] and self._is_folder_mark(obs) else head
            except FileNotFoundError:
                return None

    def _is_folder_mark(self, obs: Any) -> bool:
        """Whether an empty object stands for a folder. Raises a FileNotFoundError."""
        mark = self.access.folder_mark
        return bool(mark) and mark in obs.get(self._store, self.key, options={"head": True}).attributes

    @property
    def key_prefix(self) -> str:
        """What the keys of all objects below it begin with."""
        return f"{self.key}/" if self.key else ""

    @property
    def _store(self) -> ObjectStore:
        return bucket_client(self.bucket, self.access)

    def iterdir(self) -> Iterator[StorePath]:
        """What lies in it, in the order of names."""
        with translate_store_errors(self) as obs:
            listing = obs.list_with_delimiter(self._store, self.key_prefix)
        # The mark that Hadoop makes of a folder comes as itself.
        objects = (each["path"] for each in listing["objects"])
        yield from map(self._at, sorted({*listing["common_prefixes"], *objects} - {self.key}))

    def glob(self, pattern: str) -> Iterator[StorePath]:
        """What lies below it under a pattern, in the order of names; ``*`` stands for one part of a path."""
        first, _, rest = pattern.partition("/")
        for each in self.iterdir():
            if fnmatch.fnmatchcase(each.name, first):
                yield from each.glob(rest) if rest else [each]

    def rglob(self, pattern: str = "*") -> Iterator[StorePath]:
        """Every object below it whose name fits, in the order of their keys."""
        with translate_store_errors(self) as obs:
            objects = sorted(
                (each["path"], each["size"]) for page in obs.list(self._store, self.key_prefix) for each in page
            )
        for path, size in objects:
            # Of nothing in it a list does not say whether it is an object, or the mark that Hadoop makes of a folder.
            if fnmatch.fnmatchcase(path.rpartition("/")[2], pattern) and (size or self._at(path).is_file()):
                yield self._at(path)

    def read_bytes(self) -> bytes:
        """All of it. Raises a FileNotFoundError."""
        with translate_store_errors(self) as obs:
            return bytes(obs.get(self._store, self.key).bytes())

    def read_text(self, encoding: str = "utf-8") -> str:
        """Its content as text; line ends are not translated."""
        return self.read_bytes().decode(encoding)

    def open(self) -> io.StringIO:
        """Its text, to be read line by line: all of it is fetched now."""
        return io.StringIO(self.read_text())

    def read_with_tag(self) -> tuple[bytes, str] | None:
        """Its content and the tag of this state of it, for :meth:`write_if`; None if there is no such object."""
        with translate_store_errors(self) as obs:
            try:
                answer = obs.get(self._store, self.key)
                return bytes(answer.bytes()), answer.meta[self.access.state_tag] or ""
            except FileNotFoundError:
                return None

    def write(self, content: bytes | Path | IO[bytes]) -> None:
        """Write the object whole, whatever was there: bytes, a local file, or an open file from its position on."""
        with translate_store_errors(self) as obs:
            obs.put(self._store, self.key, content)

    def write_if(self, tag: str | None, content: bytes) -> str | None:
        """Write the object if it still has the tag that was read; without a tag, if there is no such object.

        A PUT whose answer was lost is sent again, and meets its own success as a refusal: so a refusal is believed only
        if something else is there.

        Returns:
            The new tag; None if it was refused.
        """
        with translate_store_errors(self) as obs:
            from obstore.exceptions import AlreadyExistsError, PreconditionError  # noqa: PLC0415 - who has a folder

            try:
                mode: Any = "create" if tag is None else {self.access.state_tag: tag}
                put = obs.put(self._store, self.key, content, mode=mode, use_multipart=False)
                return put[self.access.state_tag] or ""
            except (AlreadyExistsError, PreconditionError, FileNotFoundError):
                current = self.read_with_tag()
                return current[1] if current and current[0] == content else None

    def mkdir(self, *, parents: bool = True, exist_ok: bool = True) -> None:
        """Do nothing: a store has no folders. :func:`ensure_folder` makes one that can be seen."""

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Delete the object; no error if there is none."""
        with translate_store_errors(self) as obs, suppress(FileNotFoundError):
            obs.delete(self._store, self.key)

    def replace(self, to: StorePath) -> None:
        """Copy it to another name, then delete it. Killed in between, both are there: do it again."""
        with translate_store_errors(self) as obs:
            obs.copy(self._store, self.key, to.key)
        self.unlink()

    def move(self, to: StorePath) -> None:
        """Copy all that it is to another place, then delete it here. Killed anywhere, do it again."""
        for each in [*self.rglob()]:
            with translate_store_errors(self) as obs:
                obs.copy(self._store, each.key, (to / each.relative_to(self)).key)
        self.remove_all()
        if self.is_file():
            self.replace(to)

    def blocks(self) -> Iterator[bytes]:
        """The content in blocks of a few megabytes. Raises a FileNotFoundError."""
        with translate_store_errors(self) as obs:
            yield from map(bytes, obs.get(self._store, self.key).stream(min_chunk_size=4_000_000))

    def remove_all(self) -> None:
        """Delete everything below it, whoever else deletes there. A mark of a folder may stay, which clients hide."""
        with translate_store_errors(self) as obs:
            for page in obs.list(self._store, self.key_prefix):
                names = [each["path"] for each in page]
                try:
                    obs.delete(self._store, names)
                except FileNotFoundError:  # some stores mind if one is gone, or is a mark, whose name ends in a slash
                    for name in names:
                        self._at(name).unlink()


Place = Path | StorePath
AnyPlace = TypeVar("AnyPlace", Path, StorePath, Path | StorePath)


def is_address(text: str) -> bool:
    """Whether a text is the address of a place on a store, and no path."""
    return text.partition("://")[0] in SCHEMES and "://" in text


def is_on_store(place: Place) -> TypeIs[StorePath]:
    """Whether a place is on a store, and not a local folder or file."""
    return isinstance(place, StorePath)


def place_from_url(url: str, beside: Place) -> Place:
    """The place that a URL in one of Spark's logs names; on a store it is reached as ``beside`` is."""
    if is_on_store(beside) and beside.access.owns(url):
        return StorePath.from_url(unquote(url), beside.access)
    return Path(unquote(urlsplit(url).path))


def ensure_folder(folder: Place) -> None:
    """Make a folder that is seen to exist, on a store by the object :data:`MARKER` in it."""
    if is_on_store(folder):
        (folder / MARKER).write(b"")
    else:
        folder.mkdir(parents=True, exist_ok=True)


def modified_ms(place: Place) -> int:
    """When a file was changed, in milliseconds since 1970. Raises a FileNotFoundError."""
    if is_on_store(place):
        return round(place.changed_at().timestamp() * 1000)
    return place.stat().st_mtime_ns // 1_000_000


def size_of(place: Place) -> int:
    """Bytes of a file. Raises a FileNotFoundError."""
    return place.size() if is_on_store(place) else place.stat().st_size
