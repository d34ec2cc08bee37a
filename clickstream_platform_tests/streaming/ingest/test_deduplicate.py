"""What a duplicate is, against a program of a few lines. No JVM."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pyarrow as pa
from deltalake import write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st

from clickstream_platform.streaming.ingest.deduplicate import duplicates
from clickstream_platform.streaming.lake.tables import LakeTable

HOUR_US = 3_600_000_000


class Sent(NamedTuple):
    """An event: its id, its time in microseconds since 1970, its place."""

    event_id: str | None
    at: int
    partition: str = "p"
    offset: int = 0


def table(events: list[Sent]) -> pa.Table:
    ids, times, partitions, offsets = ([each[n] for each in events] for n in range(4))
    columns = {
        "event_id": pa.array(ids, pa.string()),
        "timestamp": pa.array(times, pa.int64()).cast(pa.timestamp("us", "UTC")),
        "partition": pa.array(partitions, pa.string()),
        "offset": pa.array(offsets, pa.int64()),
    }
    return pa.table(columns)


def found(stored: list[Sent], new: list[Sent]) -> tuple[set[tuple[str, int]], int]:
    """The places of the duplicates, and how many others reuse an id."""
    with TemporaryDirectory() as folder:
        write_deltalake(folder, table(stored))
        places, reused = duplicates(table(new), LakeTable(Path(folder)), {each.at // HOUR_US for each in new})
    return {(row["partition"], row["offset"]) for row in places.to_pylist()}, reused


def test_an_event_that_is_stored_is_a_duplicate() -> None:
    assert found([Sent("e", 5)], [Sent("e", 5, "q", 7)]) == ({("q", 7)}, 0)


def test_of_copies_among_themselves_the_first_by_partition_and_offset_stays() -> None:
    new = [Sent("e", 5, "q", 1), Sent("e", 5, "p", 9), Sent("e", 5, "p", 3)]
    assert found([], new) == ({("q", 1), ("p", 9)}, 0)


def test_a_placeholder_tells_no_two_events_apart() -> None:
    new = [Sent("null", 5, "p", 1), Sent(" NULL", 5, "p", 2), Sent("[object Object]", 5, "p", 3)]
    assert found([Sent("null", 5), Sent("[object Object]", 5)], new) == (set(), 0)


def test_an_id_with_another_time_is_kept_and_counted() -> None:
    assert found([Sent("e", 5)], [Sent("e", 6, "p", 1), Sent("e", 6, "p", 2)]) == ({("p", 2)}, 1)


def test_without_an_id_nothing_is_a_duplicate() -> None:
    assert found([Sent(None, 5)], [Sent(None, 5, "p", 1), Sent(None, 5, "p", 2)]) == (set(), 0)


def test_times_before_1970_and_in_the_year_1_are_looked_for_too() -> None:
    early = [Sent("a", -1), Sent("b", -62_135_424_000_000_000)]
    assert found(early, [each._replace(partition="q") for each in early]) == ({("q", 0)}, 0)


_events = st.lists(st.tuples(st.sampled_from(["a", "b", "", None]), st.integers(-2, 2)), max_size=12)


@settings(max_examples=60, deadline=None)
@given(stored=_events, new=_events)
def test_any_events_are_told_apart_as_by_a_program_of_a_few_lines(
    stored: list[tuple[str | None, int]], new: list[tuple[str | None, int]]
) -> None:
    known = [Sent(event_id, at) for event_id, at in stored]
    sent = [Sent(event_id, at, f"p{n % 3}", n) for n, (event_id, at) in enumerate(new)]
    hours = {each.at // HOUR_US for each in sent}
    near = [each for each in known if min(hours, default=0) <= each.at // HOUR_US <= max(hours, default=-1)]
    times, seen, copies, reused = defaultdict(set[int]), {each[:2] for each in near}, set[tuple[str, int]](), 0
    for each in (*near, *sent):
        times[each.event_id].add(each.at)
    for each in sorted(sent, key=lambda each: each[2:]):
        if each.event_id is None:
            continue
        if each[:2] in seen:
            copies.add(each[2:])
        elif len(times[each.event_id]) > 1:
            reused += 1
        seen.add(each[:2])
    assert found(known, sent) == (copies, reused)
