"""The processor itself, batch after batch, without a JVM: Spark's own harness calls it as Spark does."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta, timezone
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import Row
from pyspark.sql.streaming.tws_tester import TwsTester

from clickstream_platform.queries.pattern_fold import Memory, Thresholds
from clickstream_platform.queries.pattern_processor import UpdateUserState
from clickstream_platform.settings import Settings
from clickstream_platform.tables import tables
from clickstream_platform_tests.naive_patterns import Limits, Seen, naive_patterns

NOON = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)
DELAY = timedelta(minutes=30)
LIMITS = Limits()
THRESHOLDS = Thresholds(*LIMITS)
DIGITS = {"page_view": "0", "click": "1", "purchase": "2", "scroll": "3"}
MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=timezone.utc)) // MICROSECOND


class Stream:
    """The processor with a watermark, as a run moves it: after each batch, and for what waits once more."""

    def __init__(self, head_start: datetime | None = None) -> None:
        handled_ms = micros(head_start) // 1000 if head_start else 0
        # Late events reach the processor: Spark sees no event time in them.
        self.tester = TwsTester(
            UpdateUserState(THRESHOLDS, handled_ms), timeMode="eventTime", eventTimeExtractor=lambda row: 2**60
        )
        self.watermark, self.late, self.found = 0, list[Seen](), list[Any]()

    def batch(self, events: list[Seen]) -> None:
        self.late += [seen for seen in events if micros(seen.at) <= self.watermark * 1000]
        for bucket in (0, 1):
            rows = [Row(bucket=bucket, event=_packed(seen)) for seen in events if _bucket(seen.user) == bucket]
            if rows:
                self.found += self.tester.test(bucket, rows)
        newest = max(micros(seen.at - DELAY) // 1000 for seen in events)
        if newest > self.watermark:
            self.watermark = newest
            self.found.extend(self.tester.setWatermark(newest))

    def rows(self) -> list[tuple[Any, ...]]:
        return sorted(map(_comparable, self.found), key=repr)

    def state(self) -> list[Any]:
        held = [self.tester.peekValueState("users", bucket) for bucket in (0, 1)]
        return [json.loads(each[0]) if each else None for each in held]


def _packed(seen: Seen) -> str:
    what = DIGITS[seen.kind] + (seen.product or "")
    return json.dumps({"user_id": seen.user, "at": micros(seen.at), "what": what})


def _bucket(user: str) -> int:
    return int(user[1:]) % 2


def _comparable(row: Row) -> tuple[Any, ...]:
    return (row.user_id, row.visit_start, row.number, row.pattern, row.product_id, row.started_at, row.detected_at)


def expected(events: list[Seen], stream: Stream) -> list[tuple[Any, ...]]:
    """The naive program over what was not late and is not ahead of the watermark."""
    late = list(stream.late)
    handled: list[Seen] = []
    for seen in events:
        if seen in late:
            late.remove(seen)
        elif micros(seen.at) <= stream.watermark * 1000:
            handled.append(seen)
    times = (1, 5, 6)
    return sorted(
        (tuple(micros(v) if i in times else v for i, v in enumerate(row)) for row in naive_patterns(handled, LIMITS)),
        key=repr,
    )


STEPS = [0, 0, 1, 3, 10, 11, 60, 300, 301, 1799, 1800, 1801]  # seconds: the thresholds, and a bit beside
LATENESS = [0, 0, 0, 0, 20, 1790, 1800, 1810, 7200]


@st.composite
def arrivals(draw: st.DrawFn) -> list[list[Seen]]:
    """A few visitors' events in the order they arrive, cut into batches."""
    arriving: list[tuple[datetime, Seen]] = []
    for user in range(draw(st.integers(1, 3))):
        at = NOON
        for step, late, kind, product in draw(
            st.lists(
                st.tuples(
                    st.sampled_from(STEPS),
                    st.sampled_from(LATENESS),
                    st.sampled_from([*DIGITS]),
                    st.sampled_from([None, "a", "b\t\""]),
                ),
                min_size=1,
                max_size=25,
            )
        ):  # fmt: skip
            at += timedelta(seconds=step)
            arriving.append((at + timedelta(seconds=late), Seen(f"u{user}", at, kind, product)))
    events = [seen for _, seen in sorted(arriving, key=lambda each: each[0])]
    cuts = sorted(draw(st.sets(st.integers(1, len(events)), max_size=6)) | {0, len(events)})
    return [events[a:b] for a, b in pairwise(cuts)]


@settings(max_examples=50)
@given(batches=arrivals())
def test_any_cut_gives_what_a_naive_program_finds_in_the_events_that_were_in_time(batches: list[list[Seen]]) -> None:
    stream = Stream()
    for batch in batches:
        stream.batch(batch)
    assert stream.rows() == expected([seen for batch in batches for seen in batch], stream)


@settings(max_examples=50)
@given(batches=arrivals())
def test_a_first_batch_with_a_head_start_finds_at_once_what_it_would_find_later(batches: list[list[Seen]]) -> None:
    ahead = max(seen.at for seen in batches[0]) - DELAY
    plain, early = Stream(), Stream(head_start=ahead)
    for batch in batches:
        plain.batch(batch)
        early.batch(batch)
        assert early.rows() == plain.rows()
        assert early.state() == plain.state()


def test_nobody_is_remembered_half_an_hour_after_their_last_event() -> None:
    stream = Stream()
    stream.batch([Seen("u0", NOON, "click")])
    stream.batch([Seen("u1", NOON + DELAY + timedelta(minutes=30) - timedelta(milliseconds=1), "click")])
    assert "u0" in stream.state()[0][1]
    stream.batch([Seen("u1", NOON + DELAY + timedelta(minutes=30), "click")])
    assert stream.state()[0] is None


def test_what_a_bot_that_never_rests_leaves_has_a_bound() -> None:
    stream, numbers = Stream(), count()
    size = 0
    for day in range(3):
        start = NOON + timedelta(days=day)
        stream.batch(
            [Seen("u0", start + timedelta(minutes=m), "page_view", f"p{next(numbers)}") for m in range(0, 1440, 20)]
        )
        size = max(size, len(json.dumps(stream.state()[0])))
    assert size < 2 * 72 * 60  # characters: less than two days of products


def test_a_memory_survives_its_text() -> None:
    chance, memory = random.Random(3), Memory()
    for second in range(50):
        what = chance.choice(["0a", "1a", "2a", "0b", "1", "3"])
        memory.advance([(second * 1_000_000, what)], second * 1_000_000, THRESHOLDS)
        assert Memory.from_text(memory.to_text()) == memory


def test_a_funnel_says_how_long_each_step_took() -> None:
    stream = Stream()
    kinds = [("page_view", 0), ("page_view", 5), ("click", 20), ("click", 30), ("purchase", 80)]
    stream.batch([Seen("u0", NOON + timedelta(seconds=s), kind, "p") for kind, s in kinds])
    stream.batch([Seen("u1", NOON + timedelta(hours=1), "click")])
    (row,) = stream.found
    assert (row.pattern, row.seconds_to_click, row.seconds_to_purchase) == ("view_click_purchase", 20.0, 60.0)


@pytest.mark.parametrize(("name", "value"), [("pattern_views", 4), ("pattern_clicks_within", timedelta(seconds=9))])
def test_a_changed_threshold_changes_the_parameters_that_a_checkpoint_is_made_for(name: str, value: object) -> None:
    usual = tables(Settings(home=Path("unused")))["user_patterns"].parameters
    changed = tables(Settings.model_validate({"home": "unused", name: value}))["user_patterns"].parameters
    assert usual != changed
