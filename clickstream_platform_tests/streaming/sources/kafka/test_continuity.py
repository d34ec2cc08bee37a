"""What is lost of a topic, and how the ledger accounts for it. No broker, no JVM."""

from __future__ import annotations

from typing import Any

import pytest

from clickstream_platform.streaming.audit.balance import imbalances
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import parse_line
from clickstream_platform.streaming.sources.kafka.cluster import OffsetSpan, Topics
from clickstream_platform.streaming.sources.kafka.continuity import lost_of_vanished, vanished_offsets
from clickstream_platform.streaming.sources.kafka.offsets import by_partition, by_topic
from clickstream_platform_tests.homes import entry


def topics(**spans: tuple[int, int]) -> Topics:
    """Partitions of one topic, ``p0`` and so on, from their first offset to their end."""
    return Topics({"t": "id"}, {f"t/{name[1:]}": OffsetSpan(*span) for name, span in spans.items()})


def of_kafka(rows_in: int, start: dict[str, int], end: dict[str, int], **fields: Any) -> Entry:
    return entry(rows_in=rows_in, rows_out=rows_in, start={"t": start}, end={"t": end}, **fields)


def test_only_what_was_not_read_and_is_gone_is_lost() -> None:
    now = topics(p0=(100, 200), p1=(0, 50), p2=(10, 20))
    assert vanished_offsets(now, {"t/0": 100, "t/1": 0, "t/2": 10}) == {}
    assert vanished_offsets(now, {"t/0": 40, "t/1": 0}) == {"t/0": (40, 100), "t/2": (0, 10)}
    assert vanished_offsets(now, {"t/0": 40}, {"t/0": 60, "t/1": 5}) == {"t/0": (40, 60)}


def test_of_a_partition_that_is_gone_nobody_knows_how_much_is_lost() -> None:
    assert vanished_offsets(topics(p0=(0, 9)), {"t/0": 9, "t/1": 5}) == {"t/1": (5, None)}


def test_what_went_after_it_was_read_is_not_lost() -> None:
    now = topics(p0=(100, 200), p1=(100, 200), p2=(100, 200), p3=(100, 200))
    vanished = vanished_offsets(now, {"t/0": 97, "t/1": 97, "t/2": 97, "t/3": 97})
    read = {"t/0": [99, 98, 97, 100], "t/1": [97], "t/3": [98, 100]}
    assert lost_of_vanished(vanished, read) == {"t/1": [(98, 100)], "t/2": [(97, 100)], "t/3": [(97, 98), (99, 100)]}


@pytest.mark.parametrize(
    ("rows_in", "fields", "found"),
    [
        (10, {}, []),
        (8, {}, []),  # marks of transactions, or compacted
        (11, {}, ["events batch 0: read 11 and lost 0, but had 10 offsets"]),
        (4, {"lost": {"t/0": [(0, 2), (2, 6)]}}, []),
        (5, {"lost": {"t/0": [(0, 2), (2, 6)]}}, ["events batch 0: read 5 and lost 6, but had 10 offsets"]),
        (4, {"lost": {"t/9": [(3, None)]}}, []),
    ],
)
def test_a_batch_reads_and_loses_no_more_than_its_offsets(rows_in: int, fields: Any, found: list[str]) -> None:
    booked = of_kafka(rows_in, {"0": 0, "1": 5}, {"0": 6, "1": 9}, **fields)
    assert imbalances([booked]) == found
    read_back = parse_line(booked.to_json())
    assert isinstance(read_back, Entry)
    assert imbalances([read_back]) == found


def test_offsets_by_partition_are_those_by_topic() -> None:
    offsets = {"a.b": {"0": 1, "12": 2}, "c": {"0": 3}}
    assert by_partition(offsets) == {"a.b/0": 1, "a.b/12": 2, "c/0": 3}
    assert by_topic(by_partition(offsets)) == offsets
