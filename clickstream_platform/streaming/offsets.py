"""Offsets decide WHAT to process: where a table's input comes from, and how far it has been read.

Every source of records yields one raw shape (:data:`~clickstream_platform.events.schema.RAW`): value, source,
partition, offset, arrived_at. An offset range is read from ``start`` (included) to ``end`` (excluded).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import Settings


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


@dataclass(frozen=True)
class KafkaSource:
    """A Kafka topic.

    Attributes:
        servers: the bootstrap servers, ``host:port``, separated by commas.
        topic: its name.
        starting_offsets: where the *first* run starts; every later one goes on from the checkpoint. ``latest`` skips
            what is in the topic at that moment, and what arrives while a first run fails.
        max_offsets_per_trigger: records in one micro-batch.
        fail_on_data_loss: stop when offsets that were not read yet are gone.
        options: further options of Spark's Kafka source, such as ``kafka.security.protocol``. Never shown.
    """

    servers: str
    topic: str
    starting_offsets: str = "earliest"
    max_offsets_per_trigger: int = 500_000
    fail_on_data_loss: bool = True
    options: dict[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        """The sentence's second half."""
        return f"records of the Kafka topic {self.topic} that no batch has read yet"


@dataclass(frozen=True)
class FromTable:
    """A Delta table of the lake. A batch ends on a commit, never inside one."""

    name: str

    def __str__(self) -> str:
        """The sentence's second half."""
        return f"commits of {self.name} that no batch has read yet"


Source = FileSource | KafkaSource
Offsets = FileSource | KafkaSource | FromTable


def source_from(settings: Settings) -> Source:
    """The source that the settings name.

    Raises:
        SettingsError: the source is neither a local folder nor ``kafka://host:port/topic``.
    """
    parts = urlsplit(settings.source_url)
    topic = parts.path.strip("/")
    if parts.scheme in ("", "file"):
        return FileSource(Path(parts.path).expanduser().absolute(), settings.max_bytes_per_trigger)
    if parts.scheme != "kafka" or not parts.netloc or not topic or "/" in topic:
        allowed = "allowed: a folder, or kafka://host:port/topic"
        raise SettingsError("CLICKSTREAM_SOURCE", f"{settings.source_url!r} is not allowed", allowed)
    return KafkaSource(
        parts.netloc, topic, settings.starting_offsets, settings.max_offsets_per_trigger, settings.fail_on_data_loss
    )


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
        F.lit(None).cast("bigint").alias("offset"),  # a stream cannot number its rows: see `numbered`
        F.col("_metadata.file_modification_time").alias("arrived_at"),
    )


# Files are neither split nor packed together, so that a line's number within its task is its number within its file.
ONE_TASK_A_FILE = {"spark.sql.files.maxPartitionBytes": str(1 << 60), "spark.sql.files.openCostInBytes": str(1 << 60)}


def numbered(records: DataFrame) -> DataFrame:
    """A micro-batch of :func:`read_files` with each record's offset, and without the blank lines, which are no records.

    Relies on the stream having kept every line in its place, and on :data:`ONE_TASK_A_FILE`.
    """
    line = F.monotonically_increasing_id().bitwiseAND(F.lit((1 << 33) - 1))  # the high bits are the task's number
    return records.withColumn("offset", line).where(F.btrim(F.col("value").cast("string"), F.lit(" \t\r")) != "")


def read_kafka(spark: SparkSession, source: KafkaSource) -> DataFrame:
    """The stream of a topic's records, as raw records."""
    records = (
        spark.readStream.format("kafka")
        .options(**source.options)
        .option("kafka.bootstrap.servers", source.servers)
        .option("subscribe", source.topic)
        .option("startingOffsets", source.starting_offsets)
        .option("maxOffsetsPerTrigger", source.max_offsets_per_trigger)
        .option("failOnDataLoss", source.fail_on_data_loss)
        .load()
    )
    return records.select(
        F.col("value"),
        F.lit("kafka").alias("source"),
        F.concat_ws("/", "topic", "partition").alias("partition"),
        F.col("offset"),
        # Producers' clocks lie: a record has not arrived later than now.
        F.least(F.col("timestamp"), F.current_timestamp()).alias("arrived_at"),
    )


def snapshot(spark: SparkSession, path: Path, version: int | None = None) -> DataFrame:
    """A Delta table as a batch: as it is now, or as it was at a version."""
    reader = spark.read.format("delta")
    return (reader if version is None else reader.option("versionAsOf", version)).load(str(path))


def read_table(spark: SparkSession, path: Path) -> DataFrame:
    """The stream of a Delta table's new rows: whole commits, and only those that add data."""
    return (
        spark.readStream.format("delta")
        .option("skipChangeCommits", True)
        .option("maxFilesPerTrigger", 2**31 - 1)  # no limit, so that no batch ends inside a commit
        .load(str(path))
    )
