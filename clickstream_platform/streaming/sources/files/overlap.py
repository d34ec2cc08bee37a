"""Whether two landing folders have files in common: those would be read twice, each time under another name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from clickstream_platform.errors import SourceError
from clickstream_platform.streaming.sources.files.listing import list_folder


def folder_overlap(one: Path, other: Path, *, links: bool) -> str | None:
    """What two folders have in common, in words; None if nothing is found.

    Either may be a link, and neither need be there. Not found: a file that has several names of its own (hard links).

    Args:
        one: a folder.
        other: another.
        links: list both, and go by where the links in them lead to as well; one that cannot be listed has none.
    """
    of_one, of_other = _reachable_folders(one, links=links), _reachable_folders(other, links=links)
    for place, name in of_one.items():
        for above in (place, *place.parents):
            if above in of_other:
                return _describe_overlap(name, of_other[above], one, other)
    for place, name in of_other.items():
        for above in place.parents:
            if above in of_one:
                return _describe_overlap(of_one[above], name, one, other)
    return None


def _describe_overlap(name: Path, other_name: Path, one: Path, other: Path) -> str:
    if (name, other_name) != (one, other):  # a link in one of them
        return f"{name} and {other_name} lead to the same files"
    return f"{one} and {other} are the same folder" if _real(one) == _real(other) else f"{one} and {other} overlap"


def _reachable_folders(folder: Path, *, links: bool) -> dict[Path, Path]:
    """Where a folder really is, and what the links in it lead to; each with the path by which it is reached."""
    folders = {_real(folder): folder}
    for link in _links(folder) if links else ():
        folders.setdefault(_real(link), link)
    return folders


def _links(folder: Path) -> Iterator[Path]:
    try:
        names = list_folder(folder).links
    except SourceError:  # it is no folder, or not readable: whoever reads it says so
        return
    yield from (Path(os.fsdecode(os.fsencode(folder) + b"/" + name)) for name in names)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
