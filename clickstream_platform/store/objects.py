"""Objects as a reader of many wants them: listed with what tells their states apart, fetched in stretches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clickstream_platform.errors import SourceError
from clickstream_platform.store.access import bucket_client
from clickstream_platform.store.place import StorePath
from clickstream_platform.store.refusals import translate_store_errors
from clickstream_platform.store.unlisted_keys import ListedKey, keys_below, next_listable_key, unlisted_objects


@dataclass(frozen=True)
class Object:
    """What a store says of an object.

    Attributes:
        place: where it is.
        size: in bytes.
        changed_at: when it was put there, by the store's clock, in whole seconds.
        tag: what tells this state of it from any other; empty if the store says nothing.
    """

    place: StorePath
    size: int
    changed_at: datetime
    tag: str


class ReplacedError(Exception):
    """An object is no longer the one that was asked for."""


def objects(place: StorePath, *, is_patient: bool = True, every_key: bool = False) -> Iterator[Object]:
    """All objects below a place, in any order, some maybe twice: a request for each thousand of them.

    A mark of a folder, a key that ends in ``/``, comes without that sign: of nothing in it, it cannot be told from an
    empty object.

    Args:
        place: where.
        is_patient: whether to wait for a store that is away for a while.
        every_key: give also objects whose keys no client asks for (:func:`.unlisted_keys.is_requestable`). Each of them
            costs a list more, and a request for each object that is on its page.

    Raises:
        SourceError: a key cannot be asked for.
        SetupError, UnreachableError: the store refuses, or does not answer.
    """
    if every_key:
        yield from _of_every_key(place, is_patient=is_patient)
        return
    try:
        for page in _pages(place, "", is_patient=is_patient):
            yield from (_object(place, each) for each in page)
    except _UnlistedError as unlisted:
        raise _unlistable_error(place, unlisted) from None


def _of_every_key(place: StorePath, *, is_patient: bool) -> Iterator[Object]:
    names, listed, after = tuple[ListedKey, ...](), set[str](), ""
    while after is not None:
        try:
            for page in _pages(place, after, is_patient=is_patient):
                yield from (_object(place, each) for each in page)
                listed |= {each["path"] for each in page}
                after = page[-1]["path"]
            break
        except _UnlistedError as unlisted:
            names = names or _keys_below(place, unlisted)
            after = next_listable_key(names, after)
    for each, asked in unlisted_objects(
        names, listed, lambda key: object_at(StorePath(place.bucket, key, place.access))
    ):
        yield asked or Object(StorePath(place.bucket, each.key, place.access), each.size, each.changed_at, "")


def _keys_below(place: StorePath, unlisted: _UnlistedError) -> tuple[ListedKey, ...]:
    try:
        return keys_below(place)
    except OSError:  # Arrow does not get past that key either
        raise _unlistable_error(place, unlisted) from None


def _unlistable_error(place: StorePath, unlisted: _UnlistedError) -> SourceError:
    finding = f"an object is called {unlisted.key!r}, which no client asks for: a part of its key is empty, . or .."
    return SourceError(str(place), f"{finding}, or has control characters", "copy it to another key, delete it")


@dataclass
class _UnlistedError(Exception):
    """A key is in the way."""

    key: str


def _pages(place: StorePath, after: str, *, is_patient: bool) -> Iterator[Any]:
    """What comes after a key, some at a time. Raises an _UnlistedError of a key that is in the way."""
    with translate_store_errors(place) as obs:
        bucket = bucket_client(place.bucket, place.access, is_patient=is_patient)
        pages = iter(obs.list(bucket, place.key_prefix, offset=after or None))
    while True:
        with translate_store_errors(place):
            page, key = (), ""
            try:
                page = next(pages, ())
            except Exception as failed:
                if not (key := _refused_key(failed)):
                    raise
        if key:
            raise _UnlistedError(key)
        if not page:
            return
        yield page


def _refused_key(failed: Exception) -> str:
    match = re.search(r'Path "(.*?)"(?:: Encountered illegal| contained empty)', str(failed), re.DOTALL)
    return match[1] if match else ""


def _object(place: StorePath, listed: Any) -> Object:
    where = StorePath(place.bucket, listed["path"], place.access)
    # Lists of some stores have fractions of a second, which an answer about one object never has.
    return Object(where, listed["size"], listed["last_modified"].replace(microsecond=0), _tag(listed))


def _tag(listed: Any) -> str:
    """As a condition takes it, and as every answer but some stores' lists has it: quoted."""
    tag = listed["e_tag"] or ""
    return f'"{tag}"' if tag and '"' not in tag else tag


def etags_from(place: StorePath, name: str) -> dict[str, str]:
    """The objects below a place from a name on, by name and in their order, each with its tag (ETag)."""
    with translate_store_errors(place) as obs:
        # What comes after a key without its last sign begins with that key: no sign is before the first of a name.
        pages = obs.list(
            bucket_client(place.bucket, place.access), place.key_prefix, offset=place.key_prefix + name[:-1]
        )
        return {each["path"].removeprefix(place.key_prefix): _tag(each) for page in pages for each in page}


def object_at(place: StorePath) -> Object | None:
    """An object as it is now; None if there is none."""
    with translate_store_errors(place) as obs:
        try:
            return _object(place, obs.head(bucket_client(place.bucket, place.access), place.key))
        except (FileNotFoundError, ValueError):  # or a key that none can have
            return None


def read_range(place: StorePath, start: int, end: int, tag: str) -> bytes:
    """The bytes of an object from ``start`` to ``end``, excluded; at least one.

    Args:
        place: the object.
        start: the first byte.
        end: behind the last byte.
        tag: of the state that is wanted; empty for any.

    Raises:
        FileNotFoundError: it is not there.
        ReplacedError: it is in another state, or too short.
    """
    with translate_store_errors(place) as obs:
        from obstore.exceptions import PreconditionError  # noqa: PLC0415 - only who has a store

        options: Any = {"range": (start, end), **({"if_match": tag} if tag else {})}
        try:
            got = obs.get(bucket_client(place.bucket, place.access), place.key, options=options)
            is_it = not tag or got.meta["e_tag"] == tag  # a store may not heed the condition
            content = bytes(got.bytes()) if is_it else b""
        except PreconditionError:
            content = b""
        if len(content) != end - start:
            raise ReplacedError
        return content
