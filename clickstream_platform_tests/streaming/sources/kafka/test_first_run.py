"""Where a first run over a topic begins."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from pyspark.errors import StreamingQueryException

from clickstream_platform.errors import CheckpointError, SettingsError
from clickstream_platform.streaming.lake import generations, writer
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.sources.source import Lag
from clickstream_platform_tests.conftest import event
from clickstream_platform_tests.topic_lab import admit, assert_conserved, ingest, numbered, unread, users

if TYPE_CHECKING:
    from clickstream_platform_tests.conftest import Lab
    from clickstream_platform_tests.topics import Topic

pytestmark = pytest.mark.spark


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
    checkpoint = generations.current_checkpoint(kafka.lake, "events")
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
