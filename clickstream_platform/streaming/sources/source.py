"""Offsets decide WHAT to process: what every source promises, whatever it reads.

Two kinds of source are read. A :class:`Source` of events is a Delta table of the lake; a :class:`RecordSource` gives
records as they come from outside, in one raw shape, :data:`~clickstream_platform.events.schema.RAW`. A new kind of
source is a class with these methods and a line in :mod:`.named`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

from clickstream_platform.store.place import Place
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.lake.entry import Account, Entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.sources.envelope_count import Envelopes
from clickstream_platform.streaming.sources.recount import Recount
from clickstream_platform.wording import amount_of

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

Self = TypeVar("Self", bound="Source")  # typing has its own from Python 3.11 on


@dataclass(frozen=True)
class Lag:
    """What is there and no committed batch has read.

    Attributes:
        amount: how much.
        unit: files, events or records.
        partitions: how much of it in each partition of a Kafka topic.
        remarks: what is there and will not be read, with the reason.
        bytes: of the files, as they lie on the disk; 0 where there are none.
    """

    amount: int
    unit: str
    partitions: Mapping[str, int] = field(default_factory=dict[str, int], compare=False)
    remarks: tuple[str, ...] = field(default=(), compare=False)
    bytes: int = field(default=0, compare=False)

    def __str__(self) -> str:
        """In words: ``1 file``, ``2,345 events``."""
        return amount_of(self.amount, self.unit)


class Source(Protocol):
    """Where a table's input comes from, and how far it has been read.

    Attributes:
        is_table: whether it is a table of the lake, so that what reads it can be rebuilt.
    """

    is_table: ClassVar[bool]

    @property
    def source_name(self) -> str:
        """What the settings call it: ``main``, unless several are named there. A table of the lake is ``main``."""
        ...

    @property
    def address(self) -> str:
        """Where it is, for a person."""
        ...

    @property
    def identity(self) -> str:
        """What a checkpoint was made for: another source of that identity may go on from it."""
        ...

    @property
    def asset(self) -> tuple[str, ...]:
        """Its key in Dagster."""
        ...

    def require_there(self, reader: str, lake: Lake) -> None:
        """Refuse a table, ``reader``, whose input does not exist and will not be made by the run (a SourceError)."""
        ...

    def unread(self, checkpoint: Checkpoint, lake: Lake) -> Lag:
        """What the next run would read.

        Raises:
            UnreachableError, SourceError, DataLossError: the source does not answer, or is not what was read.
            CheckpointError: it no longer has what was not read yet, or the checkpoint is another kind of source's.
        """
        ...

    def begin(self: Self, checkpoint: Checkpoint, *, goes_on: bool = False) -> Self:
        """Let a run begin, or say why not. Call it under the table's lease, right before :meth:`read`.

        Args:
            checkpoint: the table's.
            goes_on: whether the query does not end. :meth:`plan` is then to be called while it runs.

        Returns:
            The source, with all that a first run has to know. Raises what :meth:`unread` does.
        """
        ...

    def plan(self, checkpoint: Checkpoint) -> None:
        """Offer what has come since to a query that goes on. Cheap where Spark sees by itself what has come."""
        ...

    def read(self, spark: SparkSession, lake: Lake, checkpoint: Checkpoint) -> DataFrame:
        """The stream of what no batch has read."""
        ...

    def explain_failure(self, failure: Exception, checkpoint: Checkpoint) -> Exception:
        """A query's failure as an error that a person can act on, where it was the source's; else the failure."""
        ...


@dataclass(frozen=True)
class PartRead:
    """What a task says of a file, or of a stretch of it, that it has read.

    Attributes:
        partition: the file.
        bytes: how many were to be read, as they lie on the disk.
        records: how many were given.
        fault: why it could not be read to its end; None if it was.
        format: what format it has, by its name; empty where nobody has looked, and for small files of lines.
    """

    partition: str
    bytes: int
    records: int
    fault: str | None = None
    format: str = ""


class StagedRecords(Protocol):
    """What became of the records of one batch, as far as a source asks."""

    @property
    def parts(self) -> Sequence[PartRead]:
        """What the tasks say of the files they read; nothing where a source has no files."""
        ...

    def offsets(self, partitions: Collection[str]) -> dict[str, list[int]]:
        """The offsets of the records that were read of some partitions."""
        ...


class RecordSource(Source, Protocol):
    """A source of records from outside.

    Attributes:
        on_console: what Spark's console sink reads it as: the words of :mod:`..contract.trigger_support`.
        comes_in_batches: whether it can only be read by micro-batches.
        label: what it is, as Dagster marks an asset.
    """

    label: ClassVar[str]

    @property
    def origin(self) -> str:
        """The column ``source`` of its records: the first part of their names for ever."""
        ...

    @property
    def how_to_fill(self) -> str:
        """What to do while nothing has ever come; empty if a run may as well wait for it."""
        ...

    def describe_availability(self, *, is_named: bool) -> str:
        """Whether the source is there, in words, as far as that can be told without reading it.

        Args:
            is_named: whether somebody has named it. What is there by default may be made by the first run.

        Raises:
            SourceError: it is not there, or cannot be read.
        """
        ...

    def partitions(self) -> int:
        """How many tasks read it at once where there are no micro-batches; 0 if that is not possible."""
        ...

    on_console: ClassVar[str]
    comes_in_batches: ClassVar[bool]

    @property
    def read_by_tasks(self) -> tuple[Place, ...]:
        """Folders, files and places on a store that every task opens, at the same path wherever it runs."""
        ...

    def overlap_with(self, other: RecordSource, *, asking: bool) -> str | None:
        """What both sources would read, in words; None if nothing, as far as can be told.

        Args:
            other: another source of the same table.
            asking: look for it outside of the settings: at what links lead to, at what a cluster says. Raises what
                :meth:`unread` does then.
        """
        ...

    def overlap_with_checkpoint(self, other: Checkpoint) -> str | None:
        """What of this source the checkpoint of another one has read already, in words; None if nothing.

        Raises what :meth:`unread` does.
        """
        ...

    def records(self, read: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch | PartRead]:
        """The records in what a task has read of :meth:`read`. Runs in the task, so the source is pickled.

        Returns:
            Batches with the columns that :mod:`..ingest.staging` asks for; and, where it reads files, what became of
            each. All records of a partition that has a fault are left out by the caller.
        """
        ...

    def account(self, checkpoint: Checkpoint, batch_id: int, staged: StagedRecords) -> Account:
        """What a batch has read; asked once it is read, so that nothing can go in between.

        Raises:
            SourceError: the source is not the one that the run began with.
        """
        ...

    def recount(self, checkpoint: Checkpoint, entries: Callable[[], Iterable[Entry]], envelopes: Envelopes) -> Recount:
        """Count the source again, by code that shares nothing with what reads it, and compare it with the ledger.

        Args:
            checkpoint: the current one of ``events``.
            entries: gives the ledger of ``events``; called when what is still unread is known.
            envelopes: how records that hold several events are opened today.

        Raises:
            SourceError, UnreachableError: it is not there, or cannot be listed.
        """
        ...

    def tap(self, spark: SparkSession, folder: Path, *, from_start: bool) -> DataFrame:
        """The stream of records as they come, or of all that are there, for a query whose checkpoint is thrown away.

        Args:
            spark: the session.
            folder: of the query alone, for what the source has to write down.
            from_start: begin with what is there already.
        """
        ...
