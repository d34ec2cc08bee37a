"""The topics against the ledger, range by range: what a client of its own reads of each, without Spark."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clickstream_platform.errors import UnreachableError
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.sources.envelope_count import Envelopes, Tally, describe_unknown
from clickstream_platform.streaming.sources.kafka import options
from clickstream_platform.streaming.sources.kafka.cluster import TIMEOUT, OffsetSpan, Topics
from clickstream_platform.streaming.sources.kafka.offsets import by_partition, split_partition
from clickstream_platform.streaming.sources.recount import Recount, VanishedInput

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

    from clickstream_platform.streaming.sources.kafka.source import KafkaSource

_SILENCE = 15.0  # seconds without a record or an end: a broker that is there answers within milliseconds


@dataclass
class _Range:
    """The offset range of one batch, by partition, how many records are found in it, and how many events in these."""

    entry: Entry
    spans: dict[str, OffsetSpan]
    tally: Tally | None
    records: int = 0
    gone: list[str] = field(default_factory=list[str])


def recount_topics(
    source: KafkaSource,
    topics: Topics,
    entries: Iterable[Entry],
    unread: Mapping[str, int],
    envelopes: Envelopes | None = None,
) -> Recount:
    """Count the records of every batch's offset range again, and compare them with what was booked.

    Offsets that hold no record, such as a transaction's marks, count for nothing, and neither do the records of an
    aborted transaction.

    Args:
        source: the topics.
        topics: what the cluster has of them.
        entries: the ledger of ``events``.
        unread: offsets that no committed batch has read, by partition.
        envelopes: how records are opened today; without, the events in them are not counted.

    Raises:
        UnreachableError: the cluster stops answering, or a registry whose schemas are wanted.
    """
    envelopes = envelopes or Envelopes()
    read = sorted(entries, key=lambda entry: entry.committed_at_ms)
    ranges = [_range(entry, topics, envelopes) for entry in read]
    compacted = _compacted_topics(source, sorted({split_partition(name)[0] for name in topics.spans}))
    with open_consumer(source) as consumer:
        for partition in sorted({name for each in ranges for name in each.spans}):
            _count(consumer, partition, [each for each in ranges if partition in each.spans], topics)
    verdicts = [_verdict(each, compacted) for each in ranges]
    tallies = [each.tally for each in ranges if each.tally]
    return Recount(
        "offset ranges",
        checked=sum(not isinstance(verdict, VanishedInput) for verdict in verdicts),
        records=sum(each.records for each in ranges),
        unread={name: count for name, count in unread.items() if count},
        gone=tuple(verdict for verdict in verdicts if isinstance(verdict, VanishedInput)),
        notes=(*envelopes.mapping_changes(read), *describe_unknown(tallies)),
        errors=tuple(verdict for verdict in verdicts if isinstance(verdict, str)),
        opened=sum(each.opened for each in tallies),
        inside=sum(each.inside for each in tallies),
    )


def _verdict(of_batch: _Range, compacted: set[str]) -> VanishedInput | str | None:
    """What can no longer be counted, or a contradiction; None if all that was booked is there."""
    booked, what = of_batch.entry.rows_in, f"batch {of_batch.entry.batch_id} ({_describe_spans(of_batch.spans)})"
    if of_batch.records > booked:
        return f"{what} holds {of_batch.records:,} records, booked are {booked:,}: some are in no table"
    if of_batch.records == booked:
        differs = of_batch.tally and of_batch.tally.contradiction(of_batch.entry)
        return f"{what} {differs}" if differs else None
    if of_batch.gone or any(split_partition(name)[0] in compacted for name in of_batch.spans):
        why = "; ".join(of_batch.gone) or "its topic is compacted"
        return VanishedInput(what, None, booked, f"{why}; {of_batch.records:,} of its records are there")
    return f"{what} holds {of_batch.records:,} records, booked are {booked:,}"


def _range(entry: Entry, topics: Topics, envelopes: Envelopes) -> _Range:
    first, last = by_partition(entry.start), by_partition(entry.end)
    spans = {name: OffsetSpan(first.get(name, 0), end) for name, end in last.items() if end > first.get(name, 0)}
    to_count = _Range(entry, spans, envelopes.tally(entry))
    for name, span in spans.items():
        if name not in topics.spans:
            to_count.gone.append(f"{name} is no longer there")
        elif topics.spans[name].first > span.first:
            to_count.gone.append(f"{name} begins at offset {topics.spans[name].first:,} by now")
    return to_count


def _describe_spans(spans: Mapping[str, OffsetSpan]) -> str:
    ranges = [f"{name}: {span.first} to {span.end - 1}" for name, span in sorted(spans.items())]
    return ", ".join(ranges[:3]) + (f" and {len(ranges) - 3} partitions more" if len(ranges) > 3 else "")


def _count(consumer: Consumer, partition: str, ranges: list[_Range], topics: Topics) -> None:
    """Read a partition once, from the first of its ranges to the last, and count what lies in each."""
    from confluent_kafka import TopicPartition  # noqa: PLC0415

    there = topics.spans.get(partition)
    if there is None:
        return
    waiting = sorted(ranges, key=lambda each: each.spans[partition].first)
    begin, end = max(waiting[0].spans[partition].first, there.first), waiting[-1].spans[partition].end
    if begin >= end:
        return
    topic, number = split_partition(partition)
    consumer.assign([TopicPartition(topic, number, begin)])
    while (message := next_before(end, consumer, partition)) is not None:
        offset = message.offset() or 0
        while waiting and offset >= waiting[0].spans[partition].end:
            waiting.pop(0)
        if waiting and offset >= waiting[0].spans[partition].first:
            waiting[0].records += 1
            if waiting[0].tally:
                waiting[0].tally.add(message.value(), is_of_topic=True)


def next_before(end: int, consumer: Consumer, partition: str) -> Message | None:
    """The next record before an offset; None if there is none. Raises an UnreachableError."""
    from confluent_kafka import KafkaError, KafkaException  # noqa: PLC0415

    message = consumer.poll(_SILENCE)
    if message is None:
        finding = f"nothing came of {partition} for {_SILENCE:g} s"
        raise UnreachableError("kafka", finding, "start Kafka, and run it again")
    if error := message.error():
        if error.code() == KafkaError._PARTITION_EOF:  # pyright: ignore[reportPrivateUsage]
            return None
        raise UnreachableError("kafka", f"{partition} cannot be read ({error.str()})", "run it again") from (
            KafkaException(error)
        )
    offset = message.offset()
    return message if offset is not None and offset < end else None


@contextmanager
def open_consumer(source: KafkaSource) -> Generator[Consumer]:
    """A consumer that joins no group and commits nothing."""
    from confluent_kafka import Consumer  # noqa: PLC0415 - only who reads from Kafka pays for it

    own: dict[str, Any] = {
        "bootstrap.servers": source.servers,
        "group.id": "clickstream-verify",  # it must have one all the same
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "log_level": 0,
    }
    consumer = Consumer({**options.for_client(source.options), **own})
    try:
        yield consumer
    finally:
        consumer.close()


def _compacted_topics(source: KafkaSource, topics: list[str]) -> set[str]:
    """The topics of which Kafka keeps only the newest record of a key: others vanish after they were read."""
    from confluent_kafka import KafkaException  # noqa: PLC0415
    from confluent_kafka.admin import (  # noqa: PLC0415
        AdminClient,
        ConfigResource,  # pyright: ignore[reportPrivateImportUsage] - documented, but not in its __all__
        ResourceType,  # pyright: ignore[reportPrivateImportUsage]
    )

    client = AdminClient({**options.for_client(source.options), "bootstrap.servers": source.servers, "log_level": 0})
    asked = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
    answers = client.describe_configs(asked, request_timeout=TIMEOUT)
    try:
        policies = {asked.name: answer.result()["cleanup.policy"].value for asked, answer in answers.items()}
    except (KafkaException, KeyError):  # not everybody may ask; then what is missing is an error
        return set()
    return {topic for topic, policy in policies.items() if policy and "compact" in policy}
