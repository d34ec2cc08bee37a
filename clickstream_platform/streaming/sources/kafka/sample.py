"""A look at the newest records of topics: as a run is given them, but without a checkpoint, and not booked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from clickstream_platform.events.timestamps import INSTANT
from clickstream_platform.streaming.sources.kafka.cluster import topics_of
from clickstream_platform.streaming.sources.kafka.offsets import split_partition
from clickstream_platform.streaming.sources.kafka.recount import next_before, open_consumer

if TYPE_CHECKING:
    from confluent_kafka import Message

    from clickstream_platform.streaming.sources.kafka.source import KafkaSource


def sample_topics(source: KafkaSource, count: int) -> Iterator[pa.RecordBatch]:
    """About the newest ``count`` records of all partitions together, those of aborted transactions left out.

    Returns:
        A batch a partition: ``source``, ``partition``, ``offset``, ``value``, ``size``, ``arrived_at``, ``event_id``.

    Raises:
        UnreachableError: the cluster does not answer, or stops to.
        SourceError: there is no such topic, or it may not be read.
    """
    from confluent_kafka import TopicPartition  # noqa: PLC0415 - only who reads from Kafka pays for it

    spans = {name: span for name, span in topics_of(source).spans.items() if span.end > span.first}
    each = -(-count // max(1, len(spans)))
    with open_consumer(source) as consumer:
        for partition, span in sorted(spans.items()):
            topic, number = split_partition(partition)
            consumer.assign([TopicPartition(topic, number, max(span.first, span.end - each))])
            messages: list[Message] = []
            while (message := next_before(span.end, consumer, partition)) is not None:
                messages.append(message)
            yield _batch(source, partition, messages)


def _batch(source: KafkaSource, partition: str, messages: list[Message]) -> pa.RecordBatch:
    now_us = time.time_ns() // 1000
    values = [_bytes(message.value()) for message in messages]
    return pa.RecordBatch.from_pydict(
        {
            "source": pa.array([source.origin] * len(messages), pa.string()),
            "partition": pa.array([partition] * len(messages), pa.string()),
            "offset": pa.array([message.offset() for message in messages], pa.int64()),
            "value": pa.array(values, pa.binary()),
            "size": pa.array([None if value is None else len(value) for value in values], pa.int64()),
            "arrived_at": pa.array([min(m.timestamp()[1] * 1000, now_us) for m in messages], pa.int64()).cast(INSTANT),
            "event_id": pa.array([_header(message, source.event_id_header) for message in messages], pa.binary()),
        }
    )


def _header(message: Message, name: str) -> bytes | None:
    headers: Any = message.headers() or ()
    return next((_bytes(value) for key, value in reversed([*headers]) if name and key == name), None)


def _bytes(value: Any) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
