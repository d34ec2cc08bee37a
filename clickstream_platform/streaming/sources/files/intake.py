"""How far a checkpoint has come in a folder: which files its manifests name, and which of these a batch has read.

The manifests lie in the checkpoint. Spark reads them as its source, and its own log (:mod:`.spark_log`) says which of
them are in which batch. A checkpoint of before there were manifests is taken over.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import PurePath

from clickstream_platform.errors import CheckpointError
from clickstream_platform.files import write_whole
from clickstream_platform.store.place import Place, ensure_folder, is_on_store
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.sources.files.known_files import (
    KnownFiles,
    keep_index,
    prune,
    read_known_files,
    write_first_index,
    write_index,
)
from clickstream_platform.streaming.sources.files.listing_result import Listing
from clickstream_platform.streaming.sources.files.manifest import (
    FOLDER,
    Manifest,
    PlannedFile,
    manifest_path,
    read_manifest,
    write_manifest,
)
from clickstream_platform.streaming.sources.files.spark_log import SparkLog

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

    def make_folder(self) -> None:
        """Let the folder be there, though no manifest is: Spark wants one."""
        ensure_folder(self.folder)

    @property
    def _log(self) -> SparkLog:
        return SparkLog(self.checkpoint)

    def known_files(self, source: Place) -> KnownFiles:
        """The files that manifests name. Of a checkpoint that has none yet, those that Spark has planned itself.

        Raises:
            CheckpointError: a manifest is missing or broken.
        """
        if self.folder.is_dir():
            return read_known_files(self.folder)
        return KnownFiles(sizes=dict.fromkeys(self._names_by_spark(source), -1))

    def uncommitted(self, source: Place) -> set[str]:
        """The files, as partitions, that are planned and that no committed batch has read."""
        committed = self._log.end_of(self.checkpoint.committed())
        if self.folder.is_dir():
            return {entry.partition for entry in self._planned_after(committed)}
        return {self._partition(path, source) for taken_by, path in self._log.files() if taken_by > committed}

    def untaken_bytes(self) -> int:
        """Bytes of the files of manifests that Spark has put into no batch yet."""
        return sum(entry.size for entry in self._planned_after(self._log.end_of(self.checkpoint.planned())))

    def _planned_after(self, taken_by: int) -> list[PlannedFile]:
        """The files of all manifests after those that an entry of Spark's log, or one before it, has taken."""
        done, newest = self._log.newest_manifest(taken_by), read_known_files(self.folder).number
        return [entry for number in range(done + 1, newest + 1) for entry in read_manifest(self.folder, number).entries]

    def batch(self, batch_id: int) -> list[PlannedFile]:
        """The files of a planned batch; none if it is not planned, or was cleaned up since."""
        of_batch = self._log.of_batch(batch_id)
        numbers = sorted(manifest for taken_by, manifest in self._log.manifests() if taken_by in of_batch)
        return [entry for number in numbers for entry in read_manifest(self.folder, number).entries]

    def write(self, manifests: list[Manifest], source: Place) -> None:
        """Write new manifests down, and the index if it is time."""
        for manifest in manifests:
            write_manifest(self.folder, manifest.number, manifest.tasks(source, TASKS))
        if manifests and keep_index(self.folder, manifests[-1].number):
            prune(self.folder, self._log.newest_manifest(self._log.end_of(self.checkpoint.committed())))

    def skipped(self) -> dict[str, str]:
        """The files that a person has said to go on without, with the reason that is booked."""
        file = self.folder / SKIPPED
        return json.loads(file.read_text()) if file.exists() else {}

    def skip(self, partition: str, reason: str) -> None:
        """Write down that a file is not to be read, and why."""
        write_whole(self.folder / SKIPPED, json.dumps(self.skipped() | {partition: reason}))

    def rebase(self) -> None:
        """Let Spark's log name the manifests where they lie now: the home may have been copied or moved."""
        self._log.move_manifests(self.folder)

    def rename_source(self, was: Place, now: Place) -> None:
        """Let Spark's log name the files that it planned itself where the landing folder lies now."""

        def moved(path: Place) -> Place:
            if is_on_store(path) or not path.is_relative_to(str(was)):
                return path
            return now / path.relative_to(str(was))

        self._log.move_files(moved)

    def retag(self, listing: Listing, source: Place) -> None:
        """Go by what tells the states of files apart where they lie now."""
        all_known = self.known_files(source)
        tags = {file.partition: file.tag for file in listing.files if file.tag and file.partition in all_known.sizes}
        if tags != all_known.tags:
            write_index(self.folder, replace(all_known, tags=tags))

    def has_files_in_log(self) -> bool:
        """Whether Spark has planned files itself, before there were manifests."""
        return any(True for _ in self._log.files())

    @property
    def is_taken_over(self) -> bool:
        """Whether the checkpoint has manifests, or an index of files that were read before there were any."""
        return any(self.folder.glob("_known-*")) if self.has_files_in_log() else True

    def planned_by_spark(self, source: Place) -> dict[int, list[str]]:
        """The files that Spark planned itself, before there were manifests, by the number in its log."""
        planned: dict[int, list[str]] = {}
        for taken_by, path in self._log.files():
            planned.setdefault(taken_by, []).append(self._partition(path, source))
        return planned

    def interrupted(self, source: Place) -> list[str]:
        """The files, as partitions, of a batch that Spark has planned itself and not committed."""
        planned = self.checkpoint.planned()
        if planned <= self.checkpoint.committed():
            return []
        of_batch = self._log.of_batch(planned)
        return [self._partition(path, source) for taken_by, path in self._log.files() if taken_by in of_batch]

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
                write_manifest(self.folder, 1, Manifest(1, tuple(planned)).tasks(source, TASKS))
            self._log.replace(self._log.end_of(self.checkpoint.planned()), path)
        write_first_index(self.folder, dict.fromkeys(names, -1))  # last: from here on it has manifests

    def _names_by_spark(self, source: Place) -> list[str]:
        return [name for names in self.planned_by_spark(source).values() for name in names]

    def _partition(self, path: Place, source: Place) -> str:
        try:
            return str(PurePath(str(path)).relative_to(PurePath(str(source))))
        except ValueError as elsewhere:
            finding = f"it was read from another folder: {path}"
            raise CheckpointError(self.checkpoint.table, finding, "set CLICKSTREAM_SOURCE back") from elsewhere
