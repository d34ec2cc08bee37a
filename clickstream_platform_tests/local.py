"""Lakes of tests are folders, but for those that say that they are on a store."""

from __future__ import annotations

from pathlib import Path

from clickstream_platform.store.place import Place


def local(place: Place) -> Path:
    """A place as the path that it is."""
    assert isinstance(place, Path)
    return place
