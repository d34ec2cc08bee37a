"""What each failure of a topic, a broker or the way to it looks like."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from clickstream_platform.errors import CheckpointError, DataLossError, SourceError, UnreachableError
from clickstream_platform.settings import from_env
from clickstream_platform.streaming.observe.lag import require_source
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.sources.source import Lag
from clickstream_platform_tests.conftest import event
from clickstream_platform_tests.topic_lab import (
    assert_balanced,
    assert_conserved,
    ingest,
    numbered,
    recount,
    unread,
    users,
)

if TYPE_CHECKING:
    from clickstream_platform.simulator.broker import Broker
    from clickstream_platform_tests.conftest import Lab
    from clickstream_platform_tests.topics import Topic

pytestmark = pytest.mark.spark

SPARKS_PATIENCE = 180  # seconds that Spark waits for a broker by default; ours is over within ten


def test_files_and_topics_do_not_take_turns_in_one_home(lab: Lab, topic: Topic) -> None:
    topic.made().send(event("t"))
    lab.land(event("f"))
    ingest(lab)
    with pytest.raises(CheckpointError, match="events: it was read from files"):
        unread(lab.reading(topic.url))
    other = lab.reading(topic.url, home=lab.settings.home / "other")
    ingest(other)
    with pytest.raises(CheckpointError, match="events: it was read from Kafka"):
        unread(other.reading(""))


def test_a_topic_that_is_not_there_is_named(kafka: Lab, topic: Topic) -> None:
    with pytest.raises(SourceError, match=f"{topic.name}: there is no such topic"):
        ingest(kafka)
    assert not kafka.lake.events.exists
    with pytest.raises(SourceError, match="has a name of this pattern"):
        ingest(kafka.reading(f"{topic.url}[0-9]+"))


@pytest.mark.parametrize("records", [1, 20])
def test_a_topic_that_was_made_again_is_noticed_also_when_it_grew(kafka: Lab, topic: Topic, records: int) -> None:
    topic.made()
    topic.send(*numbered(5))
    ingest(kafka)
    topic.remade().send(*numbered(records, first=100))
    for asked in (ingest, unread, lambda lab: ingest(lab.reading(topic.url, fail_on_data_loss=False))):
        with pytest.raises(SourceError, match="it was deleted and made again"):
            asked(kafka)
    assert len(users(kafka)) == 5


def test_a_topic_that_is_made_again_in_a_run_is_noticed_before_anything_of_it_lands(kafka: Lab, topic: Topic) -> None:
    kafka = _in_small_batches(kafka, topic)
    topic.made(1)
    topic.send(*numbered(300, padding="x" * 2_000))
    with pytest.raises(SourceError, match="it was deleted and made again"):
        ingest(kafka, hooks=Hooks(committed=lambda _: topic.remade(1).send(*numbered(400, first=1000))))
    assert users(kafka) == [f"u{number:04d}" for number in range(100)]
    assert_balanced(kafka)
    with pytest.raises(SourceError, match="it was deleted and made again"):
        recount(kafka)


def test_a_topic_that_was_left_out_does_not_come_back_to_be_read_twice(lab: Lab, topic: Topic) -> None:
    one, two = (type(topic)(topic.address, f"{topic.name}-{n}") for n in (1, 2))
    one.made(1).send(*numbered(2))
    two.made(1).send(event("two"))
    both = lab.reading(f"{one.url},{two.name}", fail_on_data_loss=False)
    ingest(both)
    two.send(event("more"))
    ingest(lab.reading(two.url, fail_on_data_loss=False))
    one.send(event("one"))
    with pytest.raises(SourceError, match=f"{one.name}: partition 0 was read up to offset 2, then .* left it out"):
        ingest(both)
    assert users(lab) == ["more", "two", "u0000", "u0001"]


def test_after_that_the_same_lake_goes_on_with_a_topic_of_another_name(kafka: Lab, topic: Topic) -> None:
    topic.made()
    topic.send(*numbered(5))
    ingest(kafka)
    topic.remade()
    other = type(topic)(topic.address, f"{topic.name}-2").made(1)
    other.send(event("v"))
    with pytest.raises(DataLossError, match="all from offset 5 on"):
        ingest(kafka.reading(other.url))
    report = ingest(kafka.reading(other.url, fail_on_data_loss=False))
    assert report.lost == [{f"{topic.name}/0": [(5, None)], f"{topic.name}/1": [(0, None)]}]
    other.send(event("w"))
    ingest(kafka.reading(other.url))
    assert users(kafka)[5:] == ["v", "w"]
    assert_conserved(kafka.reading(other.url))


def test_what_retention_removed_stops_a_run_or_is_booked(
    kafka: Lab, topic: Topic, caplog: pytest.LogCaptureFixture
) -> None:
    topic.made()
    topic.send(*numbered(10))
    ingest(kafka)
    topic.send(*numbered(1990, first=10))
    topic.forget(0, before=1200)
    with pytest.raises(DataLossError) as lost:
        ingest(kafka)
    assert lost.value.finding == (
        f"1,190 records that no batch has read are gone ({topic.name}, partition 0: offsets 10 to 1199)"
    )
    assert "CLICKSTREAM_FAIL_ON_DATA_LOSS=false" in lost.value.remedy
    kafka = kafka.reading(topic.url, fail_on_data_loss=False, max_offsets_per_trigger=1000)
    assert unread(kafka) == Lag(800, "records")
    report = ingest(kafka)
    assert [dict(batch.account.lost) for batch in report.batches] == [
        {f"{topic.name}/0": [(10, 1010)]},
        {f"{topic.name}/0": [(1010, 1200)]},
    ]
    assert "offsets 10 to 1009 were gone before they were read" in caplog.text
    assert (report.rows_in, len(users(kafka))) == (800, 810)
    assert_conserved(kafka)


def test_what_retention_removes_in_a_run_stops_it_too(kafka: Lab, topic: Topic) -> None:
    kafka = _in_small_batches(kafka, topic)
    topic.made()
    topic.send(*numbered(300, padding="x" * 2_000))
    with pytest.raises(DataLossError, match="partition 0: offsets 100 to 289"):
        ingest(kafka, hooks=Hooks(committed=lambda _: topic.forget(0, before=290)))
    assert len(users(kafka)) == 100


def test_a_broker_that_is_down_is_told_of_before_a_jvm_would_start(kafka: Lab, topic: Topic, broker: Broker) -> None:
    topic.made()
    broker.down()
    try:
        with pytest.raises(UnreachableError, match="does not answer within 3 s"):
            require_source(kafka.contracts.values(), kafka.lake)
    finally:
        broker.up(from_env().cache)


def test_a_broker_that_goes_down_in_a_run_is_told_of_in_seconds_and_the_next_run_is_exact(
    kafka: Lab, topic: Topic, broker: Broker
) -> None:
    kafka = _in_small_batches(kafka, topic)
    topic.made()
    topic.send(*numbered(300, padding="x" * 2_000))
    stopped_at: list[float] = []

    def down(_: object) -> None:
        if not stopped_at:
            broker.down()
            stopped_at.append(time.monotonic())

    try:
        with pytest.raises(UnreachableError, match="does not answer"):
            ingest(kafka, hooks=Hooks(committed=down))
        assert time.monotonic() - stopped_at[0] < SPARKS_PATIENCE / 2  # however slow the machine
    finally:
        broker.up(from_env().cache)
    ingest(kafka)
    assert len(set(users(kafka))) == kafka.table("events").count() == 300
    assert_conserved(kafka)


def test_a_broker_that_is_restarted_in_a_run_delays_it(kafka: Lab, topic: Topic, broker: Broker) -> None:
    kafka = _in_small_batches(kafka, topic)
    topic.made()
    topic.send(*numbered(300, padding="x" * 2_000))
    restarted: list[str] = []

    def restart(_: object) -> None:
        if not restarted:
            broker.down()
            restarted.append(broker.up(from_env().cache))

    ingest(kafka, hooks=Hooks(committed=restart))
    assert restarted == [topic.address]
    assert len(set(users(kafka))) == kafka.table("events").count() == 300
    assert_conserved(kafka)


def _in_small_batches(lab: Lab, topic: Topic) -> Lab:
    """Little is fetched ahead, so that every batch asks the broker."""
    options = {"kafka.max.partition.fetch.bytes": "20000", "kafka.max.poll.records": "5"}
    return lab.reading(topic.url, max_offsets_per_trigger=100, kafka_options=options)
