"""Topics of a Kafka cluster as a source."""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from clickstream_platform.errors import ClickstreamError, SettingsError, SourceError, UnreachableError
from clickstream_platform.events.registry.failures import registry_refusal
from clickstream_platform.source_list import MAIN, origin, starting_at
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.lake.entry import Account, Entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.sources.envelope_count import Envelopes
from clickstream_platform.streaming.sources.kafka import continuity, options
from clickstream_platform.streaming.sources.kafka.cluster import topics_of
from clickstream_platform.streaming.sources.kafka.offsets import by_partition
from clickstream_platform.streaming.sources.kafka.recount import recount_topics
from clickstream_platform.streaming.sources.recount import Recount
from clickstream_platform.streaming.sources.source import Lag, PartRead, RecordSource, StagedRecords
from clickstream_platform.wording import without_passwords

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from clickstream_platform.settings import Settings

_SERVERS = re.compile(r"[^,\s@]+:\d+(,[^,\s@]+:\d+)*", re.ASCII)
_NAMES = re.compile(r"[\w.-]+(,[\w.-]+)*", re.ASCII)


ALLOWED = "allowed: a folder, s3://bucket/prefix, or kafka://host:port/topic (topics separated by commas, or a pattern)"


@dataclass(frozen=True)
class KafkaSource:
    """One or more topics of a Kafka cluster.

    Attributes:
        servers: the bootstrap servers, ``host:port``, separated by commas.
        topics: their names, separated by commas; or a regular expression that a whole name must match.
        starting_offsets: where the *first* run starts, ``earliest``, ``latest``, at a moment or at offsets by topic and
            partition. That run writes down what it comes to (see :mod:`.continuity`);
            every later one goes on from there.
        max_offsets_per_trigger: records in one micro-batch.
        min_partitions: tasks that read a micro-batch, at least; 0 for one a partition.
        fail_on_data_loss: stop when offsets that were not read yet are gone. If not, the ledger books them.
        event_id_header: the header whose value is a record's event id; none if empty.
        source_name: what the settings call it.
        starts: where the first batch of a lake begins, by topic and partition; known once a run was let begin.
        options: how to connect, in the words of :mod:`.options`. Never shown.
    """

    servers: str
    topics: str
    starting_offsets: str | datetime | dict[str, dict[str, int]] = "earliest"
    max_offsets_per_trigger: int = 500_000
    min_partitions: int = 0
    fail_on_data_loss: bool = True
    options: dict[str, str] = field(default_factory=dict, repr=False)

    event_id_header: str = ""
    source_name: str = MAIN
    starts: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)

    is_table: ClassVar[bool] = False
    on_console: ClassVar[str] = "Kafka to the console"
    comes_in_batches: ClassVar[bool] = False
    label: ClassVar[str] = "kafka"

    def __str__(self) -> str:
        """What is processed, in words."""
        return f"records of the Kafka {self.kind} {self.topics} that no batch has read yet"

    @property
    def address(self) -> str:
        """As the settings have it."""
        return f"kafka://{self.servers}/{self.topics}"

    @property
    def identity(self) -> str:
        """Which topics may follow which is for :mod:`.continuity` to say: it knows what was read of each."""
        return "kafka"

    @property
    def asset(self) -> tuple[str, ...]:
        """The topics, in signs by which Dagster can select an asset; two clusters may have one of the same name."""
        topics = re.sub(r"[^\w.-]", "_", self.topics)
        return ("kafka", topics) if self.source_name == MAIN else ("kafka", self.source_name, topics)

    @property
    def origin(self) -> str:
        """The first part of a record's name for ever: two clusters may have a topic of one name."""
        return origin("kafka", self.source_name)

    def overlap_with(self, other: RecordSource, *, asking: bool) -> str | None:
        """A topic that both read: by its name at a server they share or, if the clusters are asked, by its id."""
        if not isinstance(other, KafkaSource):
            return None
        if asking:
            ours, theirs = topics_of(self).ids, topics_of(other).ids
            return _names_in_words({topic for topic, topic_id in ours.items() if topic_id in theirs.values()})
        if not set(self.servers.split(",")) & set(other.servers.split(",")):
            return None
        same = {self.topics} & {other.topics}  # two patterns that differ are compared once the cluster is asked
        return _names_in_words({*filter(other.reads, self.names), *filter(self.reads, other.names), *same})

    def overlap_with_checkpoint(self, other: Checkpoint) -> str | None:
        """A topic, by its id, that the checkpoint has read of."""
        begun = other.starting_point()
        if not begun or not begun.topic_ids:
            return None
        known = begun.topic_ids.values()
        return _names_in_words({topic for topic, topic_id in topics_of(self).ids.items() if topic_id in known})

    @property
    def read_by_tasks(self) -> tuple[Path, ...]:
        """The certificates that a cluster is told by, if they are in a file: its path is all that a task is given."""
        return tuple(Path(self.options[name]) for name in ("ssl.ca.location",) if name in self.options)

    @property
    def names(self) -> tuple[str, ...]:
        """The topics by name; none if they are named by a pattern."""
        return tuple(self.topics.split(",")) if _NAMES.fullmatch(self.topics) else ()

    @property
    def kind(self) -> str:
        """What ``topics`` is: a topic, topics or a pattern."""
        return "pattern" if not self.names else "topic" if len(self.names) == 1 else "topics"

    def reads(self, topic: str) -> bool:
        """Whether the source reads a topic. Kafka's own topics are never read, whatever the pattern."""
        if self.names:
            return topic in self.names
        return not topic.startswith("__") and re.fullmatch(self.topics, topic) is not None

    @property
    def how_to_fill(self) -> str:
        """Empty: a run of an empty topic notes where it begins."""
        return ""

    def describe_availability(self, *, is_named: bool) -> str:
        """The first server that accepts a connection; whether it is a Kafka, and has the topic, a run will find."""
        refusal = "no server is named"
        for server in self.servers.split(","):
            host, _, port = server.strip().rpartition(":")
            try:
                socket.create_connection((host.strip("[]"), int(port)), timeout=3).close()
            except (OSError, ValueError, OverflowError) as refused:
                refusal = f"{server} does not answer ({refused})"
            else:
                return f"{server} answers"
        raise SourceError("source", refusal, "start Kafka, or set CLICKSTREAM_SOURCE")

    def partitions(self) -> int:
        """How many partitions its topics have. Raises what :func:`.cluster.topics_of` does."""
        return len(topics_of(self).spans)

    def one_of_several(self) -> KafkaSource:
        """This source as one of a list. Nothing changes: a topic that is not there is refused anyway."""
        return self

    def require_there(self, reader: str, lake: Lake) -> None:
        """The topics are looked for by :meth:`unread` and :meth:`begin`."""

    def unread(self, checkpoint: Checkpoint, lake: Lake) -> Lag:
        """Records that no committed batch has read. Raises what :func:`.continuity.topic_progress` does."""
        partitions = continuity.topic_progress(self, checkpoint).unread()
        return Lag(sum(partitions.values()), "records", partitions)

    def begin(self, checkpoint: Checkpoint, *, goes_on: bool = False) -> KafkaSource:
        """Let a run begin, a first one at its starting offsets. Raises what :func:`.continuity.admit_run` does."""
        return replace(self, starts=continuity.admit_run(self, checkpoint))

    def plan(self, checkpoint: Checkpoint) -> None:
        """Spark sees new records by itself."""

    def read(self, spark: SparkSession, lake: Lake, checkpoint: Checkpoint) -> DataFrame:
        """The stream of the topics' records, as raw records; those of aborted transactions are none.

        Headers are one text each: a column of lists makes Spark measure all of a batch of Arrow again for each of its
        rows, 40 us a record.
        """
        from pyspark.sql import functions as F  # noqa: PLC0415 - with a session, Spark is imported

        from clickstream_platform.events.frames import header_bytes  # noqa: PLC0415
        from clickstream_platform.streaming.sources.kafka.reader import read_kafka  # noqa: PLC0415

        event_id = header_bytes(self.event_id_header).alias("event_id")
        return read_kafka(spark, self, self.starts).withColumns({"event_id": event_id, "headers": F.to_json("headers")})

    def records(self, read: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch | PartRead]:
        """What was read, with the size of each record: Spark's own reader gives it whole."""
        import pyarrow as pa  # noqa: PLC0415 - only tasks read
        import pyarrow.compute as pc  # noqa: PLC0415

        for batch in read:
            yield batch.append_column("size", pc.binary_length(batch["value"]).cast(pa.int64()))

    def account(self, checkpoint: Checkpoint, batch_id: int, staged: StagedRecords) -> Account:
        """Offsets that Kafka let go before they were read. Spark passes over them without a word.

        Raises:
            SourceError: a topic was made again since the query began; Spark reads on in the new one.
        """
        topics, plan = topics_of(self), checkpoint.plan(batch_id)
        continuity.require_same_topics(topics, checkpoint)
        gone = continuity.vanished_offsets(
            topics, by_partition(checkpoint.start(batch_id)), by_partition(plan.end if plan else None)
        )
        if not gone or self.fail_on_data_loss:  # then Spark has read them: it would have stopped
            return Account()
        return Account(lost=continuity.lost_of_vanished(gone, staged.offsets(gone)))

    def recount(self, checkpoint: Checkpoint, entries: Callable[[], Iterable[Entry]], envelopes: Envelopes) -> Recount:
        """Read every batch's offsets again. Raises what :func:`.continuity.topic_progress` does, but for data loss."""
        now = continuity.topic_progress(replace(self, fail_on_data_loss=False), checkpoint)
        return recount_topics(self, now.topics, entries(), now.unread() if now.begun else {}, envelopes)

    def tap(self, spark: SparkSession, folder: Path, *, from_start: bool) -> DataFrame:
        """The records as they come, or of all that are there, for triggers that know no limits and no current time."""
        from clickstream_platform.streaming.sources.kafka.reader import tap_kafka  # noqa: PLC0415 - with a session

        return tap_kafka(spark, self, "earliest" if from_start else "latest")

    def explain_failure(self, failure: Exception, checkpoint: Checkpoint) -> Exception:
        """What the registry or the cluster says of a failure: one is down, or topics have changed; else the failure."""
        if refused := registry_refusal(failure):
            return refused
        try:
            continuity.topic_progress(self, checkpoint)
        except ClickstreamError as problem:
            return problem
        if any(sign in str(failure) for sign in _WAS_AWAY):
            finding = f"{self.servers} did not answer for some seconds, and does again"
            return UnreachableError("kafka", finding, "run it again: the next run goes on from there")
        return failure


_WAS_AWAY = (
    "org.apache.kafka.common.errors.TimeoutException",
    "org.apache.kafka.common.errors.DisconnectException",
    "java.util.concurrent.TimeoutException: Cannot fetch record",
)


def _names_in_words(topics: set[str]) -> str | None:
    return f"topic {', '.join(sorted(topics))}" if topics else None


def kafka_source(settings: Settings, url: str, name: str = MAIN) -> KafkaSource:
    """The source that ``kafka://host:port/topic`` names.

    Raises:
        SettingsError: the address is not of this form, or the options cannot connect.
    """
    servers, _, topics = url.removeprefix("kafka://").partition("/")  # a pattern may hold ? and #
    if not (_SERVERS.fullmatch(servers) and topics and "/" not in topics and _is_pattern(topics)):
        raise SettingsError("CLICKSTREAM_SOURCE", without_passwords(f"{url!r} is not allowed"), ALLOWED)
    options.check_options(settings.kafka_options)
    return KafkaSource(
        servers,
        topics,
        starting_at(settings.starting_offsets),
        settings.max_offsets_per_trigger,
        settings.min_partitions,
        settings.fail_on_data_loss,
        settings.kafka_options,
        settings.event_id_header,
        name,
    )


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True
