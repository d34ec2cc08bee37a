"""Whether a store keeps the two promises that everything here stands on."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import NoReturn

from clickstream_platform.errors import SetupError
from clickstream_platform.store.place import StorePath

WRITERS = 6  # at each of two objects: a store may let who has to wait try again only once a second


def require_conditional_put(place: StorePath) -> None:
    """Ask for what must be refused, then let writers race: for one object where nothing is, for another's next state.

    Leaves nothing behind. A store that looks at a condition and writes later may pass by chance; one that does not look
    at all cannot.

    Raises:
        SetupError: more than one, or none, was told that it had won; or what one of the others wrote is there.
        UnreachableError: the store does not answer.
    """
    absent, there = (place / f"_proof-{uuid.uuid4().hex}" for _ in range(2))
    try:
        stale = _one_by_one(place, there)
        stands = there.tagged()
        assert stands is not None
        _require_one(place, [stale], stands)
        won = _race({absent: None, there: stands[1]})
        for file, winners in won.items():
            _require_one(place, winners, file.tagged())
    finally:
        absent.unlink()
        there.unlink()


def _one_by_one(place: StorePath, file: StorePath) -> bytes:
    """Put an object, and another state of it, and be refused with the conditions of before. What is to be there."""
    first, second, refused = (uuid.uuid4().hex.encode() for _ in range(3))
    tag = file.write_if(None, first)
    told = [tag, file.write_if(None, refused)]
    told += [file.write_if(tag, second), file.write_if(tag, refused)] if tag else []
    if [answer is not None for answer in told] != [True, False, True, False]:
        _refuse(place, f"{sum(answer is not None for answer in told)} of 4 writers, of which it may let 2,")
    return second


def _race(states: dict[StorePath, str | None]) -> dict[StorePath, list[bytes]]:
    """What those have written at each object who were told that they had won. Each has its tag as it is now."""
    together = Barrier(WRITERS * len(states))

    def write(file: StorePath) -> bytes | None:
        content = uuid.uuid4().hex.encode()
        together.wait()
        return content if file.write_if(states[file], content) is not None else None

    writers = [*states] * WRITERS
    with ThreadPoolExecutor(len(writers)) as threads:
        wrote = [*zip(writers, threads.map(write, writers), strict=True)]
    return {file: [content for at, content in wrote if at == file and content] for file in states}


def _require_one(place: StorePath, won: list[bytes], stands: tuple[bytes, str] | None) -> None:
    if len(won) != 1 or not stands or stands[0] != won[0]:
        _refuse(place, f"{len(won)} of {WRITERS} writers of one object")


def _refuse(place: StorePath, whom: str) -> NoReturn:
    finding = f"{place.access.named} told {whom} that theirs is there"
    remedy = "take a store whose PUT heeds If-None-Match and If-Match, as Amazon S3's does: runs would undo each other"
    raise SetupError(str(place), finding, remedy)
