"""The rule of duplicates by id alone: any order, any cut, killed between any two commits. No table."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from clickstream_platform.streaming.ingest.span_rule import (
    Fate,
    RecordPlace,
    decide_fates,
    spans_to_know,
    subtract_spans,
)
from clickstream_platform.streaming.lake.hours import HOUR_US
from clickstream_platform.streaming.lake.tables import TimeSpan

Record = tuple[str, int, int]  # its id, its time in microseconds, its place

HOURS = 40


def by_definition(records: Sequence[Record], span: int) -> set[Record]:
    """The whole set at once."""
    kept: list[Record] = []
    for each in sorted(records):
        if not kept or kept[-1][0] != each[0] or each[1] - kept[-1][1] > span:
            kept.append(each)
    return {*kept}


class Tables:
    """``events`` and what is remembered, each changed by commits that are there or not."""

    def __init__(self, span: int) -> None:
        self.span, self.events, self.aside = span, set[Record](), set[Record]()

    def take(self, batch: Sequence[Record], commits: int) -> None:
        """Decide of a batch, and make so many of its three commits."""
        ids = {event_id for event_id, _, _ in batch}

        def near(spans: Sequence[TimeSpan]) -> set[Record]:
            return {
                each
                for each in (self.events | self.aside) - {*batch}
                if each[0] in ids and any(span.since <= each[1] < span.until for span in spans)
            }

        def look(spans: Sequence[TimeSpan]) -> set[int]:
            return {at // HOUR_US for _, at, _ in near(spans)}

        hours = {at // HOUR_US for _, at, _ in batch}
        around = near(spans_to_know(hours, self.span, look))
        known = [
            (*each[:2], RecordPlace.EVENT if each in self.events else RecordPlace.ASIDE, each[2]) for each in around
        ]
        records = sorted([*known, *((*each[:2], RecordPlace.NEW, each[2]) for each in batch)])
        ids_, times, where, places = zip(*records, strict=True)
        fates = decide_fates(ids_, times, where, self.span).fates
        of = {
            fate: {(i, at, p) for i, at, p, f in zip(ids_, times, places, fates, strict=True) if f is fate}
            for fate in Fate
        }
        assert not of[Fate.SAME_TIME]
        if commits > 0:
            self.aside |= of[Fate.SET_ASIDE] | of[Fate.GIVES_WAY]
        if commits > 1:
            self.events -= of[Fate.GIVES_WAY]
        if commits > 2:
            self.events |= of[Fate.ACCEPTED] | of[Fate.RETURNS]


_records = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, HOURS * 4)), min_size=1, max_size=24, unique=True
).flatmap(lambda found: st.permutations([(i, at * HOUR_US // 4, n) for n, (i, at) in enumerate(found)]))


@settings(max_examples=400)
@given(
    _records, st.integers(1, 24), st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3)), min_size=24, max_size=24)
)
def test_in_any_order_and_cut_and_killed_anywhere_the_events_are_those_of_the_whole_set(
    records: list[Record], quarters: int, cuts: list[tuple[int, int]]
) -> None:
    span = quarters * HOUR_US // 4
    tables, taken = Tables(span), 0
    for size, committed in cuts:
        batch = records[taken : taken + size]
        taken += len(batch)
        if batch:
            tables.take(batch, committed)
            if committed < 3:
                tables.take(batch, 3)
            assert tables.events == by_definition(records[:taken], span)
            assert tables.events | tables.aside == {*records[:taken]}


def fates(*records: tuple[int, RecordPlace], span: int = 7) -> list[Fate]:
    return decide_fates(["e"] * len(records), [at for at, _ in records], [known for _, known in records], span).fates


def test_a_copy_that_was_left_out_becomes_an_event_when_its_event_gives_way() -> None:
    days = (-3, RecordPlace.NEW), (0, RecordPlace.EVENT), (5, RecordPlace.ASIDE), (9, RecordPlace.EVENT)
    assert fates(*days) == [Fate.ACCEPTED, Fate.GIVES_WAY, Fate.RETURNS, Fate.GIVES_WAY]


def test_a_record_at_the_very_end_of_the_span_is_a_copy() -> None:
    assert fates((0, RecordPlace.EVENT), (7, RecordPlace.NEW), (8, RecordPlace.NEW)) == [
        Fate.STAYS,
        Fate.SET_ASIDE,
        Fate.ACCEPTED,
    ]


def test_at_one_time_who_came_first_stays() -> None:
    found = decide_fates(
        ["e"] * 4, [0, 0, 1, 1], [RecordPlace.EVENT, RecordPlace.NEW, RecordPlace.ASIDE, RecordPlace.NEW], 7
    )
    assert found.fates == [Fate.STAYS, Fate.SAME_TIME, Fate.REMAINS, Fate.SAME_TIME]
    assert found.first == [0, 0, 2, 2]


def test_an_event_that_is_there_twice_goes_as_its_copy_does() -> None:
    assert fates((0, RecordPlace.NEW), (1, RecordPlace.EVENT), (1, RecordPlace.EVENT)) == [
        Fate.ACCEPTED,
        Fate.GIVES_WAY,
        Fate.GIVES_WAY,
    ]


def test_records_far_away_are_not_looked_at() -> None:
    looked: list[TimeSpan] = []

    def look(spans: Sequence[TimeSpan]) -> set[int]:
        looked.extend(spans)
        return set()

    assert spans_to_know({10}, HOUR_US, look) == [TimeSpan(9 * HOUR_US, 12 * HOUR_US)] == looked


@given(
    *[st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)).map(lambda one: TimeSpan(one[0], sum(one))))] * 2,
)
def test_what_is_in_some_spans_and_in_none_of_others(spans: list[TimeSpan], known: list[TimeSpan]) -> None:
    def of(those: Sequence[TimeSpan]) -> set[int]:
        return {at for each in those for at in range(each.since, each.until)}

    left = subtract_spans(spans, known)
    assert of(left) == of(spans) - of(known)
    assert all(each.since < each.until for each in left)
