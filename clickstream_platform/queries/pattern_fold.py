"""A visitor's events in their order: the fold that finds patterns, and what it must remember. Plain Python.

What SQL over windows cannot say: each event is taken where the ones before it have led.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from operator import itemgetter
from typing import NamedTuple

from clickstream_platform.events.session import SESSION_GAP

LONGEST = timedelta(hours=24)  # a bot that never rests is a new visitor every day, so what is remembered has a bound
PATTERNS = ("rapid_clicks", "hesitation", "view_click_purchase", "purchase_burst")

# An event as the fold takes it: its time in microseconds since 1970; its type as a digit, then its product. Sorted, two
# events of one instant are a view before a click before a purchase; two that are equal may as well change places.
Event = tuple[int, str]
VIEW, CLICK, PURCHASE = "012"
OTHER = "3"  # only keeps the visit going
_GAP, _LONGEST = (round(limit / timedelta(microseconds=1)) for limit in (SESSION_GAP, LONGEST))


@dataclass(frozen=True)
class Thresholds:
    """From when on events are a pattern.

    Attributes:
        clicks: so many clicks are ``rapid_clicks``.
        clicks_within: if no more than this lies between the first of them and the last.
        views: so many views of one product without buying it are a ``hesitation``.
        purchases: so many purchases are a ``purchase_burst``.
        purchases_within: if no more than this lies between the first of them and the last.
    """

    clicks: int
    clicks_within: timedelta
    views: int
    purchases: int
    purchases_within: timedelta


class Pattern(NamedTuple):
    """One row but for the user; times in microseconds since 1970."""

    pattern: str
    product_id: str | None
    started_at: int
    detected_at: int
    events: int
    seconds_to_click: float | None
    seconds_to_purchase: float | None
    visit_start: int
    number: int


@dataclass
class Interest:
    """What a visitor did with one product since the visit began, or since they last bought it."""

    views: int = 0  # since the last hesitation
    since: int = 0  # the first of these
    viewed_at: int | None = None
    clicked_at: int | None = None


@dataclass
class Visit:
    """What must be remembered of a visitor between two events: the fold's accumulator."""

    start: int
    last: int
    patterns: int = 0
    clicks: list[int] = field(default_factory=list[int])
    purchases: list[int] = field(default_factory=list[int])
    products: dict[str, Interest] = field(default_factory=dict[str, Interest])

    def goes_on(self, at: int) -> bool:
        """Whether an event of that time still belongs to it."""
        return at - self.last <= _GAP and at - self.start <= _LONGEST

    def see(self, at: int, what: str, limits: Thresholds) -> Iterator[Pattern]:
        """Take the next event; yield the patterns that it completes. Each uses up the events that it is made of."""
        self.last = at
        kind, product = what[0], what[1:]
        if kind == CLICK:
            if product in self.products:
                interest = self.products[product]
                interest.clicked_at = at if interest.clicked_at is None else interest.clicked_at
            yield from self._burst("rapid_clicks", self.clicks, at, limits.clicks, limits.clicks_within)
        elif kind == VIEW and product:
            yield from self._hesitation(product, at, limits.views)
        elif kind == PURCHASE:
            interest = self.products.pop(product, None)
            if interest and interest.viewed_at is not None and interest.clicked_at is not None:
                yield self._funnel(product, interest.viewed_at, interest.clicked_at, at)
            yield from self._burst("purchase_burst", self.purchases, at, limits.purchases, limits.purchases_within)

    def _burst(self, pattern: str, times: list[int], at: int, count: int, within: timedelta) -> Iterator[Pattern]:
        times.append(at)
        del times[:-count]
        if len(times) == count and at - times[0] <= within / timedelta(microseconds=1):
            yield self._found(pattern, None, times[0], at, count)
            times.clear()

    def _hesitation(self, product: str, at: int, count: int) -> Iterator[Pattern]:
        interest = self.products.setdefault(product, Interest(viewed_at=at))
        interest.since = interest.since if interest.views else at
        interest.views += 1
        if interest.views == count:
            yield self._found("hesitation", product, interest.since, at, count)
            interest.views = 0

    def _funnel(self, product: str, viewed_at: int, clicked_at: int, at: int) -> Pattern:
        seconds = (clicked_at - viewed_at) / 1e6, (at - clicked_at) / 1e6
        return self._found("view_click_purchase", product, viewed_at, at, 3, *seconds)

    def _found(self, pattern: str, product: str | None, since: int, at: int, events: int, *seconds: float) -> Pattern:
        self.patterns += 1
        to_click, to_purchase = seconds or (None, None)
        return Pattern(pattern, product, since, at, events, to_click, to_purchase, self.start, self.patterns)


def fold(events: Iterable[Event], limits: Thresholds, visit: Visit | None = None) -> tuple[list[Pattern], Visit | None]:
    """Go through one user's sorted events, from where a visit stands; give the patterns, and where it stands then."""
    patterns: list[Pattern] = []
    for at, what in events:
        if visit is None or not visit.goes_on(at):
            visit = Visit(at, at)
        patterns.extend(visit.see(at, what, limits))
    return patterns, visit


@dataclass
class Memory:
    """What is remembered of one user between two batches.

    Attributes:
        visit: where the fold stands; None before its first event.
        waiting: events that the watermark has not passed, sorted.
    """

    visit: Visit | None = None
    waiting: list[Event] = field(default_factory=list[Event])

    def advance(self, new: Sequence[Event], limit: int, limits: Thresholds) -> list[Pattern]:
        """Take new events in any order, and handle what the watermark (in microseconds) has passed.

        A visit is forgotten as soon as no event that is not late can belong to it.
        """
        events = sorted([*self.waiting, *new])
        passed = bisect_right(events, limit, key=itemgetter(0))
        patterns, self.visit = fold(events[:passed], limits, self.visit)
        self.waiting = events[passed:]
        if self.visit is not None and self.visit.last + _GAP <= limit:
            self.visit = None
        return patterns

    @property
    def due_ms(self) -> int | None:
        """The watermark, in milliseconds, at which there is something to do; None when nothing is remembered."""
        due = self.waiting[0][0] if self.waiting else None if self.visit is None else self.visit.last + _GAP
        return None if due is None else -(-due // 1000)

    def to_text(self) -> str:
        """As JSON."""
        held, v = None, self.visit
        if v is not None:
            products = {name: [i.views, i.since, i.viewed_at, i.clicked_at] for name, i in v.products.items()}
            held = [v.start, v.last, v.patterns, v.clicks, v.purchases, products]
        return json.dumps([held, self.waiting], separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Memory:
        """What :meth:`to_text` wrote."""
        held, waiting = json.loads(text)
        visit = None
        if held is not None:
            start, last, patterns, clicks, purchases, products = held
            interests = {name: Interest(*facts) for name, facts in products.items()}
            visit = Visit(start, last, patterns, clicks, purchases, interests)
        return cls(visit, [(at, what) for at, what in waiting])
