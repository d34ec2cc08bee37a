"""An object on a store that several processes change: fetched, changed, put back if nobody else has meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from clickstream_platform.store.place import StorePath

ATTEMPTS = 50  # each fails only because another one has changed it
T = TypeVar("T")


class ContendedError(OSError):
    """Others have changed an object each time that this process wanted to."""


def update_object(path: StorePath, to: Callable[[bytes | None], tuple[bytes | None, T]]) -> T:
    """Change an object of which nobody knows who else changes it.

    Args:
        path: the object.
        to: gives what is to be there instead of what is there now, None where there is nothing; None, or the same, to
            leave it. And what the caller wants to have. Called again if another process was faster.

    Returns:
        What the call that counted gave.

    Raises:
        ContendedError: another process was faster each time.
    """
    for _ in range(ATTEMPTS):
        content, tag = path.read_with_tag() or (None, None)
        changed, given = to(content)
        if changed is None or changed == content or path.write_if(tag, changed) is not None:
            return given
    finding = f"others change {path} all the time"
    raise ContendedError(finding)
