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

from clickstream_platform.events.schema import CONTENT
from clickstream_platform.streaming.ingest.deduplicate import Duplicates, find_duplicates
from clickstream_platform.streaming.lake.tables import LakeTable

HOUR_US = 3_600_000_000
Place = tuple[str, int]


class Sent(NamedTuple):
    """An event: its id, its time in microseconds since 1970, its place, what it says."""

    event_id: str | None
    at: int
    partition: str = "p"
    offset: int = 0
    user: str = "u"
    extra: str | None = None


def table(events: list[Sent]) -> pa.Table:
    ids, times, partitions, offsets, users, extras = ([each[n] for each in events] for n in range(6))
    columns = {
        "event_id": pa.array(ids, pa.string()),
        "timestamp": pa.array(times, pa.int64()).cast(pa.timestamp("us", "UTC")),
        "partition": pa.array(partitions, pa.string()),
        "offset": pa.array(offsets, pa.int64()),
        "index": pa.array([0] * len(events), pa.int64()),
        "user_id": pa.array(users, pa.string()),
        "extra": pa.array(extras, pa.string()),
    }
    return pa.table(columns | {name: pa.nulls(len(events), pa.string()) for name in CONTENT if name not in columns})


def looked_for(stored: list[Sent], new: list[Sent]) -> Duplicates:
    with TemporaryDirectory() as folder:
        write_deltalake(folder, table(stored))
        whole, hours = table(new), {each.at // HOUR_US for each in new}
        lake_table = LakeTable(Path(folder))
        return find_duplicates(
            lambda into: into.from_arrow(whole), lambda into, _: into.from_arrow(whole), lake_table, hours
        )


def found(stored: list[Sent], new: list[Sent]) -> tuple[set[Place], int]:
    """The places of the duplicates, and how many others reuse an id."""
    of = looked_for(stored, new)
    return places(of.places), of.reused


def conflicts(stored: list[Sent], new: list[Sent]) -> tuple[set[Place], int]:
    """The places of the duplicates that say something else, and how many say the same."""
    of = looked_for(stored, new)
    return places(of.conflicting), of.exact


def places(found: pa.Table) -> set[Place]:
    return {(row["partition"], row["offset"]) for row in found.to_pylist()}


def test_an_event_that_is_stored_is_a_duplicate() -> None:
    assert found([Sent("e", 5)], [Sent("e", 5, "q", 7)]) == ({("q", 7)}, 0)


def test_of_copies_among_themselves_the_first_by_partition_and_offset_stays() -> None:
    new = [Sent("e", 5, "q", 1), Sent("e", 5, "p", 9), Sent("e", 5, "p", 3)]
    assert found([], new) == ({("q", 1), ("p", 9)}, 0)


def test_a_placeholder_tells_no_two_events_apart() -> None:
    ids = ["null", " NULL", "[object Object]", "null\t", "null\t", "\u200b", "\u200b"]
    new = [Sent(event_id, 5, "p", number) for number, event_id in enumerate(ids)]
    assert found([Sent("null", 5), Sent("[object Object]", 5)], new) == (set(), 0)


def test_an_id_with_another_time_is_kept_and_counted() -> None:
    assert found([Sent("e", 5)], [Sent("e", 6, "p", 1), Sent("e", 6, "p", 2)]) == ({("p", 2)}, 1)


def test_without_an_id_nothing_is_a_duplicate() -> None:
    assert found([Sent(None, 5)], [Sent(None, 5, "p", 1), Sent(None, 5, "p", 2)]) == (set(), 0)


def test_times_before_1970_and_in_the_year_1_are_looked_for_too() -> None:
    early = [Sent("a", -1), Sent("b", -62_135_424_000_000_000)]
    assert found(early, [each._replace(partition="q") for each in early]) == ({("q", 0)}, 0)


def test_a_copy_that_says_something_else_than_the_stored_event_conflicts() -> None:
    stored = [Sent("e", 5, user="a", extra=None)]
    new = [Sent("e", 5, "p", n, user, extra) for n, (user, extra) in enumerate([("a", None), ("b", None), ("a", "{}")])]
    assert conflicts(stored, new) == ({("p", 1), ("p", 2)}, 1)


def test_among_themselves_copies_are_compared_with_the_first_that_is_kept() -> None:
    new = [Sent("e", 5, "p", n, user) for n, user in enumerate("abba")]
    assert conflicts([], new) == ({("p", 1), ("p", 2)}, 1)


def test_a_null_is_something_else_than_an_empty_text() -> None:
    assert conflicts([Sent("e", 5, extra=None)], [Sent("e", 5, "q", extra="")]) == ({("q", 0)}, 0)


def test_who_was_stored_twice_conflicts_with_neither() -> None:
    assert conflicts([Sent("e", 5, user="a"), Sent("e", 5, user="b")], [Sent("e", 5, "q", user="b")]) == (set(), 1)


def test_what_has_the_id_at_another_time_is_not_compared() -> None:
    assert conflicts([Sent("e", 6, user="b")], [Sent("e", 5, "q"), Sent("e", 5, "q", 1)]) == (set(), 1)


def test_old_copies_are_compared_too() -> None:
    early = [Sent("a", -1), Sent("b", -62_135_424_000_000_000)]
    assert conflicts(early, [each._replace(partition="q", user="x") for each in early])[0] == {("q", 0)}


_events = st.lists(
    st.tuples(st.sampled_from(["a", "b", "", None]), st.integers(-2, 2), st.sampled_from("uv")), max_size=12
)


@settings(max_examples=60)
@given(stored=_events, new=_events)
def test_any_events_are_told_apart_as_by_a_program_of_a_few_lines(
    stored: list[tuple[str | None, int, str]], new: list[tuple[str | None, int, str]]
) -> None:
    known = [Sent(event_id, at, user=user) for event_id, at, user in stored]
    sent = [Sent(event_id, at, f"p{n % 3}", n, user) for n, (event_id, at, user) in enumerate(new)]
    hours = {each.at // HOUR_US for each in sent}
    near = [each for each in known if min(hours, default=0) <= each.at // HOUR_US <= max(hours, default=-1)]
    times, kept = defaultdict(set[int]), defaultdict(set[str])
    copies, conflicting, reused = set[Place](), set[Place](), 0
    for each in (*near, *sent):
        times[each.event_id].add(each.at)
    for each in near:
        kept[each[:2]].add(each.user)
    for each in sorted(sent, key=lambda each: each[2:]):
        if each.event_id is None:
            continue
        if each[:2] in kept:
            copies.add(each[2:4])
            conflicting |= set() if each.user in kept[each[:2]] else {each[2:4]}
        else:
            kept[each[:2]].add(each.user)
            reused += len(times[each.event_id]) > 1
    of = looked_for(known, sent)
    assert (places(of.places), places(of.conflicting), of.reused) == (copies, conflicting, reused)
