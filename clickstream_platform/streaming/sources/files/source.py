"""A landing folder as a source."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from clickstream_platform.errors import SourceError
from clickstream_platform.events.schema import RAW
from clickstream_platform.source_list import MAIN, origin
from clickstream_platform.store.place import Place
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.lake.entry import Account, Entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.sources.envelope_count import Envelopes
from clickstream_platform.streaming.sources.files.accounting import account
from clickstream_platform.streaming.sources.files.intake import Intake
from clickstream_platform.streaming.sources.files.known_files import replaced_files, resized_files, unread_files
from clickstream_platform.streaming.sources.files.landing import FILES, Landing, landing_at, place_read
from clickstream_platform.streaming.sources.files.listing_result import Listing
from clickstream_platform.streaming.sources.files.manifest import (
    Manifest,
    PlannedFile,
    arrival_us,
    plan_manifests,
    task_from_line,
)
from clickstream_platform.streaming.sources.files.recount import Plans, recount_files
from clickstream_platform.streaming.sources.files.tapping import feed_manifests
from clickstream_platform.streaming.sources.recount import Recount
from clickstream_platform.streaming.sources.source import Lag, PartRead, RecordSource, StagedRecords

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class FileSource:
    """A folder in which files of records land, of any format that is read, plain or compressed, at any depth.

    Producers write under a name that begins with ``_`` or ``.`` and rename into place: such names are ignored, and a
    path is read once. A record's partition is its file's path within the folder, its offset what the format says: of
    JSON lines the line number, from 0; a blank line is no record.

    Attributes:
        folder: where they land: a folder, or a place on a store.
        max_bytes_per_trigger: of the files of one batch; a larger file has a batch of its own.
        max_record_bytes: a longer record is given by its beginning.
        source_name: what the settings call it.
        format: how texts in it are read: ``auto``, ``lines``, ``json``, ``csv`` or ``tsv`` (docs/formats.md).
        skipped: files that a person has said to go on without, with the reason; known once a run was let begin.
        goes_on: whether the query does not end, so that files are planned while it runs; known likewise.
        must_be_there: whether it is an error that the folder is not there. If not, a run makes it.
    """

    folder: Place
    max_bytes_per_trigger: int = 128_000_000
    max_record_bytes: int = 1_000_000
    source_name: str = MAIN
    format: str = "auto"
    skipped: Mapping[str, str] = field(default_factory=dict[str, str], compare=False, repr=False)
    goes_on: bool = field(default=False, compare=False, repr=False)
    must_be_there: bool = field(default=False, compare=False, repr=False)

    is_table: ClassVar[bool] = False
    on_console: ClassVar[str] = "files to the console"
    comes_in_batches: ClassVar[bool] = True
    label: ClassVar[str] = "json"

    def __str__(self) -> str:
        """What is processed, in words."""
        return f"files in {self.folder} that no batch has read yet"

    @property
    def landing(self) -> Landing:
        """The place, as what files land in."""
        return landing_at(self.folder)

    @property
    def identity(self) -> str:
        """The folder."""
        return f"{FILES}{self.folder}"

    address = identity

    @property
    def asset(self) -> tuple[str, ...]:
        """One asset, whatever the folder; of several sources, one a name."""
        return ("landing",) if self.source_name == MAIN else ("landing", self.source_name)

    def follow(self, checkpoint: Checkpoint) -> None:
        """Let a checkpoint that was made for another folder, which is shown to be the same, name files in this one."""
        intake = Intake(checkpoint)
        if was := place_read(self.landing, checkpoint):
            intake.rename_source(was, self.folder)
        intake.retag(self.landing.list_files(), self.folder)

    def overlap_with(self, other: RecordSource, *, asking: bool) -> str | None:
        """A folder that both are, or lie in, or that links in them lead to."""
        if not isinstance(other, FileSource):
            return None
        return self.landing.overlap_with(other.folder, links=asking)

    def overlap_with_checkpoint(self, other: Checkpoint) -> str | None:
        """What this folder has in common with the one that the checkpoint was made for, in words."""
        was = place_read(self.landing, other)
        return was and self.landing.overlap_with(was, links=True)

    @property
    def read_by_tasks(self) -> tuple[Place, ...]:
        """The folder."""
        return (self.folder,)

    @property
    def how_to_fill(self) -> str:
        """Where to put files."""
        return (
            f"nothing has landed in {self.folder} yet: put files of events there, make some with"
            " `clickstream simulate`, or set CLICKSTREAM_SOURCE to another folder or to a topic"
        )

    def describe_availability(self, *, is_named: bool) -> str:
        """Whether the folder is there, and can be read."""
        return self.landing.describe_availability(is_named=is_named)

    def partitions(self) -> int:
        """0: files come in micro-batches."""
        return 0

    def require_there(self, reader: str, lake: Lake) -> None:
        """A folder that is not there yet is made, or refused later."""

    def one_of_several(self) -> FileSource:
        """This source as one of a list: if its folder has vanished, it is not made again as if it was new."""
        return replace(self, must_be_there=True)

    def _listed_whole(self, *, is_patient: bool = True) -> Listing:
        if self.must_be_there and self.landing.is_lost:
            remedy = "make it or bring it back, or leave it out of CLICKSTREAM_SOURCE: what was read of it stays"
            raise SourceError(str(self.folder), f"the folder of the source {self.source_name!r} is not there", remedy)
        return self.landing.list_files(is_patient=is_patient)

    def unread(self, checkpoint: Checkpoint, lake: Lake) -> Lag:
        """Files that no committed batch has read; and what lies there that none will read.

        Raises:
            CheckpointError: the checkpoint is that of a topic, or of another folder.
            SourceError: the folder is none, or cannot be listed.
        """
        listing, intake = self._listed_whole(is_patient=False), Intake(checkpoint)
        waiting, known = intake.uncommitted(self.folder), intake.known_files(self.folder)
        grown = [
            f"{name} had {before:,} bytes when it was read, and has {now:,}: what was changed in it is in no table"
            for name, (before, now) in resized_files(listing, known).items()
        ]
        other = [
            f"{name} was replaced by another one of its size since it was read: what is in it now is in no table"
            for name in replaced_files(listing, known)
        ]
        new = unread_files(listing, known)
        size = sum(file.size for file in new) + sum(max(known.sizes.get(name, 0), 0) for name in waiting)
        return Lag(len(new) + len(waiting), "files", remarks=(*listing.remarks(), *grown, *other), bytes=size)

    def begin(self, checkpoint: Checkpoint, *, goes_on: bool = False) -> FileSource:
        """Let a run begin: take over a checkpoint of before there were manifests, and plan what is there."""
        if not self.must_be_there:
            self.landing.make()
        listing, intake = self._listed_whole(), Intake(checkpoint)
        if not intake.is_taken_over:
            intake.take_over(self.folder, [self._listed(each) for each in intake.interrupted(self.folder)])
        intake.rebase()
        intake.make_folder()
        if goes_on:
            self.plan(checkpoint)
        else:
            intake.write(self._unplanned(intake, listing), self.folder)
        return replace(self, skipped=intake.skipped(), goes_on=goes_on)

    def _listed(self, partition: str) -> PlannedFile:
        """A file that Spark has planned, as if it had been listed now; one that is gone as an empty one."""
        now_us, file = time.time_ns() // 1000, self.landing.file(partition)
        mtime_us = file.mtime_us if file else now_us
        return PlannedFile(partition, file.size if file else 0, mtime_us, arrival_us(mtime_us, now_us))

    def plan(self, checkpoint: Checkpoint) -> None:
        """Write manifests of what has come, as long as all that wait together are no more than a batch may have."""
        intake = Intake(checkpoint)
        waiting = intake.untaken_bytes()
        if waiting >= self.max_bytes_per_trigger:
            return
        for manifest in self._unplanned(intake, self._listed_whole()):
            size = sum(entry.size for entry in manifest.entries)
            if waiting and waiting + size > self.max_bytes_per_trigger:
                return
            intake.write([manifest], self.folder)
            waiting += size

    def _unplanned(self, intake: Intake, listing: Listing) -> list[Manifest]:
        known = intake.known_files(self.folder)
        files = unread_files(listing, known)
        now_us, number = time.time_ns() // 1000, known.number + 1
        return plan_manifests(files, now_us, number, self.max_bytes_per_trigger, declared=self.format)

    def read(self, spark: SparkSession, lake: Lake, checkpoint: Checkpoint) -> DataFrame:
        """The stream of the manifests' lines, each a task. A batch is a manifest, or what :meth:`plan` let wait."""
        from clickstream_platform.streaming.sources.files.shape import manifest_lines  # noqa: PLC0415 - Arrow

        return manifest_lines(spark, Intake(checkpoint).folder, manifests=_ALL if self.goes_on else 1)

    def records(self, read: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch | PartRead]:
        """The records of the files that the lines of manifests name, and what became of each file."""
        from clickstream_platform.streaming.sources.files.reading import read_task  # noqa: PLC0415 - only tasks read
        from clickstream_platform.streaming.sources.files.shape import with_source_columns  # noqa: PLC0415

        for lines in read:
            entries = [entry for line in lines["value"].to_pylist() for entry in task_from_line(line)]
            yield from self._refused(entries)
            there = [entry for entry in entries if entry.partition not in self.skipped]
            for each in read_task(self.folder, there, self.max_record_bytes):
                yield each if isinstance(each, PartRead) else with_source_columns(each, self.origin)

    @property
    def origin(self) -> str:
        """The first part of a record's name for ever: two folders may have a file of one name."""
        return origin("file", self.source_name)

    def _refused(self, entries: list[PlannedFile]) -> Iterator[PartRead]:
        for entry in entries:
            if reason := self.skipped.get(entry.partition):
                yield PartRead(entry.partition, entry.bytes, 0, reason)

    def account(self, checkpoint: Checkpoint, batch_id: int, staged: StagedRecords) -> Account:
        """Every file of the batch, with its bytes and records; those that could not be read to their end.

        Raises:
            SourceError: a file that a task did not see, or might not open, is one that this process can.
        """
        return account(self.landing, staged.parts)

    def recount(self, checkpoint: Checkpoint, entries: Callable[[], Iterable[Entry]], envelopes: Envelopes) -> Recount:
        """Count every file again. Raises a SourceError if there is no folder, or none that can be listed."""
        self.landing.require()
        intake = Intake(checkpoint)
        committed = intake.known_files(self.folder).sizes.keys() - intake.uncommitted(self.folder)
        plans = Plans(frozenset(committed), intake.planned_by_spark(self.folder))
        return recount_files(self.folder, plans, entries(), envelopes)

    def tap(self, spark: SparkSession, folder: Path, *, from_start: bool) -> DataFrame:
        """The records of files as they come, or of all that are there. What cannot be read is passed over.

        A thread looks for new files each second, until ``folder`` is gone.
        """
        from clickstream_platform.streaming.sources.files.shape import manifest_lines  # noqa: PLC0415 - Arrow

        there = None if from_start else self.landing.list_files()
        intake = feed_manifests(folder, there, self._write_new)
        return manifest_lines(spark, intake.folder, manifests=_ALL).mapInArrow(self._tapped, RAW.spark)

    def _write_new(self, intake: Intake) -> None:
        intake.write(self._unplanned(intake, self._listed_whole()), self.folder)

    def _tapped(self, read: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from clickstream_platform.streaming.sources.files.shape import raw_columns  # noqa: PLC0415 - only tasks read

        return raw_columns(each for each in self.records(read) if not isinstance(each, PartRead))

    def explain_failure(self, failure: Exception, checkpoint: Checkpoint) -> Exception:
        """What stopped the process while it read files names them, and says how to go on without one."""
        planned = checkpoint.planned()
        if planned <= checkpoint.committed() or not any(sign in str(failure) for sign in _READING_STOPPED):
            return failure
        files = [entry.partition for entry in Intake(checkpoint).batch(planned)]
        named = ", ".join(files[:5]) + (f" and {len(files) - 5:,} more" if len(files) > 5 else "")
        last = str(failure).strip().splitlines()[-1]
        remedy = "run it again; if it stops at the same file, `clickstream skip FILE` goes on without it"
        return SourceError("events", f"reading stopped in a batch of {named}: {last}", remedy)


_ALL = 100_000  # manifests: there are never as many
_READING_STOPPED = ("Python worker exited unexpectedly", "reading it failed", "MemoryError")
