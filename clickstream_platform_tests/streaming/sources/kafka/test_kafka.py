"""A real broker, real topics: what is read, where a run begins, and what each failure looks like."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import functions as F

from clickstream_platform.errors import (
    CheckpointError,
    ClickstreamError,
    DataLossError,
    SettingsError,
    SourceError,
    UnreachableError,
)
from clickstream_platform.settings import from_env
from clickstream_platform.streaming.audit.source_account import source_account
from clickstream_platform.streaming.audit.validate import validate
from clickstream_platform.streaming.lake import generations, writer
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.maintenance.erasure import forget
from clickstream_platform.streaming.observe.lag import lag, require_source
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.sources.kafka import continuity
from clickstream_platform.streaming.sources.kafka.cluster import topics_of
from clickstream_platform.streaming.sources.kafka.recount import recounted
from clickstream_platform.streaming.sources.kafka.source import KafkaSource
from clickstream_platform.streaming.sources.recount import Gone, Recount
from clickstream_platform.streaming.sources.source import Lag
from clickstream_platform_tests.conftest import event
from clickstream_platform_tests.topics import PASSWORD, USER, listener
from clickstream_platform_tests.waiting import wait_until

if TYPE_CHECKING:
    from clickstream_platform.simulator.broker import Broker
    from clickstream_platform.streaming.runtime.report import RunReport
    from clickstream_platform_tests.conftest import Lab
    from clickstream_platform_tests.topics import Topic

pytestmark = pytest.mark.spark

SPARKS_PATIENCE = 180  # seconds that Spark waits for a broker by default; ours is over within ten


@pytest.fixture
def kafka(lab: Lab, topic: Topic) -> Lab:
    """A home that reads the test's topic."""
    return lab.reading(topic.url)


def ingest(lab: Lab, **options: Any) -> RunReport:
    return lab.run("events", **options)["events"]


def users(lab: Lab) -> list[str]:
    """Whose events there are."""
    return sorted(row["user_id"] for row in lab.table("events").select("user_id").collect())


def numbered(count: int, first: int = 0, **fields: Any) -> list[dict[str, Any]]:
    """Events of as many users."""
    return [event(f"u{number:04d}", event_id=f"{number}", **fields) for number in range(first, first + count)]


def unread(lab: Lab) -> Lag:
    return lag(lab.contracts["events"], lab.lake)


def admit(lab: Lab) -> None:
    """What a run does first; as if it had died right then."""
    source = lab.contracts["events"].offsets
    assert isinstance(source, KafkaSource)
    continuity.admit(source, generations.current(lab.lake, "events"))


def assert_conserved(lab: Lab) -> None:
    assert_balanced(lab)
    assert recount(lab).errors == ()


def assert_balanced(lab: Lab) -> None:
    (found,) = [each for each in validate(lab.contracts["events"], lab.spark, lab.lake) if each.name == "conservation"]
    assert found.passed, found


def recount(lab: Lab) -> Recount:
    """The topics counted again, against the ledger."""
    return source_account(lab.contracts["events"], lab.lake).recount


