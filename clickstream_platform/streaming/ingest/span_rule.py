"""Duplicates by ``event_id`` alone within a span, as a function of the set of an id's records.

Of the records of one id, by time, the first is kept, and none within the span after it; the next one beyond is kept,
and so on. So it does not matter in which order they come, as long as all of them are known: those that are events, and
those that were left out, which are remembered. A stretch of an id's records without a gap longer than the span decides
of itself alone. Plain Python, without a table.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from enum import IntEnum
from typing import NamedTuple

from clickstream_platform.streaming.lake.hours import hour_ranges, time_spans
from clickstream_platform.streaming.lake.tables import TimeSpan


class RecordPlace(IntEnum):
    """Where a record is: at one time, the first of these speaks for all."""

    EVENT = 0  # in `events`
    ASIDE = 1  # remembered, and no event
    NEW = 2  # in this batch


class Fate(IntEnum):
    """What becomes of a record."""

    STAYS = 0  # an event that stays one
    GIVES_WAY = 1  # an event that is one no more: a record that was sent later has an earlier time
    RETURNS = 2  # remembered, and an event from now on
    REMAINS = 3  # remembered, and still no event
    ACCEPTED = 4  # new, and an event
    SET_ASIDE = 5  # new, and to be remembered: a copy at another time
    SAME_TIME = 6  # new, at the time of another record of the id, which came first


class Fates(NamedTuple):
    """What becomes of records, by their position.

    Attributes:
        fates: of each.
        first: of each, the position of the record that came first of those at its time.
    """

    fates: list[Fate]
    first: list[int]


_KEPT = (Fate.STAYS, Fate.RETURNS, Fate.ACCEPTED)
_LEFT_OUT = (Fate.GIVES_WAY, Fate.REMAINS, Fate.SET_ASIDE)
_NOT_FIRST = (Fate.STAYS, Fate.REMAINS, Fate.SAME_TIME)


def decide_fates(ids: Sequence[str], times: Sequence[int], known: Sequence[int], span: int) -> Fates:
    """Decide of whole stretches of records.

    Args:
        ids: of each record, its id; those of one id together.
        times: its time; those of one id in order.
        known: where it is (:class:`RecordPlace`); those of one time in order.
        span: how long after a record that is kept another one of its id is a copy of it, in the unit of the times.
    """
    fates, first, anchor = list[Fate](), list[int](), 0
    for n, (event_id, at, where) in enumerate(zip(ids, times, known, strict=True)):
        is_same_id = n > 0 and ids[n - 1] == event_id
        if is_same_id and times[n - 1] == at:
            first.append(first[-1])
            leaves = where == RecordPlace.EVENT and fates[first[-1]] == Fate.GIVES_WAY
            fates.append(Fate.GIVES_WAY if leaves else _NOT_FIRST[where])
            continue
        first.append(n)
        is_kept = not is_same_id or at - anchor > span
        fates.append((_KEPT if is_kept else _LEFT_OUT)[where])
        anchor = at if is_kept else anchor
    return Fates(fates, first)


LookUp = Callable[[Sequence[TimeSpan]], Collection[int]]


def spans_to_know(hours: Collection[int], span: int, look: LookUp) -> list[TimeSpan]:
    """Between which times all records of some ids must be known, so that nothing outside changes what becomes of them.

    Args:
        hours: the hours since 1970 of the new records.
        span: in microseconds.
        look: gives the hours of all known records of these ids within some spans of time.
    """
    spans = _around({*hours}, span)
    while True:
        needed = _around({*hours, *look(spans)}, span)
        if all(any(each.since >= one.since and each.until <= one.until for one in spans) for each in needed):
            return spans
        spans = _merge_spans([*spans, *needed])


def subtract_spans(spans: Sequence[TimeSpan], known: Sequence[TimeSpan]) -> list[TimeSpan]:
    """The parts of some spans that lie in none of the known ones."""
    left = [*spans]
    for one in known:
        cut = (
            (TimeSpan(each.since, min(each.until, one.since)), TimeSpan(max(each.since, one.until), each.until))
            for each in left
        )
        left = [each for pair in cut for each in pair if each.since < each.until]
    return left


def _around(hours: Collection[int], span: int) -> list[TimeSpan]:
    ranges = time_spans(hour_ranges(sorted(hours)))
    return _merge_spans([TimeSpan(each.since - span, each.until + span) for each in ranges])


def _merge_spans(spans: Sequence[TimeSpan]) -> list[TimeSpan]:
    """Spans that overlap or meet become one."""
    joined = list[TimeSpan]()
    for each in sorted(spans):
        if joined and each.since <= joined[-1].until:
            joined[-1] = TimeSpan(joined[-1].since, max(joined[-1].until, each.until))
        else:
            joined.append(each)
    return joined
