"""Whether a store keeps the two promises that everything here stands on."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from clickstream_platform.errors import SetupError
from clickstream_platform.store.place import StorePath

WRITERS = 20


def require_conditional_put(place: StorePath) -> None:
    """Let writers race for one object, twice: where nothing is, and for its next state. Leaves nothing behind.

    Raises:
        SetupError: more than one, or none, was told that it had won; or what one of the others wrote is there.
        UnreachableError: the store does not answer.
    """
    file = place / f"_proof-{uuid.uuid4().hex}"
    try:
        first = _race(file, None)
        stands = file.tagged()
        _require_one(place, first, stands)
        assert stands is not None
        _require_one(place, _race(file, stands[1]), file.tagged())
    finally:
        file.unlink()


def _race(file: StorePath, tag: str | None) -> list[bytes]:
    """What those have written who were told that they had won."""
    together = Barrier(WRITERS)

    def write(_: int) -> bytes | None:
        content = uuid.uuid4().hex.encode()
        together.wait()
        return content if file.write_if(tag, content) is not None else None

    with ThreadPoolExecutor(WRITERS) as threads:
        return [won for won in threads.map(write, range(WRITERS)) if won]


def _require_one(place: StorePath, won: list[bytes], stands: tuple[bytes, str] | None) -> None:
    if len(won) == 1 and stands and stands[0] == won[0]:
        return
    finding = f"{place.access.named} told {len(won)} of {WRITERS} writers of one object that theirs is there"
    remedy = "take a store whose PUT heeds If-None-Match and If-Match, as Amazon S3's does: runs would undo each other"
    raise SetupError(str(place), finding, remedy)
