"""The lake: where each table and its checkpoints lie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from clickstream_platform.source_list import MAIN
from clickstream_platform.store.place import Place
from clickstream_platform.streaming.lake.tables import LakeTable


@dataclass(frozen=True)
class Lake:
    """A folder of Delta tables, with their checkpoints under ``_checkpoints/<table>/<generation>/``.

    ``events`` has one for each source: those of a source that is not ``main`` lie in a folder of its name in between.
    """

    root: Place

    def names(self) -> list[str]:
        """The tables that are there, in alphabetical order. A folder that begins with ``_`` or ``.`` is none."""
        folders = self.root.iterdir() if self.root.is_dir() else ()
        named = (path for path in folders if path.name[0] not in "_." and path.is_dir())
        return sorted(path.name for path in named if self.table(path.name).exists)

    def existing(self, names: Iterable[str]) -> list[str]:
        """Which of some tables exist, by name, in the order given."""
        return [name for name in names if self.table(name).exists]

    def table(self, name: str) -> LakeTable:
        """The Delta table of that name."""
        return LakeTable(self.root / name)

    def checkpoints(self, name: str, source: str = MAIN) -> Place:
        """The folder of all generations of a table, or of what it reads of one source."""
        folder = self.root / "_checkpoints" / name
        return folder if source == MAIN else folder / source

    @cached_property
    def events(self) -> LakeTable:
        """The table that every other one reads."""
        return self.table("events")

    @cached_property
    def copies(self) -> LakeTable:
        """What ``events`` has left out and remembers; there only where an ``event_id`` alone makes a copy."""
        return self.table("copies")