# What is read


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
    topic.made()
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
    assert recounted(source, topics_of(source), booked, {}).errors == (
        f"batch 0 ({topic.name}/0: 0 to 4) holds 5 records, booked are 4: some are in no table",
        f"batch 1 ({topic.name}/0: 5 to 7, {topic.name}/1: 0 to 2) holds 3 records, booked are 4",
    )
    topic.forget(0, before=2)
    (gone,) = recount(kafka).gone
    assert gone == Gone(
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


# Where a first run begins


def test_a_first_run_at_latest_says_what_it_skips_and_the_next_one_misses_nothing(
    kafka: Lab, topic: Topic, caplog: pytest.LogCaptureFixture
) -> None:
    kafka = kafka.reading(topic.url, starting_offsets="latest")
    topic.made()
    topic.send(*numbered(7))
    assert unread(kafka) == Lag(7, "records")  # until a run has said where latest is
    admit(kafka)
    assert f"starts at latest: 7 records that are in {topic.name} are skipped ({topic.name}/0: 7)" in caplog.text
    topic.send(event("between"), partition=1)
    assert unread(kafka) == Lag(1, "records")
    ingest(kafka)
    topic.send(event("after"))
    ingest(kafka)
    assert users(kafka) == ["after", "between"]
    assert_conserved(kafka)


def test_a_first_run_may_begin_at_a_moment(kafka: Lab, topic: Topic) -> None:
    topic.made()
    for day in (1, 2, 3):
        topic.send(event(f"day {day}"), timestamp=1_709_164_800_000 + day * 86_400_000)
    kafka = kafka.reading(topic.url, starting_offsets="2024-03-01T12:00:00Z")
    assert unread(kafka) == Lag(2, "records")
    ingest(kafka)
    assert users(kafka) == ["day 2", "day 3"]


def test_a_first_run_may_begin_at_given_offsets(kafka: Lab, topic: Topic) -> None:
    topic.made()
    topic.send(*numbered(5))
    topic.send(event("v"), partition=1)
    kafka = kafka.reading(topic.url, starting_offsets=json.dumps({topic.name: {"0": 3}}))
    ingest(kafka)
    assert users(kafka) == ["u0003", "u0004", "v"]
    (entry,) = entries(kafka.lake.events)
    assert entry.start == {topic.name: {"0": 3, "1": 0}}


def test_where_to_begin_is_not_chosen_again_once_spark_has_written_it_down(
    kafka: Lab, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic.made().send(event())
    with monkeypatch.context() as patched:
        patched.delattr(writer, "append")  # no batch can land
        with pytest.raises(StreamingQueryException):
            ingest(kafka)
    checkpoint = generations.current(kafka.lake, "events")
    (checkpoint.path / "begin.json").unlink()
    with pytest.raises(CheckpointError, match=r"begin\.json is gone, but Spark has a note") as refused:
        ingest(kafka.reading(topic.url, starting_offsets="latest"))
    assert str(checkpoint.path) in refused.value.remedy


@pytest.mark.parametrize(("partition", "offset"), [("0", 9), ("7", 0)])
def test_an_offset_that_is_not_there_is_refused(kafka: Lab, topic: Topic, partition: str, offset: int) -> None:
    topic.made()
    topic.send(event())
    kafka = kafka.reading(topic.url, starting_offsets=json.dumps({topic.name: {partition: offset}}))
    with pytest.raises(SettingsError, match=f"CLICKSTREAM_STARTING_OFFSETS: {topic.name}/{partition} at {offset}"):
        ingest(kafka)


# What goes wrong


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


def test_a_login_reaches_both_clients_and_its_password_nobody(
    kafka: Lab, topic: Topic, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    topic.made()
    topic.send(event("u"))
    login = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": USER}
    source = f"kafka://{listener(broker, 'LOGIN')}/{topic.name}"
    kafka = kafka.reading(source, kafka_options={**login, "sasl.password": PASSWORD})
    assert unread(kafka) == Lag(1, "records")
    ingest(kafka)
    assert users(kafka) == ["u"]
    wrong = kafka.reading(source, kafka_options={**login, "sasl.password": f"{PASSWORD}?"})
    with pytest.raises(SourceError, match="does not let us in") as refused:
        unread(wrong)
    assert PASSWORD not in f"{refused.value!r} {caplog.text}"


def test_both_clients_read_over_tls_and_trust_only_the_certificate_that_is_named(
    kafka: Lab, topic: Topic, broker: Broker
) -> None:
    topic.made()
    topic.send(event("u"))
    source, tls = f"kafka://{listener(broker, 'TLS')}/{topic.name}", {"security.protocol": "SSL"}
    with pytest.raises(ClickstreamError, match=r"does not answer|does not let us in"):
        unread(kafka.reading(source, kafka_options=tls))
    trusted = {**tls, "ssl.ca.location": str(broker.folder / "authority.pem")}
    kafka = kafka.reading(source, kafka_options=trusted)
    assert unread(kafka) == Lag(1, "records")
    ingest(kafka)
    assert users(kafka) == ["u"]


def test_both_clients_show_a_certificate_where_the_broker_asks_for_one(
    kafka: Lab, topic: Topic, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    topic.made()
    topic.send(event("u"))
    source = f"kafka://{listener(broker, 'MUTUAL')}/{topic.name}"
    tls = {"security.protocol": "SSL", "ssl.ca.location": str(broker.folder / "authority.pem")}
    with pytest.raises(ClickstreamError, match=r"does not answer|does not let us in"):
        unread(kafka.reading(source, kafka_options=tls))
    own = {"ssl.certificate.location": "own.pem", "ssl.key.location": "own.key"}
    files = {name: str(broker.folder / file) for name, file in own.items()}
    kafka = kafka.reading(source, kafka_options={**tls, **files, "ssl.key.password": PASSWORD})
    assert unread(kafka) == Lag(1, "records")
    ingest(kafka)
    assert users(kafka) == ["u"]
    assert PASSWORD not in caplog.text


def _in_small_batches(lab: Lab, topic: Topic) -> Lab:
    """Little is fetched ahead, so that every batch asks the broker."""
    options = {"kafka.max.partition.fetch.bytes": "20000", "kafka.max.poll.records": "5"}
    return lab.reading(topic.url, max_offsets_per_trigger=100, kafka_options=options)


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
