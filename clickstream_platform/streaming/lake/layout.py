"""Which layout a lake has: how tables, checkpoints and what lies beside them are arranged on the disk.

``_layout.json`` of the lake says it. A lake without that file was made before there was one: its layout is the first.
A change of the layout is a higher :data:`VERSION` and a migration (:mod:`.migrations`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from clickstream_platform.errors import LayoutError
from clickstream_platform.files import write_whole
from clickstream_platform.streaming.lake.places import Lake

VERSION = 2  # what this program reads and writes
FIRST = 1
FILE = "_layout.json"


@dataclass(frozen=True)
class Layout:
    """What a lake says of itself.

    Attributes:
        version: of the layout.
        program: the version of this package that wrote it down.
        unfinished: the command that must be given again, because it was stopped while it changed the lake as a whole;
            empty as a rule.
        is_begun: whether there is a lake at all. A folder that is empty, or that has something else in it, is none.
    """

    version: int = FIRST
    program: str = ""
    unfinished: str = ""
    is_begun: bool = True


def layout_of(lake: Lake) -> Layout:
    """What the lake says; of one that is not there yet, the newest layout.

    Raises:
        LayoutError: the file is not as it was written.
    """
    path = lake.root / FILE
    try:
        fields = json.loads(path.read_text())
        return Layout(int(fields["version"]), str(fields.get("program", "")), str(fields.get("unfinished", "")))
    except FileNotFoundError:
        return Layout() if _has_tables(lake) else Layout(VERSION, is_begun=False)
    except (ValueError, KeyError, TypeError) as broken:
        remedy = "restore it from a backup, or delete it if no newer version of this program has used this lake"
        raise LayoutError(str(path), "it is not as it was written", remedy) from broken


def _has_tables(lake: Lake) -> bool:
    return (lake.root / "_checkpoints").is_dir() or bool(lake.names())


def require_layout(lake: Lake, finishing: str = "") -> Layout:
    """The layout of a lake that this program may use. Costs the read of one small file.

    Args:
        lake: the lake.
        finishing: the command that is given: what it has not finished does not keep it from going on.

    Raises:
        LayoutError: the layout is newer than this program, or a command must be given again before any other.
    """
    layout = layout_of(lake)
    if layout.version > VERSION:
        by = f" by clickstream {layout.program}" if layout.program else ""
        finding = f"it has layout {layout.version}, brought to it{by}"
        finding += f"; this program, {program_version()}, knows layout {VERSION}"
        remedy = "update this program, or restore a backup that was made before the lake was updated"
        raise LayoutError(str(lake.root), finding, remedy)
    if layout.unfinished and layout.unfinished != finishing:
        finding = f"`clickstream {layout.unfinished}` was stopped in its middle"
        raise LayoutError(str(lake.root), finding, "give that command again: it goes on from there")
    return layout


def write_layout(lake: Lake, layout: Layout) -> None:
    """Write the layout file, whole or not at all, with this program's version."""
    fields: dict[str, int | str] = {"version": layout.version, "program": program_version()}
    if layout.unfinished:
        fields["unfinished"] = layout.unfinished
    write_whole(lake.root / FILE, json.dumps(fields) + "\n")


def program_version() -> str:
    """The version of this package; a word, if it was never installed."""
    try:
        return version("clickstream-platform")
    except PackageNotFoundError:
        return "not installed"
