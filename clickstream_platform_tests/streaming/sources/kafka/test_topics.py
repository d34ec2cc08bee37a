"""A real broker, real topics: what is read of them."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import functions as F

from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.maintenance.erasure import forget
from clickstream_platform.streaming.sources.kafka.cluster import topics_of
from clickstream_platform.streaming.sources.kafka.recount import recount_topics
from clickstream_platform.streaming.sources.kafka.source import KafkaSource
from clickstream_platform.streaming.sources.recount import VanishedInput
from clickstream_platform.streaming.sources.source import Lag
from clickstream_platform_tests.conftest import event
from clickstream_platform_tests.topic_lab import assert_conserved, ingest, numbered, recount, unread, users
from clickstream_platform_tests.waiting import wait_until

if TYPE_CHECKING:
    from clickstream_platform_tests.conftest import Lab
    from clickstream_platform_tests.topics import Topic

pytestmark = pytest.mark.spark


def test_a_record_is_kept_with_its_key_its_headers_and_its_place(kafka: Lab, topic: Topic) -> None:
    topic.made()
    about: dict[str, Any] = {
        "key": b"k\xff",
        "headers": [("trace", b"1"), ("trace", b"2")],
        "timestamp": 1_709_287_200_123,
    }
    topic.send(event("u"), partition=1, **about)
    topic.send(event("v"))
    ingest(kafka)
    times = F.unix_millis("arrived_at").alias("ms"), F.unix_millis("record_time").alias("own_ms"), "record_time_type"
    columns = ("source", "partition", "offset", "key", "headers", *times)
    u, v = kafka.table("events").select(*columns).orderBy("user_id").collect()
    assert (u["source"], u["partition"], u["offset"]) == ("kafka", f"{topic.name}/1", 0)
    assert bytes(u["key"]) == b"k\xff"
    assert [(h["key"], bytes(h["value"])) for h in u["headers"]] == [("trace", b"1"), ("trace", b"2")]
    assert u["ms"] == 1_709_287_200_123 == u["own_ms"]
    assert u["record_time_type"] == "CreateTime"
    assert (v["partition"], v["key"], v["headers"]) == (f"{topic.name}/0", None, None)


def test_an_event_id_may_come_in_a_header(kafka: Lab, topic: Topic) -> None:
    kafka = kafka.reading(topic.url, event_id_header="id")
    topic.made()
    topic.send(event("u"), headers=[("id", b"1")])
    topic.send(event("u"), headers=[("id", b"1")], partition=1)
    topic.send(event("v", event_id="v's"), headers=[("id", b" ")])
    topic.send(event("w", event_id="w's"), headers=[("other", b"2")])
    report = ingest(kafka)
    assert report.duplicates == 1
    ids = {row["user_id"]: row["event_id"] for row in kafka.table("events").collect()}
    assert ids == {"u": "1", "v": "v's", "w": "w's"}


def test_what_is_no_event_is_quarantined_with_its_bytes(kafka: Lab, topic: Topic) -> None:
    faulty = [None, b"", b"{", b"\xff\xfe", json.dumps(event(padding="x" * 1_000_000)).encode()]
    topic.made(1)
    topic.send(event(), *faulty)
    ingest(kafka)
    found = kafka.table("quarantine").orderBy("offset").collect()
    assert [row["value"] if row["value"] is None else bytes(row["value"]) for row in found] == faulty
    assert [row["reasons"] for row in found] == [["no_value"], *[["malformed_json"]] * 3, ["too_large"]]
    assert_conserved(kafka)


def test_whoever_is_forgotten_is_in_no_key_and_no_header(kafka: Lab, topic: Topic) -> None:
    topic.made(1)
    topic.send(event("anna"), event("ben"))
    topic.send(None, key=b"anna")
    topic.send(b"{", headers=[("user", b"anna")])
    topic.send(None, key=b"ben")
    ingest(kafka)
    forget("anna", [kafka.contracts["events"]], kafka.spark, kafka.lake)
    assert users(kafka) == ["ben"]
    assert [bytes(row["key"]) for row in kafka.table("quarantine").collect()] == [b"ben"]


def test_records_of_an_aborted_transaction_are_none(kafka: Lab, topic: Topic) -> None:
    topic.made()
    topic.send(*numbered(5), aborted=True)
    topic.send(*numbered(3, first=100), aborted=False)
    topic.send(event("v"))
    assert unread(kafka) == Lag(11, "records")  # with both marks
    ingest(kafka)
    assert users(kafka) == ["u0100", "u0101", "u0102", "v"]
    assert unread(kafka) == Lag(0, "records")
    assert_conserved(kafka)
    assert recount(kafka).records == 4


def test_a_topic_is_counted_again_range_by_range(kafka: Lab, topic: Topic) -> None:
    topic.made(2)
    topic.send(*numbered(5), partition=0)
    ingest(kafka)
    topic.send(*numbered(3, first=5), partition=1)
    topic.send(*numbered(2, first=8), aborted=True)
    ingest(kafka)
    topic.send(event("v"), partition=1)
    found = recount(kafka)
    assert (found.checked, found.records, found.unread, found.errors) == (2, 8, {f"{topic.name}/1": 1}, ())

    source, (second, first) = kafka.contracts["events"].offsets, entries(kafka.lake.events)
    assert isinstance(source, KafkaSource)
    booked = [replace(first, rows_in=4), replace(second, rows_in=4)]
    assert recount_topics(source, topics_of(source), booked, {}).errors == (
        f"batch 0 ({topic.name}/0: 0 to 4) holds 5 records, booked are 4: some are in no table",
        f"batch 1 ({topic.name}/0: 5 to 7, {topic.name}/1: 0 to 2) holds 3 records, booked are 4",
    )
    topic.forget(0, before=2)
    (gone,) = recount(kafka).gone
    assert gone == VanishedInput(
        f"batch 0 ({topic.name}/0: 0 to 4)",
        None,
        5,
        f"{topic.name}/0 begins at offset 2 by now; 3 of its records are there",
    )


def test_a_compacted_topic_has_holes_and_nothing_is_missed(kafka: Lab, topic: Topic) -> None:
    topic.made(1, cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.01")
    topic.send(*numbered(50), key=b"same")
    time.sleep(0.2)  # so that the next record begins a segment: the active one is never compacted
    topic.send(event("last"), key=b"other")
    wait_until(lambda: _records(topic) < 51)
    report = ingest(kafka)
    assert report.rows_in < 51
    assert "last" in users(kafka)
    assert_conserved(kafka)


def test_a_producers_clock_moves_nothing(kafka: Lab, topic: Topic) -> None:
    topic.made(1, message_timestamp_after_max_ms=str(2**62))
    now_ms = time.time_ns() // 1_000_000
    at = datetime.fromtimestamp(now_ms / 1000, timezone.utc).isoformat()
    topic.send(event("ahead", at), timestamp=now_ms + 10 * 365 * 86_400_000)
    topic.send(event("beyond", at), timestamp=253_402_300_800_000)  # 10000-01-01
    topic.send(event("behind", at), timestamp=now_ms - 86_400_000)
    ingest(kafka)
    times = F.unix_millis("arrived_at").alias("ms"), F.unix_millis("record_time").alias("own_ms")
    ahead, beyond = kafka.table("events").select("user_id", *times).orderBy("user_id").collect()
    assert (ahead["user_id"], beyond["user_id"]) == ("ahead", "beyond")
    assert max(ahead["ms"], beyond["ms"]) - now_ms < 120_000
    assert beyond["own_ms"] is None  # no client could show it
    assert ahead["own_ms"] == now_ms + 10 * 365 * 86_400_000  # kept as it came, beside the arrival that is believed
    (behind,) = kafka.table("quarantine").select("reasons", *times).collect()
    assert behind["reasons"] == ["future_timestamp"]  # by the record's own time; its bytes are kept
    assert behind["ms"] == behind["own_ms"] == now_ms - 86_400_000


def test_a_record_says_whether_its_broker_or_its_producer_set_its_time(kafka: Lab, topic: Topic) -> None:
    topic.made(1, message_timestamp_type="LogAppendTime")
    topic.send(event("u"), timestamp=1_709_287_200_123)
    ingest(kafka)
    (found,) = kafka.table("events").select("record_time", "arrived_at", "record_time_type").collect()
    assert found["record_time_type"] == "LogAppendTime"
    assert found["record_time"] == found["arrived_at"] > datetime(2024, 3, 2)


def test_a_slow_partition_holds_nothing_back(kafka: Lab, topic: Topic) -> None:
    kafka = kafka.reading(topic.url, max_offsets_per_trigger=300, min_partitions=4)
    topic.made(2)
    topic.send(*numbered(1000), partition=0)
    topic.send(*numbered(10, first=2000), partition=1)
    report = ingest(kafka)
    assert (report.rows_in, len(report.batches)) == (1010, 4)
    assert kafka.table("events").count() == 1010
    assert_conserved(kafka)


def test_several_topics_and_a_pattern_are_read_also_what_is_added(lab: Lab, topic: Topic) -> None:
    one, two, three = (type(topic)(topic.address, f"{topic.name}.{n}") for n in (1, 2, 3))
    one.made(1).send(event("one"))
    two.made(1).send(event("two"))
    lab = lab.reading(f"{one.url},{two.name}")
    ingest(lab)
    assert users(lab) == ["one", "two"]
    lab = lab.reading(f"kafka://{topic.address}/{topic.name}[.]\\d")
    type(topic)(topic.address, f"also-{topic.name}.4-not").made(1).send(event("not of the pattern"))
    three.made(1).send(event("three"))
    one.widened(3)
    one.send(event("wide"), partition=2)
    assert unread(lab).partitions == {f"{one.name}/0": 0, f"{one.name}/1": 0, f"{one.name}/2": 1} | {
        f"{two.name}/0": 0,
        f"{three.name}/0": 1,
    }
    ingest(lab)
    assert users(lab) == ["one", "three", "two", "wide"]
    assert_conserved(lab)


def test_an_idle_topic_is_no_failure(kafka: Lab, topic: Topic) -> None:
    topic.made()
    assert ingest(kafka).rows_in == 0
    assert ingest(kafka).batches == ()
    topic.send(event("u"))
    ingest(kafka)
    version = kafka.lake.events.version()
    assert ingest(kafka).batches == ()
    assert (users(kafka), kafka.lake.events.version()) == (["u"], version)


def _records(topic: Topic) -> int:
    """How many records a reader gets from the first partition."""
    from confluent_kafka import Consumer, TopicPartition  # noqa: PLC0415

    conf = {"bootstrap.servers": topic.address, "group.id": "count", "enable.partition.eof": True}
    consumer = Consumer(conf)
    consumer.assign([TopicPartition(topic.name, 0, 0)])
    count = 0
    while (message := consumer.poll(5)) and not message.error():
        count += 1
    consumer.close()
    return count
