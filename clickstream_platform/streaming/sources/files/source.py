"""A landing folder as a source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from clickstream_platform.events.schema import RAW


@dataclass(frozen=True)
class FileSource:
    """A landing folder of newline-delimited JSON, plain or gzip, at any depth.

    Producers write under a name that begins with ``_`` or ``.`` and rename into place: such names are ignored, and a
    path is read once. A record's partition is its file's path within the folder, its offset the line number, from 0.
    A blank line is no record.
    """

    folder: Path
    max_bytes_per_trigger: int = 128_000_000

    def __str__(self) -> str:
        """The sentence's second half."""
        return f"files in {self.folder} that no batch has read yet"


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
