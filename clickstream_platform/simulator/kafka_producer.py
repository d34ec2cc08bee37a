"""Simulated records into a Kafka topic, as producers send them: keyed by user, over all partitions."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from clickstream_platform.errors import SourceError, UnreachableError
from clickstream_platform.simulator.expected import Simulation, Truth
from clickstream_platform.simulator.landing import deliver_live
from clickstream_platform.simulator.simulation import Shares
from clickstream_platform.streaming.sources.kafka import options
from clickstream_platform.streaming.sources.kafka.cluster import TIMEOUT

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

    from clickstream_platform.streaming.sources.kafka.source import KafkaSource

Sent = tuple[bytes | None, bytes | None]  # a record's key and value

PARTITIONS = 4
LARGEST = 2_000_000  # bytes: what is too large for `events` must still reach the broker, which decides for itself
_USER = re.compile(rb'"user_id": ?"([^"\\]+)"')


def make_topic(source: KafkaSource, partitions: int = PARTITIONS) -> bool:
    """Make the source's one topic, unless it is there. Returns whether it was made.

    Raises:
        SourceError: the source names several topics, or the cluster does not make it.
        UnreachableError: the cluster does not answer.
    """
    from confluent_kafka import KafkaError, KafkaException  # noqa: PLC0415 - only who produces pays for it
    from confluent_kafka.admin import (  # noqa: PLC0415
        AdminClient,
        NewTopic,  # pyright: ignore[reportPrivateImportUsage] - documented, but not in its __all__
    )

    topic = _only(source)
    try:
        client = AdminClient(_conf(source))
        if topic in client.list_topics(timeout=TIMEOUT).topics:
            return False
        client.create_topics([NewTopic(topic, partitions)], request_timeout=TIMEOUT)[topic].result()
    except KafkaException as failed:
        error: KafkaError = failed.args[0]
        if error.code() == KafkaError._TRANSPORT:  # pyright: ignore[reportPrivateUsage]
            raise UnreachableError("kafka", f"{source.servers} does not answer", "clickstream kafka up") from failed
        raise SourceError(topic, f"it cannot be made ({error.str()})", "make it by hand") from failed
    return True


class RecordSender:
    """One client that sends into the source's one topic. Each record is there once, also if it had to be sent again."""

    def __init__(self, source: KafkaSource) -> None:
        from confluent_kafka import Producer  # noqa: PLC0415

        self._source, self._topic = source, _only(source)
        own = {"enable.idempotence": True, "message.max.bytes": LARGEST, "linger.ms": 20}
        self._producer = Producer({**_conf(source), **own})
        self._refused: list[KafkaError] = []

    def send(self, records: Iterable[Sent]) -> int:
        """Send these, in the order of each key, and wait until the cluster has them all. Returns how many.

        Raises:
            SourceError: the cluster refused one of them.
            UnreachableError: the cluster does not answer.
        """
        self._refused.clear()
        count = 0
        for count, (key, value) in enumerate(records, start=1):  # noqa: B007 - the last one counts
            self._queue(key, value)
        if self._producer.flush(10 * TIMEOUT):
            finding = f"{self._source.servers} does not take what is sent"
            raise UnreachableError("kafka", finding, "start Kafka, and send it again")
        if self._refused:
            finding = f"{len(self._refused)} of {count} records were refused ({self._refused[0].str()})"
            raise SourceError(self._topic, finding, "mend that; what was sent before stays")
        return count

    def _queue(self, key: bytes | None, value: bytes | None) -> None:
        while True:
            try:
                self._producer.produce(self._topic, value, key, on_delivery=self._delivered)
            except BufferError:  # the client's queue is full
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error:
            self._refused.append(error)


def key_by_visitor(lines: Iterable[bytes]) -> Iterator[Sent]:
    """Each line with its visitor as key; a line that names none goes to any partition."""
    for line in lines:
        user = _USER.search(line)
        yield user and user[1], line


def with_tombstones(records: Iterable[Sent], share: float, seed: int) -> Iterator[Sent]:
    """The records, and behind a share of them a tombstone: a null for the same key, as compacted topics have."""
    rng = Random(seed)
    for key, value in records:
        yield key, value
        if rng.random() < share:
            yield key, None


def produce(
    source: KafkaSource, simulated: Simulation, no_value: float, *, arrivals: int = 2, only: int | None = None
) -> tuple[int, Truth]:
    """Send all parts or one. Returns how many records, and what holds once those up to there have been read."""
    records = simulated.records if only is None else simulated.arrival(only, arrivals=arrivals)
    truth = simulated.truth if only is None else simulated.truth_after(only, arrivals=arrivals)
    keyed_records = key_by_visitor(record.line for record in records)
    sent = RecordSender(source).send(with_tombstones(keyed_records, no_value, simulated.seed))
    if without := sent - len(records):
        truth = replace(truth, records=truth.records + without, quarantined={**truth.quarantined, "no_value": without})
    return sent, truth


def produce_live(
    source: KafkaSource,
    rate_per_second: float,
    seed: int,
    no_value: float,
    *,
    duration: timedelta | None = None,
    shares: Shares | None = None,
) -> int:
    """Send what visitors do now, once a second, as :func:`~clickstream_platform.simulator.landing.deliver_live`."""
    sender, seconds = RecordSender(source), itertools.count(seed)

    def send(_: datetime, lines: list[bytes]) -> None:
        sender.send(with_tombstones(key_by_visitor(lines), no_value, next(seconds)))

    return deliver_live(send, rate_per_second, seed, duration=duration, shares=shares)


def _only(source: KafkaSource) -> str:
    if len(source.names) != 1:
        raise SourceError("simulate", f"{source.topics} is not one topic", "name one in CLICKSTREAM_SOURCE")
    return source.names[0]


def _conf(source: KafkaSource) -> dict[str, Any]:
    return {**options.for_client(source.options), "bootstrap.servers": source.servers, "log_level": 0}
