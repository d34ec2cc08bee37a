"""Spark's own log of a source of files: which files it has put into which batch.

It lies in the checkpoint, one file an entry, and names every file by its whole path. Every ten entries Spark writes
one that holds all before it. The files are manifests; a checkpoint of before there were manifests names the files that
landed, as Spark planned these itself then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from clickstream_platform.errors import CheckpointError
from clickstream_platform.files import write_whole
from clickstream_platform.source_list import ANOTHER_SOURCE
from clickstream_platform.store.place import Place, modified_ms, place_from_url
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.sources.files.manifest import FOLDER

_COMPACTED = ".compact"


@dataclass(frozen=True)
class SparkLog:
    """The log of one checkpoint. An entry has a number, which is the offset of the batch that it ends."""

    checkpoint: Checkpoint

    def end_of(self, batch_id: int) -> int:
        """The newest entry of a planned batch; -1 before there is anything.

        Raises:
            CheckpointError: the batch is one of topics.
        """
        plan = self.checkpoint.plan(batch_id) if batch_id >= 0 else None
        if plan is None or plan.end is None:
            return -1
        if "logOffset" not in plan.end:
            raise self._of_topics()
        return plan.end["logOffset"]

    def of_batch(self, batch_id: int) -> range:
        """The numbers of the entries of a planned batch; none if it is not planned, or was cleaned up since."""
        return range(self.end_of(batch_id - 1) + 1, self.end_of(batch_id) + 1)

    def manifests(self) -> Iterator[tuple[int, int]]:
        """The manifests that Spark has taken: the number of the entry, and that of the manifest."""
        return ((entry, int(path.stem)) for entry, path in self._entries() if self._is_manifest(path))

    def files(self) -> Iterator[tuple[int, Place]]:
        """The files that Spark has planned itself: the number of the entry, and the file."""
        return ((entry, path) for entry, path in self._entries() if not self._is_manifest(path))

    def newest_manifest(self, entry: int) -> int:
        """The newest manifest in the entries up to one; 0 if there is none."""
        return max((manifest for taken_by, manifest in self.manifests() if taken_by <= entry), default=0)

    def move_manifests(self, folder: Place) -> None:
        """Name the manifests by where they lie now."""
        self._rename(lambda path: folder / path.name if self._is_manifest(path) else path)

    def move_files(self, moved: Callable[[Place], Place]) -> None:
        """Name the files that Spark has planned itself by where they lie now."""
        self._rename(lambda path: path if self._is_manifest(path) else moved(path))

    def replace(self, entry: int, manifest: Place) -> None:
        """Let Spark read a manifest in place of the files that it names, in the newest entry."""
        file = next(f for name in (str(entry), f"{entry}{_COMPACTED}") if (f := self._folder / name).exists())
        head, *lines = file.read_text().splitlines()
        before = [line for line in lines if json.loads(line)["batchId"] != entry]
        added = {"path": manifest.as_uri(), "timestamp": modified_ms(manifest), "batchId": entry}
        _rewrite(file, [head, *before, _line(added)])

    @property
    def _folder(self) -> Place:
        return self.checkpoint.path / "sources" / "0"

    def _entries(self) -> Iterator[tuple[int, Place]]:
        names = [file.name for file in self._folder.iterdir()] if self._folder.is_dir() else []
        compacted = max((int(n.removesuffix(_COMPACTED)) for n in names if n.endswith(_COMPACTED)), default=-1)
        wanted = [str(n) for n in sorted(int(name) for name in names if name.isdigit()) if n > compacted]
        for name in [*([f"{compacted}{_COMPACTED}"] if compacted >= 0 else []), *wanted]:
            for line in (self._folder / name).read_text().splitlines()[1:]:
                entry: dict[str, Any] = json.loads(line)
                if "batchId" not in entry:
                    raise self._of_topics()
                yield entry["batchId"], self._path(entry)

    def _path(self, entry: dict[str, Any]) -> Place:
        """The file of an entry; what has none, as topics have, is no entry of a file."""
        return place_from_url(entry.get("path", ""), self.checkpoint.path)

    def _is_manifest(self, path: Place) -> bool:
        """By the ends of its path: the lake may have lain elsewhere."""
        return path.parent.name == FOLDER and path.parent.parent.name == self.checkpoint.path.name

    def _of_topics(self) -> CheckpointError:
        return CheckpointError(self.checkpoint.table, "it was read from Kafka, not from files", ANOTHER_SOURCE)

    def _rename(self, renamed: Callable[[Place], Place]) -> None:
        for file in self._folder.iterdir() if self._folder.is_dir() else ():
            if file.name.isdigit() or file.name.endswith(_COMPACTED):
                head, *lines = file.read_text().splitlines()
                moved = [self._renamed(line, renamed) for line in lines]
                if moved != lines:
                    _rewrite(file, [head, *moved])

    def _renamed(self, line: str, renamed: Callable[[Place], Place]) -> str:
        entry: dict[str, Any] = json.loads(line)
        path = self._path(entry)
        return line if (now := renamed(path)) == path else _line({**entry, "path": now.as_uri()})


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry, separators=(",", ":"))


def _rewrite(file: Place, lines: list[str]) -> None:
    file.with_name(f".{file.name}.crc").unlink(missing_ok=True)  # a checksum of what is no longer in it
    write_whole(file, "\n".join(lines))
