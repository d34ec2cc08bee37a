"""Offsets decide WHAT to process: where a table's input comes from, and how far it has been read.

Every source of records yields one raw shape, :data:`~clickstream_platform.events.schema.RAW`. An offset range is read
from ``start`` (included) to ``end`` (excluded).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.readwriter import DataStreamReader
from pyspark.sql.types import StructType

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.schema import RAW
from clickstream_platform.settings import Settings, starting_at
from clickstream_platform.streaming import connection
from clickstream_platform.streaming.lake import LakeTable


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
    """One or more topics of a Kafka cluster.

    Attributes:
        servers: the bootstrap servers, ``host:port``, separated by commas.
        topics: their names, separated by commas; or a regular expression that a whole name must match.
        starting_offsets: where the *first* run starts, ``earliest``, ``latest``, at a moment or at offsets by topic and
            partition. That run writes down what it comes to (see :mod:`~clickstream_platform.streaming.admission`);
            every later one goes on from there.
        max_offsets_per_trigger: records in one micro-batch.
        min_partitions: tasks that read a micro-batch, at least; 0 for one a partition.
        fail_on_data_loss: stop when offsets that were not read yet are gone. If not, the ledger books them.
        options: how to connect, in the words of :mod:`~clickstream_platform.streaming.connection`. Never shown.
    """

    servers: str
    topics: str
    starting_offsets: str | datetime | dict[str, dict[str, int]] = "earliest"
    max_offsets_per_trigger: int = 500_000
    min_partitions: int = 0
    fail_on_data_loss: bool = True
    options: dict[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        """The sentence's second half."""
        return f"records of the Kafka {self.kind} {self.topics} that no batch has read yet"

    @property
    def names(self) -> tuple[str, ...]:
        """The topics by name; none if they are named by a pattern."""
        return tuple(self.topics.split(",")) if _NAMES.fullmatch(self.topics) else ()

    @property
    def kind(self) -> str:
        """What ``topics`` is: a topic, topics or a pattern."""
        return "pattern" if not self.names else "topic" if len(self.names) == 1 else "topics"

    def reads(self, topic: str) -> bool:
        """Whether it is one of them. Kafka's own topics are not, whatever the pattern."""
        if self.names:
            return topic in self.names
        return not topic.startswith("__") and re.fullmatch(self.topics, topic) is not None


_SERVERS = re.compile(r"[^,\s@]+:\d+(,[^,\s@]+:\d+)*", re.ASCII)
_NAMES = re.compile(r"[\w.-]+(,[\w.-]+)*", re.ASCII)


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
    if parts.scheme in ("", "file"):
        return FileSource(Path(parts.path).expanduser().absolute(), settings.max_bytes_per_trigger)
    servers, _, topics = settings.source_url.removeprefix("kafka://").partition("/")  # a pattern may hold ? and #
    is_topic = _SERVERS.fullmatch(servers) and topics and "/" not in topics and _is_pattern(topics)
    if parts.scheme != "kafka" or not is_topic:
        allowed = "allowed: a folder, or kafka://host:port/topic (topics separated by commas, or a pattern)"
        raise SettingsError("CLICKSTREAM_SOURCE", f"{settings.source_url!r} is not allowed", allowed)
    connection.check(settings.kafka_options)
    return KafkaSource(
        servers,
        topics,
        starting_at(settings.starting_offsets),
        settings.max_offsets_per_trigger,
        settings.min_partitions,
        settings.fail_on_data_loss,
        settings.kafka_options,
    )


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


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


# So that a broker that is gone is told of within ten seconds. Spark's own patience is three minutes.
IMPATIENT = {
    "kafka.default.api.timeout.ms": "4000",
    "kafka.request.timeout.ms": "3000",
    "kafkaConsumer.pollTimeoutMs": "4000",
    "fetchOffset.numRetries": "1",
    "fetchOffset.retryIntervalMs": "0",
}


def read_kafka(spark: SparkSession, source: KafkaSource, starts: Mapping[str, Mapping[str, int]]) -> DataFrame:
    """The stream of the topics' records, as raw records; those of aborted transactions are none.

    Args:
        spark: the session.
        source: which topics.
        starts: where a first run begins: of every partition, by topic. Later runs go on from the checkpoint.
    """
    records = _kafka(spark, source, json.dumps(starts))
    records = records.option("maxOffsetsPerTrigger", source.max_offsets_per_trigger)
    records = records.option("failOnDataLoss", source.fail_on_data_loss)
    if source.min_partitions:
        records = records.option("minPartitions", source.min_partitions)
    # Producers' clocks lie: a record has not arrived later than now.
    return _raw(records.load(), F.least(_time_of_record(), F.current_timestamp()))


def tap_kafka(spark: SparkSession, source: KafkaSource, start: str) -> DataFrame:
    """The same, from ``earliest`` or ``latest`` on, for triggers that know no limits and no current time."""
    return _raw(_kafka(spark, source, start).option("failOnDataLoss", False).load(), _time_of_record())


def _kafka(spark: SparkSession, source: KafkaSource, starts: str) -> DataStreamReader:
    return (
        spark.readStream.format("kafka")
        .options(**IMPATIENT)
        .options(**connection.for_spark(source.options))
        .option("kafka.bootstrap.servers", source.servers)
        .option("kafka.isolation.level", "read_committed")
        .option(*_topics(source))
        .option("startingOffsets", starts)
        .option("includeHeaders", True)
    )


def _topics(source: KafkaSource) -> tuple[str, str]:
    """As Spark takes them. It looks for a pattern anywhere in a name; what :meth:`KafkaSource.reads` says counts."""
    return ("subscribe", source.topics) if source.names else ("subscribePattern", f"^(?!__)(?:{source.topics})$")


def _time_of_record() -> Column:
    """Null for a record that has none, for which Kafka says -1."""
    return F.when(F.unix_millis("timestamp") >= 0, F.col("timestamp"))


def _raw(records: DataFrame, arrived_at: Column) -> DataFrame:
    return records.select(
        F.col("value"),
        F.lit("kafka").alias("source"),
        F.concat_ws("/", "topic", "partition").alias("partition"),
        F.col("offset"),
        arrived_at.alias("arrived_at"),
        F.col("key"),
        F.when(F.size("headers") > 0, F.col("headers")).alias("headers"),
    )


def snapshot(spark: SparkSession, path: Path, version: int | None = None) -> DataFrame:
    """A Delta table as a batch: as it is now, or as it was at a version. Raises what :func:`some_of` does."""
    table = LakeTable(path)
    return some_of(spark, table, table.files(version), version)


def some_of(spark: SparkSession, table: LakeTable, files: Sequence[str], version: int | None = None) -> DataFrame:
    """The rows of some data files of a Delta table. Costs no job; a scan by Spark's Delta costs three to plan.

    Raises:
        CheckpointError: there is more to the table than its files.
    """
    schema = StructType.fromJson(table.schema(version))
    if not files:
        return spark.range(0).select(*(F.lit(None).cast(each.dataType).alias(each.name) for each in schema))
    reader = spark.read.schema(schema).option("basePath", str(table.path))
    return reader.parquet(*(str(table.path / file) for file in files))


def read_table(spark: SparkSession, path: Path) -> DataFrame:
    """The stream of a Delta table's new rows: whole commits, and only those that add data."""
    return (
        spark.readStream.format("delta")
        .option("skipChangeCommits", True)
        .option("maxFilesPerTrigger", 2**31 - 1)  # no limit, so that no batch ends inside a commit
        .load(str(path))
    )
