"""The objects that obstore's lists leave out: those with a key that it cannot ask for, and all others on their page.

Of a key a part between slashes may be empty, ``.`` or ``..``, or it may have control characters. obstore gives no page
of a list that has one. Arrow's client gives any key, but not what tells the states of an object apart: each object
that is missed costs a request for that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from clickstream_platform.store.place import StorePath

AT_ONCE = 16  # requests
Answer = TypeVar("Answer")
_OF_FOLDERS = frozenset({"", ".", ".."})


def is_requestable(key: str) -> bool:
    """Whether obstore can ask for an object by this key, or by this rest of a key below a prefix."""
    return _OF_FOLDERS.isdisjoint(key.split("/")) and not any(sign < " " or sign == "\x7f" for sign in key)


@dataclass(frozen=True)
class ListedKey:
    """What Arrow's client lists of an object.

    Attributes:
        key: its key, without a slash at its end.
        size: in bytes.
        changed_at: when it was put there.
    """

    key: str
    size: int
    changed_at: datetime


def next_listable_key(names: Sequence[ListedKey], key: str) -> str | None:
    """Where to resume a list that stopped after ``key``: the first requestable key behind the next one that is not."""
    rest = iter([each.key for each in names if each.key > key])
    next((each for each in rest if not is_requestable(each)), None)
    return next((each for each in rest if is_requestable(each)), None)


def unlisted_objects(
    names: Sequence[ListedKey], listed: Collection[str], ask: Callable[[str], Answer | None]
) -> Iterator[tuple[ListedKey, Answer | None]]:
    """The objects that no list gave, each with the answer about it: None for a key that cannot be asked for.

    A key that ends in two slashes comes with one of them. An object that was deleted meanwhile cannot be told from
    such a one, and comes with a slash too.

    Args:
        names: all there are.
        listed: the keys that were given.
        ask: asks about an object of a key; answers None if there is none. Called by several threads.
    """
    others = [each for each in names if each.key not in listed]
    yield from ((each, None) for each in others if not is_requestable(each.key))
    others = [each for each in others if is_requestable(each.key)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for each, asked in zip(others, threads.map(ask, [each.key for each in others]), strict=True):
            if asked is not None:
                yield each, asked
            elif each.size:
                yield ListedKey(f"{each.key}/", each.size, each.changed_at), None


def keys_below(place: StorePath) -> tuple[ListedKey, ...]:
    """All objects below a place, in the order of keys: a request for each thousand. An OSError if Arrow cannot."""
    return tuple(sorted(_keys(place), key=lambda each: each.key))


def _keys(place: StorePath) -> Iterator[ListedKey]:
    from pyarrow.fs import FileSelector, FileType  # noqa: PLC0415 - 0.1 s, and hardly ever

    if (client := place.access.arrow_filesystem()) is None:
        raise FileNotFoundError(str(place))
    within = f"{place.bucket}/{place.key}".rstrip("/")
    for each in client.get_file_info(FileSelector(within, allow_not_found=True, recursive=True)):
        if each.type == FileType.File:
            yield ListedKey(each.path.removeprefix(f"{place.bucket}/"), each.size, each.mtime)
