"""`clickstream check` of a topic: its newest records, and nothing joined or committed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.events.mapping.producers.segment import call, track

if TYPE_CHECKING:
    from clickstream_platform_tests.topics import Topic


@pytest.mark.spark
def test_the_newest_records_of_every_partition_are_checked(topic: Topic) -> None:
    topic.made(2)
    topic.send(*[track("Order Completed")] * 4, call("identify"), partition=0)
    topic.send({"too": "old"}, *[call("page")] * 3, partition=1)
    result = clickstream("check", topic.url, "--limit", "6", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (found["looks_like"], found["records"], found["passed_over"]) == ("segment", 6, {"identify": 1})
    assert found["event_types"] == {"purchase": 2, "page_view": 3}
    assert {each["offset"] for each in found["fates"] if each["partition"].endswith("/1")} == {1, 2, 3}


@pytest.mark.spark
def test_a_topic_that_is_not_there_is_said_in_one_line(topic: Topic) -> None:
    result = clickstream("check", topic.url)
    assert (result.exit_code, "there is no such topic" in result.stderr.replace("\n", " ")) == (1, True)
