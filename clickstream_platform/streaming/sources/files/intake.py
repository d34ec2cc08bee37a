"""How far a checkpoint has come in a folder: which files its manifests name, and which of these a batch has read.

The manifests lie in the checkpoint. Spark reads them as its source, and its own log says which of them are in which
batch. A checkpoint of before there were manifests names the files themselves in that log: it is taken over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from clickstream_platform.errors import CheckpointError
from clickstream_platform.files import write_whole
from clickstream_platform.source_list import ANOTHER_SOURCE
from clickstream_platform.store.place import Place, changed_ms, is_on_store, made, place_of
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.sources.files.found import Listing
from clickstream_platform.streaming.sources.files.known import KnownFiles, adopt, keep_index, known, prune, write_index
from clickstream_platform.streaming.sources.files.manifest import Manifest, PlannedFile, manifest_path, read, write

FOLDER = "manifests"
SKIPPED = "_skipped.json"  # Spark passes over such names
TASKS = 8  # lines of a manifest, at most: as many tasks can read it


@dataclass(frozen=True)
class Intake:
    """The manifests of one checkpoint."""

    checkpoint: Checkpoint

    @property
    def folder(self) -> Place:
        """Where the manifests lie."""
        return self.checkpoint.path / FOLDER

    def known(self, source: Place) -> KnownFiles:
        """The files that manifests name. Of a checkpoint that has none yet, those that Spark has planned itself.

        Raises:
            CheckpointError: a manifest is missing or broken.
        """
        if self.folder.is_dir():
            return known(self.folder)
        return KnownFiles(sizes=dict.fromkeys(self._names_by_spark(source), -1))

    def uncommitted(self, source: Place) -> set[str]:
        """The files, as partitions, that are planned and that no committed batch has read."""
        committed = self._offset_of(self.checkpoint.committed())
        if self.folder.is_dir():
            done, newest = self._newest_taken(committed), known(self.folder).number
            return {e.partition for number in range(done + 1, newest + 1) for e in read(self.folder, number).entries}
        return {self._partition(path, source) for batch, path in self._log() if batch > committed}

    def planned_by_spark(self, source: Place) -> dict[int, list[str]]:
        """The files that Spark planned itself, before there were manifests, by the number in its log."""
        planned: dict[int, list[str]] = {}
        for number, path in self._log():
            if not self._is_manifest(path):
                planned.setdefault(number, []).append(self._partition(path, source))
        return planned

    def untaken_bytes(self) -> int:
        """Bytes of the files of manifests that Spark has put into no batch yet."""
        newest = known(self.folder).number
        taken = self._newest_taken(self._offset_of(self.checkpoint.planned()))
        return sum(e.size for number in range(taken + 1, newest + 1) for e in read(self.folder, number).entries)

    def write(self, manifests: list[Manifest], source: Place) -> None:
        """Write new manifests down, and the index if it is time."""
        for manifest in manifests:
            write(self.folder, manifest.number, manifest.tasks(source, TASKS))
        if manifests and keep_index(self.folder, manifests[-1].number):
            prune(self.folder, self._newest_taken(self._offset_of(self.checkpoint.committed())))

    def batch(self, batch_id: int) -> list[PlannedFile]:
        """The files of a planned batch; none if it is not planned, or was cleaned up since."""
        first, last = self._offset_of(batch_id - 1) + 1, self._offset_of(batch_id)
        numbers = [int(path.stem) for batch, path in self._log() if first <= batch <= last and self._is_manifest(path)]
        return [entry for number in sorted(numbers) for entry in read(self.folder, number).entries]

    def skipped(self) -> dict[str, str]:
        """The files that a person has said to go on without, with the reason that is booked."""
        file = self.folder / SKIPPED
        return json.loads(file.read_text()) if file.exists() else {}

    def skip(self, partition: str, reason: str) -> None:
        """Write down that a file is not to be read, and why."""
        write_whole(self.folder / SKIPPED, json.dumps(self.skipped() | {partition: reason}))

    def take_over(self, source: Place, planned: list[PlannedFile]) -> None:
        """Go on from a checkpoint without manifests. Killed anywhere, the next call does the rest.

        Args:
            source: the folder.
            planned: the files of a batch that Spark has planned and not committed; none if there is no such batch.
        """
        names = self._names_by_spark(source)
        if planned:
            path = manifest_path(self.folder, 1)
            if not path.exists():
                write(self.folder, 1, Manifest(1, tuple(planned)).tasks(source, TASKS))
            self._replace_in_log(self._offset_of(self.checkpoint.planned()), path)
        adopt(self.folder, dict.fromkeys(names, -1))  # last: from here on it has manifests

    @property
    def is_taken_over(self) -> bool:
        """Whether it has manifests, or an index of files that were read before there were any."""
        return any(self.folder.glob("_known-*")) if self.has_files_in_log() else True

    def rebase(self) -> None:
        """Let Spark's log name the manifests where they lie now: the home may have been copied or moved."""
        self._rename_in_log(lambda path: self.folder / path.name if self._is_manifest(path) else path)

    def follow(self, was: Place, now: Place) -> None:
        """Let Spark's log name the files that it planned itself where the landing folder lies now."""

        def elsewhere(path: Place) -> Place:
            if self._is_manifest(path) or is_on_store(path) or not path.is_relative_to(str(was)):
                return path
            return now / path.relative_to(str(was))

        self._rename_in_log(elsewhere)

    def retag(self, listing: Listing, source: Place) -> None:
        """Go by what tells the states of files apart where they lie now."""
        all_known = self.known(source)
        tags = {file.partition: file.tag for file in listing.files if file.tag and file.partition in all_known.sizes}
        if tags != all_known.tags:
            write_index(self.folder, replace(all_known, tags=tags))

    def _rename_in_log(self, renamed: Callable[[Place], Place]) -> None:
        folder = self._spark_log
        for file in folder.iterdir() if folder.is_dir() else ():
            if file.name.isdigit() or file.name.endswith(".compact"):
                head, *lines = file.read_text().splitlines()
                moved = [self._renamed(line, renamed) for line in lines]
                if moved != lines:
                    self._rewrite(file, [head, *moved])

    def _renamed(self, line: str, renamed: Callable[[Place], Place]) -> str:
        entry: dict[str, Any] = json.loads(line)
        path = self._path(entry)
        if (now := renamed(path)) == path:
            return line
        return json.dumps({**entry, "path": now.as_uri()}, separators=(",", ":"))

    def interrupted(self, source: Place) -> list[str]:
        """The files, as partitions, of a batch that Spark has planned itself and not committed."""
        planned, committed = self.checkpoint.planned(), self.checkpoint.committed()
        if planned <= committed:
            return []
        last = self._offset_of(planned)
        first = self._offset_of(planned - 1) + 1
        return [self._partition(path, source) for batch, path in self._log() if first <= batch <= last]

    def _names_by_spark(self, source: Place) -> list[str]:
        return [name for names in self.planned_by_spark(source).values() for name in names]

    def _partition(self, path: Place, source: Place) -> str:
        try:
            return str(PurePath(str(path)).relative_to(PurePath(str(source))))
        except ValueError as elsewhere:
            finding = f"it was read from another folder: {path}"
            raise CheckpointError(self.checkpoint.table, finding, "set CLICKSTREAM_SOURCE back") from elsewhere

    def _is_manifest(self, path: Place) -> bool:
        return path.parent.name == FOLDER and path.parent.parent.name == self.checkpoint.path.name

    def has_files_in_log(self) -> bool:
        """Whether Spark has planned files itself, before there were manifests."""
        return any(not self._is_manifest(path) for _, path in self._log())

    def _newest_taken(self, offset: int) -> int:
        """The newest manifest in the batches up to an offset of Spark's log; 0 if there is none."""
        return max((int(p.stem) for batch, p in self._log() if batch <= offset and self._is_manifest(p)), default=0)

    def _offset_of(self, batch_id: int) -> int:
        """Where a batch ends in Spark's log of its source; -1 before there is anything."""
        plan = self.checkpoint.plan(batch_id) if batch_id >= 0 else None
        if plan is None or plan.end is None:
            return -1
        if "logOffset" not in plan.end:
            raise self._of_topics()
        return plan.end["logOffset"]

    def _of_topics(self) -> CheckpointError:
        return CheckpointError(self.checkpoint.table, "it was read from Kafka, not from files", ANOTHER_SOURCE)

    def _path(self, entry: dict[str, Any]) -> Place:
        """The file of an entry of Spark's log; what has none, as topics have, is no entry of a file.

        Of a lake that lay elsewhere, a manifest is known by the ends of its path.
        """
        return place_of(entry.get("path", ""), self.checkpoint.path)

    def make_folder(self) -> None:
        """Let the folder be there, though no manifest is: Spark wants one."""
        made(self.folder)

    @property
    def _spark_log(self) -> Place:
        return self.checkpoint.path / "sources" / "0"

    def _log(self) -> Iterator[tuple[int, Place]]:
        """What Spark has taken: the number in its log, and the file. The log is compacted every ten entries."""
        folder = self._spark_log
        names = [file.name for file in folder.iterdir()] if folder.is_dir() else []
        compacted = max((int(n.removesuffix(".compact")) for n in names if n.endswith(".compact")), default=-1)
        wanted = [str(n) for n in sorted(int(name) for name in names if name.isdigit()) if n > compacted]
        for name in [*([f"{compacted}.compact"] if compacted >= 0 else []), *wanted]:
            for line in (folder / name).read_text().splitlines()[1:]:
                entry: dict[str, Any] = json.loads(line)
                if "batchId" not in entry:
                    raise self._of_topics()
                yield entry["batchId"], self._path(entry)

    def _replace_in_log(self, offset: int, manifest: Place) -> None:
        """Let Spark read a manifest in place of the files that it names, in the newest entry of its log."""
        file = next(f for name in (str(offset), f"{offset}.compact") if (f := self._spark_log / name).exists())
        head, *lines = file.read_text().splitlines()
        before = [line for line in lines if json.loads(line)["batchId"] != offset]
        milliseconds = changed_ms(manifest)
        entry = {"path": manifest.as_uri(), "timestamp": milliseconds, "batchId": offset}
        self._rewrite(file, [head, *before, json.dumps(entry, separators=(",", ":"))])

    @staticmethod
    def _rewrite(file: Place, lines: list[str]) -> None:
        file.with_name(f".{file.name}.crc").unlink(missing_ok=True)  # a checksum of what is no longer in it
        write_whole(file, "\n".join(lines))
