"""Real tables, and no JVM: whatever is drawn, cut and killed, ``events`` has what the rule says of the whole set."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickstream_platform.events.schema import COPIES, EVENTS, QUARANTINE, Schema
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.ingest import replacements
from clickstream_platform.streaming.ingest.by_id import DuplicateResolution, resolve_duplicates
from clickstream_platform.streaming.ingest.interrupted_replay import settle_replay
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.hours import HOUR_US
from clickstream_platform.streaming.lake.ledger import REPLAY, Amendment
from clickstream_platform.streaming.lake.ledger import versioned_lines as booked_lines
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.left_out_copies import left_out_copies
from clickstream_platform.tables import tables
from clickstream_platform_tests.homes import entry
from clickstream_platform_tests.lakes import TYPES

Sent = tuple[str, int, int]  # an id, a time in hours, a place
SPAN = 5
DAY = 24 * HOUR_US


def rows(sent: Sequence[Sent], schema: Schema = EVENTS, **fields: str) -> pa.Table:
    """Events as they are staged."""
    known: dict[str, list[Any]] = {
        "event_id": [each[0] for each in sent],
        "timestamp": [each[1] * HOUR_US for each in sent],
        "event_date": [each[1] * HOUR_US // DAY for each in sent],
        "offset": [each[2] for each in sent],
    }
    same: dict[str, Any] = {"user_id": "u", "event_type": "click", "source": "file", "partition": "p", "index": 0}
    columns: list[Any] = []
    for column in schema.columns:
        kind = TYPES[column.type]
        plain = pa.int64() if pa.types.is_timestamp(kind) else pa.int32() if pa.types.is_date(kind) else kind
        values = known.get(column.name, [{**same, **fields}.get(column.name)] * len(sent))
        columns.append(pa.array(values, plain).cast(kind))
    return pa.table(columns, schema=pa.schema([(each.name, TYPES[each.type]) for each in schema.columns]))


class Small:
    """``events`` and ``copies``, changed by batches as a run changes them."""

    def __init__(self, folder: str) -> None:
        self.lake, self.number, self.span = Lake(Path(folder)), 0, SPAN
        for name, schema in (("events", EVENTS), ("copies", COPIES)):
            partition_by = ("event_date",) if name == "events" else ()
            writer.create(self.lake.table(name).path, schema.spark, partition_by, ("timestamp",), 100_000_000)

    def settled(self, sent: Sequence[Sent]) -> DuplicateResolution:
        new, hours, by = rows(sent), {each[1] for each in sent}, f"main/1/{self.number}"
        events, copies = self.lake.events, self.lake.table("copies")
        given = lambda into: into.from_arrow(new)  # noqa: E731
        whole = lambda into, _: into.from_arrow(new)  # noqa: E731
        return resolve_duplicates(given, whole, events, copies, hours, timedelta(hours=self.span), by)

    def take(self, sent: Sequence[Sent], commits: int = 3) -> DuplicateResolution:
        """A batch, with so many of its commits."""
        found, by = self.settled(sent), f"main/1/{self.number}"
        left_out = {*found.duplicates.places["offset"].to_pylist()}
        aside = {*found.aside["offset"].to_pylist()}
        if commits > 0:
            booked = entry(batch_id=self.number, set_aside=len(aside), replaced=found.gave_way)
            at = lambda places: _at(sent, places).to_batches()  # noqa: E731
            copies, of_copies = self.lake.table("copies"), ("copies/1", self.number)
            replacements.remember_left_out_of_batch(at, found.aside, found.replaced, copies, by, booked, of_copies)
        if commits > 1:
            replacements.remove_replaced(found.replaced, self.lake.events, by, "run", ("events/1", self.number))
        if commits > 2:
            fresh = rows([each for each in sent if each[2] not in left_out])
            commit = writer.Commit("{}", ("events/1", self.number))
            both = [*fresh.to_batches(), *found.restored.to_batches()]
            writer.append(iter(both), sum(map(len, both)), self.lake.events.path, commit)
            self.number += 1
        return found

    def held(self, name: str = "events") -> list[tuple[str, int]]:
        held = self.lake.table(name).plain_table().to_pyarrow_table(columns=["event_id", "timestamp"])
        times = held["timestamp"].cast(pa.int64()).to_pylist()
        return sorted((i, at // HOUR_US) for i, at in zip(held["event_id"].to_pylist(), times, strict=True))

    def left_out(self) -> list[tuple[str, int]]:
        """What ``copies`` has that is no event, once a record."""
        names, found = ["offset", "event_id", "timestamp"], dict[int, tuple[str, int]]()
        events = {*self.lake.events.plain_table().to_pyarrow_table(columns=["offset"])["offset"].to_pylist()}
        for row in self.lake.copies.plain_table().to_pyarrow_table(columns=names).to_pylist():
            if row["offset"] not in events:
                found[row["offset"]] = (row["event_id"], _hour(row["timestamp"]))
        return sorted(found.values())


def _hour(time: datetime) -> int:
    return int(time.timestamp()) // 3600


def _at(sent: Sequence[Sent], places: pa.Table) -> pa.Table:
    offsets = {*places["offset"].to_pylist()}
    return rows([each for each in sent if each[2] in offsets])


def by_definition(sent: Sequence[Sent], span: int = SPAN) -> list[tuple[str, int]]:
    kept: list[tuple[str, int]] = []
    for each in sorted(each[:2] for each in sent):
        if not kept or kept[-1][0] != each[0] or each[1] - kept[-1][1] > span:
            kept.append(each)
    return kept


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(str(tmp_path))


_sent = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 60)), min_size=4, max_size=14, unique=True)


@settings(max_examples=12)
@given(_sent, st.randoms(use_true_random=False))
def test_whatever_is_sent_in_any_order_and_killed_anywhere(sent: list[tuple[str, int]], drawn: Any) -> None:
    left = [(event_id, at, n) for n, (event_id, at) in enumerate(sent)]
    drawn.shuffle(left)
    taken: list[Sent] = []
    with TemporaryDirectory() as folder:
        small = Small(folder)
        while left:
            batch, left = left[:4], left[4:]
            taken += batch
            first = small.take(batch, killed := drawn.randint(0, 3))
            if killed < 3:
                again = small.take(batch)
                assert (again.gave_way, again.restored.num_rows, again.duplicates.places.num_rows) == (
                    *(first.gave_way, first.restored.num_rows, first.duplicates.places.num_rows),
                )
            assert small.held() == by_definition(taken)
        assert {*small.held(), *small.held("copies")} == {each[:2] for each in taken}


@settings(max_examples=6)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 20)), min_size=4, max_size=14),
    st.randoms(use_true_random=False),
)
def test_ids_and_times_of_what_is_left_out_are_those_of_the_set_though_which_records_they_are_is_not(
    sent: list[tuple[str, int]], drawn: Any
) -> None:
    """Some of them at one time; in two orders, and in batches of another size."""
    records = [(event_id, at, n) for n, (event_id, at) in enumerate(sent)]
    for size in (2, 5):
        drawn.shuffle(records)
        with TemporaryDirectory() as folder:
            small = Small(folder)
            for start in range(0, len(records), size):
                small.take(records[start : start + size])
            assert small.held() == by_definition(records)
            assert small.left_out() == sorted({*sent} - {*by_definition(records)})
            listed = left_out_copies(small.lake)
            assert sorted((each.event_id, _hour(each.timestamp)) for each in listed) == small.left_out()


def test_an_event_across_the_edge_of_an_hour_and_of_a_day_gives_way(small: Small) -> None:
    small.take([("e", 25, 0), ("e", 40, 1)])
    found = small.take([("e", 22, 2)])
    assert (found.gave_way, found.aside.num_rows, small.held()) == (1, 0, [("e", 22), ("e", 40)])


@pytest.mark.parametrize("span", [9, 3, 1])
@pytest.mark.parametrize("commits", [1, 2])
def test_a_batch_that_leaves_out_others_once_it_was_killed_loses_none_of_them(
    small: Small, span: int, commits: int
) -> None:
    """As if something else had changed: with a span of 3 it leaves out as many as before, and others."""
    small.take([("e", 10, 0), ("e", 23, 1)])
    batch = [("e", 14, 2), ("e", 16, 3), ("e", 20, 4)]
    small.take(batch, commits=commits)
    small.span = span
    small.take(batch)
    sent = [("e", 10), ("e", 23), *(each[:2] for each in batch)]
    assert {*small.held(), *small.held("copies")} == {*sent}
    assert small.held() == by_definition([(*each, 0) for each in sent], span)
    assert len(small.held()) == len({*small.held()})
    booked = [each.line for each in booked_lines(small.lake.table("copies"))]
    landed = sum(each.added if isinstance(each, Amendment) else each.copies.remembered for each in booked)
    assert small.lake.table("copies").rows() == landed


def test_a_commit_by_which_events_give_way_is_one_that_readers_stop_at(small: Small) -> None:
    small.take([("e", 10, 0)])
    read = small.lake.events.version() or 0
    small.take([("e", 9, 1)], commits=2)
    assert small.lake.events.version() == read + 1
    assert small.lake.events.log.same_rows_until(read) == read
    assert [*small.lake.events.log.added_files(read + 1, read + 1)] == []


def test_events_come_back_that_gave_way_to_a_replay_which_was_killed_and_none_else(small: Small) -> None:
    table = tables(Settings(duplicates="event_id"))["events"]
    writer.create(small.lake.table("quarantine").path, QUARANTINE.spark, (), ("arrived_at",), 100_000_000)
    small.take([("e", 10, 0), ("f", 10, 1)])
    events, copies = small.lake.events, small.lake.table("copies")
    found = small.settled([("e", 9, 2), ("f", 11, 3)])
    decided_at = events.version() or 0
    line = writer.Commit(Amendment("copies", REPLAY, "r", added=2, events_version=decided_at).to_json())
    aside = rows([("f", 11, 3)], COPIES).drop_columns(["left_out_as", "left_out_by"]).to_batches()
    replacements.remember_left_out(aside, found.replaced, 2, copies, "replay/r", line)
    replacements.remove_replaced(found.replaced, events, "replay/r", "r", (REPLAY, 1))
    assert (small.held(), small.held("copies")) == ([("f", 10)], [("e", 10), ("f", 11)])
    for _ in range(2):
        settle_replay(table, small.lake, "run")
        assert (small.held(), small.held("copies")) == ([("e", 10), ("f", 10)], [("e", 10)])
    small.take([("e", 9, 2)], commits=2)  # a batch that is killed comes back by itself
    settle_replay(table, small.lake, "run")
    small.take([("e", 9, 2)])
    assert small.held() == [("e", 9), ("f", 10)]


def test_what_is_left_out_is_listed_beside_its_event(small: Small) -> None:
    small.take([("e", 10, 0)])
    small.take([("e", 9, 1), ("e", 12, 2)])
    listed = {each.offset: (each.left_out_as, each.event_offset, each.differs) for each in left_out_copies(small.lake)}
    assert listed == {0: ("replaced", 1, ()), 2: ("copy", 1, ())}
