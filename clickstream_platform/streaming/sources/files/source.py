"""A landing folder as a source."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, ClassVar

from clickstream_platform.errors import ClickstreamError, SourceError
from clickstream_platform.events.schema import RAW
from clickstream_platform.source_list import MAIN, origin
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.lake import ledger
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.sources.files.found import Listing
from clickstream_platform.streaming.sources.files.intake import Intake
from clickstream_platform.streaming.sources.files.known import adopt, changed, unread
from clickstream_platform.streaming.sources.files.listing import listed
from clickstream_platform.streaming.sources.files.manifest import Entry, Manifest, arrival, from_line, plan
from clickstream_platform.streaming.sources.files.names import path_of
from clickstream_platform.streaming.sources.files.overlap import in_both
from clickstream_platform.streaming.sources.files.recount import Plans, recounted
from clickstream_platform.streaming.sources.files.unreadable import OF_THE_READER
from clickstream_platform.streaming.sources.inside import Envelopes
from clickstream_platform.streaming.sources.recount import Recount
from clickstream_platform.streaming.sources.source import Account, Lag, PartRead, RecordSource, Staged

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FileSource:
    """A folder in which files of records land, of any format that is read, plain or compressed, at any depth.

    Producers write under a name that begins with ``_`` or ``.`` and rename into place: such names are ignored, and a
    path is read once. A record's partition is its file's path within the folder, its offset what the format says: of
    JSON lines the line number, from 0; a blank line is no record.

    Attributes:
        folder: where they land.
        max_bytes_per_trigger: of the files of one batch; a larger file has a batch of its own.
        max_record_bytes: a longer record is given by its beginning.
        source_name: what the settings call it.
        format: how texts in it are read: ``auto``, ``lines``, ``json``, ``csv`` or ``tsv`` (docs/formats.md).
        skipped: files that a person has said to go on without, with the reason; known once a run was let begin.
        goes_on: whether the query does not end, so that files are planned while it runs; known likewise.
        must_be_there: whether it is an error that the folder is not there. If not, a run makes it.
    """

    folder: Path
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
    def identity(self) -> str:
        """The folder."""
        return f"{_FILES}{self.folder}"

    address = identity

    @property
    def asset(self) -> tuple[str, ...]:
        """One asset, whatever the folder; of several sources, one a name."""
        return ("landing",) if self.source_name == MAIN else ("landing", self.source_name)

    def follow(self, checkpoint: Checkpoint) -> None:
        """Let a checkpoint that was made for another folder, which is shown to be the same, name files in this one."""
        Intake(checkpoint).follow(Path(checkpoint.made_for().removeprefix(_FILES)), self.folder)

    def shares_with(self, other: RecordSource, *, asking: bool) -> str | None:
        """A folder that both are, or lie in, or that links in them lead to."""
        if not isinstance(other, FileSource):
            return None
        return in_both(self.folder, other.folder, links=asking)

    def read_before(self, other: Checkpoint) -> str | None:
        """The same, of a folder that the checkpoint was made for."""
        if not other.made_for().startswith(_FILES):
            return None
        return in_both(self.folder, Path(other.made_for().removeprefix(_FILES)), links=True)

    @property
    def read_by_tasks(self) -> tuple[Path, ...]:
        """The folder."""
        return (self.folder,)

    @property
    def how_to_fill(self) -> str:
        """Where to put files."""
        return (
            f"nothing has landed in {self.folder} yet: put files of JSON lines there, make some with"
            " `clickstream simulate`, or set CLICKSTREAM_SOURCE to another folder or to a topic"
        )

    def at_hand(self, *, is_named: bool) -> str:
        """Whether the folder is there, and can be read."""
        if not self.folder.exists():
            if is_named:
                remedy = "make it, or set CLICKSTREAM_SOURCE to another"
                raise SourceError("source", f"there is no folder {self.folder}", remedy)
            return f"{self.folder} will be made by the first run"
        if not self.folder.is_dir() or not os.access(self.folder, os.R_OK | os.X_OK):
            raise SourceError("source", f"{self.folder} is not a folder you may read", "set CLICKSTREAM_SOURCE to one")
        return f"files in {self.folder}"

    def partitions(self) -> int:
        """None: files come in micro-batches."""
        return 0

    def require_there(self, reader: str, lake: Lake) -> None:
        """A folder that is not there yet is made, or refused later."""

    def look(self, checkpoint: Checkpoint) -> None:
        """Raise a SourceError if the folder is none, or cannot be listed."""
        self._listed_whole()

    def one_of_several(self) -> FileSource:
        """The same, of a folder that is named in a list: if it has vanished, it is not made again as if it was new."""
        return replace(self, must_be_there=True)

    def _listed_whole(self) -> Listing:
        if self.must_be_there and not self.folder.exists():
            remedy = "make it or bring it back, or leave it out of CLICKSTREAM_SOURCE: what was read of it stays"
            raise SourceError(str(self.folder), f"the folder of the source {self.source_name!r} is not there", remedy)
        return listed(self.folder)

    def unread(self, checkpoint: Checkpoint, lake: Lake) -> Lag:
        """Files that no committed batch has read; and what lies there that none will read.

        Raises:
            CheckpointError: the checkpoint is that of a topic, or of another folder.
            SourceError: the folder is none, or cannot be listed.
        """
        listing, intake = self._listed_whole(), Intake(checkpoint)
        waiting, known = intake.uncommitted(self.folder), intake.known(self.folder)
        grown = [
            f"{name} had {before:,} bytes when it was read, and has {now:,}: what was changed in it is in no table"
            for name, (before, now) in changed(listing, known).items()
        ]
        new = unread(listing, known)
        size = sum(file.size for file in new) + sum(max(known.sizes.get(name, 0), 0) for name in waiting)
        return Lag(len(new) + len(waiting), "files", remarks=(*listing.remarks(), *grown), bytes=size)

    def begin(self, checkpoint: Checkpoint, *, goes_on: bool = False) -> FileSource:
        """Let a run begin: take over a checkpoint of before there were manifests, and plan what is there."""
        if not self.must_be_there:
            self.folder.mkdir(parents=True, exist_ok=True)
        self.look(checkpoint)
        intake = Intake(checkpoint)
        if not intake.is_taken_over:
            intake.take_over(self.folder, [self._listed(each) for each in intake.interrupted(self.folder)])
        intake.rebase()
        intake.make_folder()
        if goes_on:
            self.plan(checkpoint)
        else:
            intake.write(self._unplanned(intake), self.folder)
        return replace(self, skipped=intake.skipped(), goes_on=goes_on)

    def _listed(self, partition: str) -> Entry:
        """A file that Spark has planned, as if it had been listed now; one that is gone as an empty one."""
        now_us, path = time.time_ns() // 1000, path_of(self.folder, partition)
        status = path.stat() if path.exists() else None
        mtime_us = status.st_mtime_ns // 1000 if status else now_us
        return Entry(partition, status.st_size if status else 0, mtime_us, arrival(mtime_us, now_us))

    def plan(self, checkpoint: Checkpoint) -> None:
        """Write manifests of what has come, as long as all that wait together are no more than a batch may have."""
        intake = Intake(checkpoint)
        waiting = intake.untaken_bytes()
        if waiting >= self.max_bytes_per_trigger:
            return
        for manifest in self._unplanned(intake):
            size = sum(entry.size for entry in manifest.entries)
            if waiting and waiting + size > self.max_bytes_per_trigger:
                return
            intake.write([manifest], self.folder)
            waiting += size

    def _unplanned(self, intake: Intake) -> list[Manifest]:
        known = intake.known(self.folder)
        files = unread(self._listed_whole(), known)
        now_us, number = time.time_ns() // 1000, known.number + 1
        return plan(files, now_us, number, self.max_bytes_per_trigger, declared=self.format)

    def read(self, spark: SparkSession, lake: Lake, checkpoint: Checkpoint) -> DataFrame:
        """The stream of the manifests' lines, each a task. A batch is a manifest, or what :meth:`plan` let wait."""
        from clickstream_platform.streaming.sources.files.shape import tasks  # noqa: PLC0415 - Arrow

        return tasks(spark, Intake(checkpoint).folder, manifests=_ALL if self.goes_on else 1)

    def records(self, read: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch | PartRead]:
        """The records of the files that the lines of manifests name, and what became of each file."""
        from clickstream_platform.streaming.sources.files.reading import read_task  # noqa: PLC0415 - only tasks read
        from clickstream_platform.streaming.sources.files.shape import of_every_source  # noqa: PLC0415

        for lines in read:
            entries = [entry for line in lines["value"].to_pylist() for entry in from_line(line)]
            yield from self._refused(entries)
            there = [entry for entry in entries if entry.partition not in self.skipped]
            for each in read_task(self.folder, there, self.max_record_bytes):
                yield each if isinstance(each, PartRead) else of_every_source(each, self.origin)

    @property
    def origin(self) -> str:
        """The first part of a record's name for ever: two folders may have a file of one name."""
        return origin("file", self.source_name)

    def _refused(self, entries: list[Entry]) -> Iterator[PartRead]:
        for entry in entries:
            if reason := self.skipped.get(entry.partition):
                yield PartRead(entry.partition, entry.bytes, 0, reason)

    def account(self, checkpoint: Checkpoint, batch_id: int, staged: Staged) -> Account:
        """Every file of the batch, with its bytes and records; those that could not be read to their end.

        Raises:
            SourceError: a file that a task did not see, or might not open, is one that this process can.
        """
        files: dict[str, list[int]] = {}
        faults = {part.partition: part.fault for part in staged.parts if part.fault}
        for partition, fault in faults.items():
            if fault in OF_THE_READER and os.access(path_of(self.folder, partition), os.R_OK):
                remedy = "all workers must see the landing folder, and may read what is in it; then run it again"
                raise SourceError(partition, f"a task found it {fault}, but here it can be read", remedy)
        for part in staged.parts:
            counted = files.setdefault(part.partition, [0, 0])
            counted[0] += part.bytes
            counted[1] += 0 if part.partition in faults else part.records
        formats = {part.partition: part.format for part in staged.parts if part.format not in ("", "lines")}
        return Account(dict(sorted(files.items())), dict(sorted(faults.items())), dict(sorted(formats.items())))

    def recount(
        self, checkpoint: Checkpoint, entries: Callable[[], Iterable[ledger.Entry]], envelopes: Envelopes
    ) -> Recount:
        """Count every file again. Raises a SourceError if there is no folder, or none that can be listed."""
        if not self.folder.is_dir():
            raise SourceError(str(self.folder), "there is no such folder", "set CLICKSTREAM_SOURCE")
        listed(self.folder)
        intake = Intake(checkpoint)
        committed = intake.known(self.folder).sizes.keys() - intake.uncommitted(self.folder)
        plans = Plans(frozenset(committed), intake.planned_by_spark(self.folder))
        return recounted(self.folder, plans, entries(), envelopes)

    def tap(self, spark: SparkSession, folder: Path, *, from_start: bool) -> DataFrame:
        """The records of files as they come, or of all that are there. What cannot be read is passed over.

        A thread looks for new files each second, until ``folder`` is gone.
        """
        from clickstream_platform.streaming.sources.files.shape import tasks  # noqa: PLC0415 - Arrow

        intake = Intake(Checkpoint(folder, "tap", 0))
        listing = listed(self.folder)
        adopt(intake.folder, {} if from_start else {file.partition: file.size for file in listing.files})
        Thread(target=self._feed, args=[intake], name="tap", daemon=True).start()
        return tasks(spark, intake.folder, manifests=_ALL).mapInArrow(self._tapped, RAW.spark)

    def _feed(self, intake: Intake) -> None:
        try:
            while intake.folder.is_dir():
                intake.write(self._unplanned(intake), self.folder)
                time.sleep(1)
        except (OSError, ClickstreamError) as failed:
            if intake.folder.is_dir():  # or the tap has ended
                log.warning("tap: %s; no more files are looked for", failed)

    def _tapped(self, read: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from clickstream_platform.streaming.sources.files.shape import tapped  # noqa: PLC0415 - only tasks read

        return tapped(each for each in self.records(read) if not isinstance(each, PartRead))

    def explained(self, failure: Exception, checkpoint: Checkpoint) -> Exception:
        """What stopped the process while it read files names them, and says how to go on without one."""
        planned = checkpoint.planned()
        if planned <= checkpoint.committed() or not any(sign in str(failure) for sign in _READING_STOPPED):
            return failure
        files = [entry.partition for entry in Intake(checkpoint).batch(planned)]
        named = ", ".join(files[:5]) + (f" and {len(files) - 5:,} more" if len(files) > 5 else "")
        last = str(failure).strip().splitlines()[-1]
        remedy = "run it again; if it stops at the same file, `clickstream skip FILE` goes on without it"
        return SourceError("events", f"reading stopped in a batch of {named}: {last}", remedy)


_FILES = "files "
_ALL = 100_000  # manifests: there are never as many
_READING_STOPPED = ("Python worker exited unexpectedly", "reading it failed", "MemoryError")
