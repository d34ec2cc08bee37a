"""A landing folder as a source."""

from __future__ import annotations

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from clickstream_platform.errors import CheckpointError
from clickstream_platform.events.schema import RAW
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.sources.files import landing
from clickstream_platform.streaming.sources.source import Lag, Missed, Staged


@dataclass(frozen=True)
class FileSource:
    """A landing folder of newline-delimited JSON, plain or gzip, at any depth.

    Producers write under a name that begins with ``_`` or ``.`` and rename into place: such names are ignored, and a
    path is read once. A record's partition is its file's path within the folder, its offset the line number, from 0.
    A blank line is no record.
    """

    folder: Path
    max_bytes_per_trigger: int = 128_000_000

    is_table: ClassVar[bool] = False
    on_console: ClassVar[str] = "files to the console"
    comes_in_batches: ClassVar[bool] = True

    def __str__(self) -> str:
        """What is processed, in words."""
        return f"files in {self.folder} that no batch has read yet"

    @property
    def identity(self) -> str:
        """The folder."""
        return f"files {self.folder}"

    @property
    def asset(self) -> tuple[str, ...]:
        """One asset, whatever the folder."""
        return ("landing",)

    def require_there(self, reader: str, lake: Lake) -> None:
        """A folder that is not there yet is made."""

    def look(self, checkpoint: Checkpoint) -> None:
        """A folder that is not there yet holds nothing."""

    def unread(self, checkpoint: Checkpoint, lake: Lake) -> Lag:
        """Files that no committed batch has read.

        Raises:
            CheckpointError: the checkpoint is that of a topic.
        """
        plan = checkpoint.plan(checkpoint.committed())
        end = plan.end if plan else None
        if end and "logOffset" not in end:
            remedy = "set CLICKSTREAM_SOURCE back, or CLICKSTREAM_HOME to another folder"
            raise CheckpointError(checkpoint.table, "it was read from Kafka, not from files", remedy)
        return Lag(len(landing.listed(self.folder) - landing.planned(checkpoint, None, end)), "files")

    def begin(self, checkpoint: Checkpoint) -> FileSource:
        """Itself: a first run reads all that is there."""
        return self

    def read(self, spark: SparkSession, lake: Lake) -> DataFrame:
        """The stream of the folder's lines, as raw records without their numbers, in a session of its own.

        That session scans one file by one task. A stream reads by the confs of the session that made it.
        """
        session = spark.newSession()
        for key, value in ONE_TASK_A_FILE.items():
            session.conf.set(key, value)
        return read_files(session, self)

    def records(self, read: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Lines of the one file of a task with their numbers as offsets, and without the blank ones."""
        first = 0
        for lines in read:
            offsets = pa.array(range(first, first + lines.num_rows), pa.int64())
            numbered = lines.set_column(lines.schema.get_field_index("offset"), "offset", offsets)
            yield numbered.filter(pc.invert(pc.match_substring_regex(lines["value"], r"^[ \t\r]*\z")))
            first += lines.num_rows

    def missed(self, checkpoint: Checkpoint, batch_id: int, staged: Staged) -> Missed:
        """Files that cannot be read to their end, and those that are gone and gave no record."""
        plan = checkpoint.plan(batch_id)
        files = landing.planned(checkpoint, checkpoint.start(batch_id), plan.end if plan else None)
        faults = {str(file.relative_to(self.folder)): landing.fault(file) for file in sorted(files)}
        found = {path: fault for path, fault in faults.items() if fault}
        there = staged.offsets({path: fault for path, fault in found.items() if fault == landing.DELETED})
        return Missed(unreadable={path: fault for path, fault in found.items() if path not in there})

    def tap(self, spark: SparkSession, *, from_start: bool) -> DataFrame:
        """The lines of files as they come, or of all that are there."""
        records = read_files(spark, self)
        return records if from_start else records.where(F.col("arrived_at") >= F.lit(datetime.now(timezone.utc)))

    def explained(self, failure: Exception, checkpoint: Checkpoint) -> Exception:
        """The failure: what is wrong with a file is booked, and ends no query."""
        return failure


def read_files(spark: SparkSession, source: FileSource) -> DataFrame:
    """The stream of a landing folder's lines, as raw records. Makes the folder, if there is none yet."""
    source.folder.mkdir(parents=True, exist_ok=True)
    lines = (
        spark.readStream.format("text")
        .option("lineSep", "\n")
        .option("recursiveFileLookup", True)
        .option("maxFileAge", "36500d")  # the default of 7 days skips older files in silence
        .option("maxBytesPerTrigger", source.max_bytes_per_trigger)
        .option("ignoreMissingFiles", True)  # both are looked for, and booked by path, in `ingest`
        .option("ignoreCorruptFiles", True)
        .load(str(source.folder))
    )
    root = F.lit(str(source.folder).rstrip("/") + "/")
    # Spark gives the path as a URL; url_decode would make a blank of a plus sign.
    path = F.url_decode(F.replace(F.col("_metadata.file_path"), F.lit("+"), F.lit("%2B")))
    return lines.select(
        F.col("value").cast("binary").alias("value"),
        F.lit("file").alias("source"),
        F.substr(path, F.position(root, path) + F.length(root)).alias("partition"),
        F.lit(None).cast("bigint").alias("offset"),  # a stream cannot number its rows: see `staging`
        F.col("_metadata.file_modification_time").alias("arrived_at"),
        *(F.lit(None).cast(RAW[name].dataType).alias(name) for name in ("key", "headers")),
    )


# Files are neither split nor packed together, so that a line's number within its task is its number within its file:
# see `staging`.
ONE_TASK_A_FILE = {"spark.sql.files.maxPartitionBytes": str(1 << 60), "spark.sql.files.openCostInBytes": str(1 << 60)}
