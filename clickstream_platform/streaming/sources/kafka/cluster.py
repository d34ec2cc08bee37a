"""What a Kafka cluster says of its topics: ids, partitions, offsets. No JVM."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from clickstream_platform.errors import ClickstreamError, SourceError, UnreachableError
from clickstream_platform.streaming.sources.kafka import options
from clickstream_platform.streaming.sources.kafka.offsets import split_partition

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, TopicPartition
    from confluent_kafka.admin import AdminClient

    from clickstream_platform.streaming.sources.kafka.source import KafkaSource

TIMEOUT = 3.0  # seconds for a broker to answer: a person waits for it, and so does Dagster's sensor
NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"  # what a cluster without topic ids answers


@dataclass(frozen=True)
class OffsetSpan:
    """The offsets of a partition: ``first`` included, ``end`` excluded. An open transaction ends them."""

    first: int
    end: int


@dataclass(frozen=True)
class Topics:
    """The topics of a source, as they are now.

    Attributes:
        ids: by topic; none where the cluster has no ids.
        spans: by partition.
    """

    ids: Mapping[str, str]
    spans: Mapping[str, OffsetSpan]


def topics_of(source: KafkaSource) -> Topics:
    """Ask for the source's topics: 2 ms once connected.

    Raises:
        UnreachableError: no answer within some seconds.
        SourceError: there is no such topic, or it may not be read.
    """
    with _translate_kafka_errors(source) as client:
        partitions = _partitions(client, source)
        ids = _ids(client, sorted({topic for topic, _ in partitions}))
        spec = _spec()
        firsts = _offsets(client, partitions, spec.earliest())
        ends = _offsets(client, partitions, spec.latest())
    return Topics(ids, {name: OffsetSpan(firsts[name], end) for name, end in ends.items()})


def offsets_at(source: KafkaSource, topics: Topics, moment: datetime) -> dict[str, int]:
    """Each partition's first offset that is not older than a moment, or its end. Raises what :func:`topics_of` does."""
    with _translate_kafka_errors(source) as client:
        partitions = [split_partition(name) for name in topics.spans]
        offsets = _offsets(client, partitions, _spec().for_timestamp(round(moment.timestamp() * 1000)))
    return {name: topics.spans[name].end if offset < 0 else offset for name, offset in offsets.items()}


@contextmanager
def _translate_kafka_errors(source: KafkaSource) -> Generator[AdminClient]:
    """A block that talks to the cluster: its failures become errors that a person can act on."""
    from confluent_kafka import KafkaException  # noqa: PLC0415 - only who reads from Kafka pays for it

    client, met = _client(source.servers, tuple(sorted(options.for_client(source.options).items())))
    client.poll(0)  # what it met since it was last asked is an old story
    met.clear()
    try:
        yield client
    except KafkaException as failed:
        client.poll(0)  # lets it say what it met
        raise _error_of(source, failed.args[0], met) from failed


@lru_cache(maxsize=4)
def _client(servers: str, options: tuple[tuple[str, str], ...]) -> tuple[AdminClient, list[KafkaError]]:
    """One client a cluster for the life of the process, as connecting costs more than asking; and what it met."""
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415

    met: list[KafkaError] = []
    own: dict[str, Any] = {
        "bootstrap.servers": servers,
        "reconnect.backoff.max.ms": 500,  # a broker that is back is noticed at once
        "log_level": 0,  # what is raised here need not be in stderr too
        "error_cb": met.append,
    }
    return AdminClient({**dict(options), **own}), met


def _partitions(client: AdminClient, source: KafkaSource) -> list[tuple[str, int]]:
    there = client.list_topics(timeout=TIMEOUT).topics  # of all topics: asking for one by name may make it
    for name in source.names:
        if name not in there:
            finding = f"there is no such topic at {source.servers}"
            raise SourceError(name, finding, "create it, or set CLICKSTREAM_SOURCE")
    read = {topic: about for topic, about in there.items() if source.reads(topic)}
    if not read:
        finding = f"no topic at {source.servers} has a name of this pattern"
        raise SourceError(source.topics, finding, "create one, or set CLICKSTREAM_SOURCE")
    return [(topic, number) for topic, about in read.items() for number in about.partitions]


def _ids(client: AdminClient, topics: list[str]) -> dict[str, str]:
    from confluent_kafka import TopicCollection  # noqa: PLC0415

    answers = client.describe_topics(TopicCollection(topics), request_timeout=TIMEOUT)
    ids = {topic: str(answer.result().topic_id) for topic, answer in answers.items()}
    return {topic: topic_id for topic, topic_id in ids.items() if topic_id != NO_ID}


def _is_moving(error: BaseException) -> bool:
    """Whether a partition has no leader just now: its topic was made a moment ago, its broker is going or came back."""
    from confluent_kafka import KafkaError, KafkaException  # noqa: PLC0415

    moving = (
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
    )
    return isinstance(error, KafkaException) and error.args[0].code() in moving


@retry(retry=retry_if_exception(_is_moving), stop=stop_after_delay(TIMEOUT), wait=wait_fixed(0.1), reraise=True)
def _offsets(client: AdminClient, partitions: list[tuple[str, int]], spec: Any) -> dict[str, int]:
    from confluent_kafka import IsolationLevel, TopicPartition  # noqa: PLC0415

    wanted: dict[TopicPartition, Any] = {TopicPartition(*partition): spec for partition in partitions}
    level = IsolationLevel.READ_COMMITTED
    answers = client.list_offsets(wanted, isolation_level=level, request_timeout=TIMEOUT)
    return {f"{asked.topic}/{asked.partition}": answer.result().offset for asked, answer in answers.items()}


def _spec() -> Any:
    from confluent_kafka.admin import (  # noqa: PLC0415
        OffsetSpec,  # pyright: ignore[reportPrivateImportUsage] - documented, but not in its __all__
    )

    return OffsetSpec


def _error_of(source: KafkaSource, error: KafkaError, met: list[KafkaError]) -> ClickstreamError:
    from confluent_kafka import KafkaError as Code  # noqa: PLC0415

    refused = [each for each in (error, *met) if each.code() in (Code._AUTHENTICATION, Code._SSL, Code._INVALID_ARG)]  # pyright: ignore[reportPrivateUsage]
    if refused:
        finding = f"{source.servers} does not let us in ({refused[-1].str()})"
        return SourceError("kafka", finding, "mend CLICKSTREAM_KAFKA_OPTIONS")
    if error.code() in (Code.TOPIC_AUTHORIZATION_FAILED, Code.CLUSTER_AUTHORIZATION_FAILED):
        return SourceError("kafka", f"{source.topics} may not be read ({error.str()})", "grant this user read access")
    finding = f"{source.servers} does not answer within {TIMEOUT:g} s ({error.str()})"
    return UnreachableError("kafka", finding, "start Kafka, or set CLICKSTREAM_SOURCE")
