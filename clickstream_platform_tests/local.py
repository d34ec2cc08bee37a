"""Lakes of tests are folders, but for those that say that they are on a store."""

from __future__ import annotations

from pathlib import Path

from clickstream_platform.store.place import Place
from clickstream_platform_tests.on_store import needs_a_folder


def local(place: Place) -> Path:
    """A place as the path that it is. Skips the test if lakes are on a store."""
    if not isinstance(place, Path):
        needs_a_folder("it looks at files there, or changes them, as no program does on a store")
    assert isinstance(place, Path)
    return place
