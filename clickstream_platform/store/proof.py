"""Whether a store is there, and honours conditional PUTs (If-None-Match, If-Match): leases and commits depend on it."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from clickstream_platform.errors import SetupError
from clickstream_platform.store.access import bucket_client
from clickstream_platform.store.place import StorePath
from clickstream_platform.store.refusals import translate_store_errors

WRITERS = 4  # at each of two objects: a store may let those who have to wait try again only once a second each
MANY = 10  # where nobody waits for it


def require_store(place: StorePath) -> None:
    """Check that the store answers, accepts this user and has the bucket. Takes seconds at most.

    Raises:
        SetupError, UnreachableError: it does not.
    """
    with translate_store_errors(place) as obs:
        store = bucket_client(place.bucket, place.access, is_patient=False)
        next(iter(obs.list(store, place.key_prefix, chunk_size=1)), None)


def require_conditional_put(place: StorePath, writers: int = WRITERS) -> None:
    """Ask for what must be refused, then let writers race: for one object where nothing is, for another's next state.

    Leaves nothing behind. A store that looks at a condition first and writes later may pass by chance; one that does
    not look at all cannot.

    Args:
        place: where.
        writers: how many race for each of the two.

    Raises:
        SetupError: more than one, or none, was told that it had won; or what one of the others wrote is there.
        UnreachableError: the store does not answer.
    """
    absent, there = (place / f"_proof-{uuid.uuid4().hex}" for _ in range(2))
    try:
        expected, stands = _put_in_turn(place, there), there.read_with_tag()
        if stands is None or stands[0] != expected:
            raise _refusal(place, "each of two writers, one after another,")
        for file, won in _race({absent: None, there: stands[1]}, writers).items():
            if len(won) != 1 or file.read_bytes() != won[0]:
                raise _refusal(place, f"{len(won)} of {writers} writers of one object")
    finally:
        absent.unlink()
        there.unlink()


def _put_in_turn(place: StorePath, file: StorePath) -> bytes:
    """Put an object and replace it; each put with an outdated condition must be refused. Returns the last content."""
    first, second, refused = (uuid.uuid4().hex.encode() for _ in range(3))
    tag = file.write_if(None, first)
    tags = [tag, file.write_if(None, refused)]
    tags += [file.write_if(tag, second), file.write_if(tag, refused)] if tag else []
    if [answer is not None for answer in tags] != [True, False, True, False]:
        raise _refusal(place, f"{sum(answer is not None for answer in tags)} of 4 writers, of which it may let 2,")
    return second


def _race(states: dict[StorePath, str | None], count: int) -> dict[StorePath, list[bytes]]:
    """Let ``count`` writers race for each object, on condition of its tag (None: that it is not there).

    Returns:
        By object, what those wrote who were told that they had won.
    """
    writers = [*states] * count
    together = Barrier(len(writers))

    def write(file: StorePath) -> bytes | None:
        content = uuid.uuid4().hex.encode()
        together.wait()
        return content if file.write_if(states[file], content) is not None else None

    with ThreadPoolExecutor(len(writers)) as threads:
        wrote = [*zip(writers, threads.map(write, writers), strict=True)]
    return {file: [content for at, content in wrote if at == file and content] for file in states}


def _refusal(place: StorePath, whom: str) -> SetupError:
    finding = f"{place.access.display_name} told {whom} that theirs is there"
    remedy = "take a store whose PUT heeds If-None-Match and If-Match, as Amazon S3's does: runs would undo each other"
    return SetupError(str(place), finding, remedy)
