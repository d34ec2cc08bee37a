"""What visitors do that no SQL can say: patterns in the order of their events.

One fold says it, event after event, and has two callers: :func:`user_patterns` folds over all events of a user at once,
and :func:`update_user_state` as far as the watermark, batch after batch, with what it must remember in between.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql.streaming import StatefulProcessor, StatefulProcessorHandle

GAP = timedelta(minutes=30)  # the usual visit gap in web analytics; exactly 30:00 does not end a visit
LONGEST = timedelta(hours=24)  # a bot that never rests is a new visitor every day, so what is remembered has a bound
PATTERNS = ("rapid_clicks", "hesitation", "view_click_purchase", "purchase_burst")

# An event as the fold takes it: its time in microseconds since 1970; its type as a digit, then its product. Sorted, two
# events of one instant are a view before a click before a purchase; two that are equal may as well change places.
Event = tuple[int, str]
VIEW, CLICK, PURCHASE = "012"
_DIGITS = {"page_view": VIEW, "click": CLICK, "purchase": PURCHASE}
_OTHER = "3"  # only keeps the visit going
_GAP, _LONGEST = (round(limit / timedelta(microseconds=1)) for limit in (GAP, LONGEST))


@dataclass(frozen=True)
class Thresholds:
    """From when on it is a pattern.

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


_PATTERN = (
    "pattern string, product_id string, started_at bigint, detected_at bigint, events bigint, "
    "seconds_to_click double, seconds_to_purchase double, visit_start bigint, number bigint"
)


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
        """Take the next event; yield the patterns that it completes. A pattern uses up the events that it is made of."""
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
    found: list[Pattern] = []
    for at, what in events:
        if visit is None or not visit.goes_on(at):
            visit = Visit(at, at)
        found.extend(visit.see(at, what, limits))
    return found, visit


def user_patterns(events: DataFrame, limits: Thresholds) -> DataFrame:
    """One row per pattern, by the fold over all events of each user in the order of their time."""

    def patterns(times: Sequence[int], whats: Sequence[str]) -> list[Pattern]:
        return fold(zip(times, whats, strict=True), limits)[0]

    of_user = _narrow(events).groupBy("user_id").agg(F.array_sort(F.collect_list(F.struct("at", "what"))).alias("es"))
    found = F.udf(patterns, f"array<struct<{_PATTERN.replace(' ', ':').replace(',:', ',')}>>", useArrow=True)
    return _as_table(of_user.select("user_id", F.explode(found("es.at", "es.what")).alias("p")).select("user_id", "p.*"))


def update_user_state(events: DataFrame, limits: Thresholds, handled_ms: int = 0) -> DataFrame:
    """The same rows as a stream: each once the watermark has passed the event that completes it.

    Args:
        events: a stream with a watermark.
        limits: the thresholds.
        handled_ms: so far the generation's first batch goes, which has no watermark yet; at most the watermark that
            the second one will have.
    """
    # Few narrow columns: Python takes every cell apart. Without the event time among them Spark itself drops nothing.
    return _as_table(
        _narrow(events)
        .groupBy("user_id")
        .transformWithState(UpdateUserState(limits, handled_ms), f"user_id string, {_PATTERN}", "append", "eventTime")
    )


def _narrow(events: DataFrame) -> DataFrame:
    digit = F.lit(_OTHER)
    for name, each in _DIGITS.items():
        digit = F.when(F.col("event_type") == name, each).otherwise(digit)
    what = F.concat(digit, F.coalesce("product_id", F.lit("")))
    return events.select("user_id", F.unix_micros("timestamp").alias("at"), what.alias("what"))


def _as_table(found: DataFrame) -> DataFrame:
    times = {name: F.timestamp_micros(name) for name in ("started_at", "detected_at", "visit_start")}
    return found.withColumns(times).select("user_id", "visit_start", "number", *Pattern._fields[:-2])


class UpdateUserState(StatefulProcessor):
    """Remembers a user's visit and the events that the watermark has not passed, as one text.

    An event at or before the watermark of its batch is late and left out: whoever lands the batch lists it. Every other
    event waits until the watermark passes it; so events are handled in their order, however they came. A user is
    forgotten as soon as no event that is not late can belong to the visit.

    Costs a round trip to the JVM for each: reading, writing, and moving the one timer, which seldom moves.
    """

    def __init__(self, limits: Thresholds, handled_ms: int = 0) -> None:
        self._limits = limits
        self._handled_ms = handled_ms

    def init(self, handle: StatefulProcessorHandle) -> None:
        """Called once a batch and partition."""
        self._handle = handle
        self._state = handle.getValueState("visit", "memory string")
        self._row = Row("user_id", *Pattern._fields)

    def handleInputRows(self, key: Any, rows: Iterator[Row], timerValues: Any) -> Iterator[Row]:  # noqa: N802, N803
        """New events of one user, in any order."""
        watermark = timerValues.getCurrentWatermarkInMs()
        limit = watermark * 1000
        new = [(row[1], row[2]) for row in rows if row[1] > limit]
        # Only the first batch of a generation has a watermark before `handled_ms`; nothing is remembered then.
        memory = self._remembered() if watermark >= self._handled_ms else Memory()
        return self._advance(key[0], memory, new, max(watermark, self._handled_ms))

    def handleExpiredTimer(self, key: Any, timerValues: Any, expiredTimerInfo: Any) -> Iterator[Row]:  # noqa: N802, N803
        """The watermark has passed an event that waits, or the end of the visit."""
        memory = self._remembered()
        if memory.timer == expiredTimerInfo.getExpiryTimeInMs():
            memory.timer = None  # Spark deletes it after this call
        return self._advance(key[0], memory, [], timerValues.getCurrentWatermarkInMs())

    def _advance(self, user: str, memory: Memory, new: list[Event], to_ms: int) -> Iterator[Row]:
        waiting, limit = sorted(memory.waiting + new), to_ms * 1000
        first = next((i for i, (at, _) in enumerate(waiting) if at > limit), len(waiting))
        found, visit = fold(waiting[:first], self._limits, memory.visit)
        self._remember(memory, visit, waiting[first:], limit)
        return (self._row(user, *pattern) for pattern in found)

    def _remembered(self) -> Memory:
        held = self._state.get()
        return Memory.from_text(held[0]) if held else Memory()

    def _remember(self, before: Memory, visit: Visit | None, waiting: list[Event], limit: int) -> None:
        ends = None if visit is None else visit.last + _GAP
        if ends is not None and ends <= limit:
            visit = ends = None
        due = waiting[0][0] if waiting else ends
        timer = None if due is None else -(-due // 1000)  # rounded up: the watermark counts in milliseconds
        if before.timer is not None and before.timer != timer:
            self._handle.deleteTimer(before.timer)
        if timer is not None and before.timer != timer:
            self._handle.registerTimer(timer)
        if timer is not None:
            self._state.update((Memory(visit, waiting, timer).to_text(),))
        elif before.is_held:
            self._state.clear()


@dataclass
class Memory:
    """What the state store holds of one user.

    Attributes:
        visit: where the fold stands; None before its first event.
        waiting: events that the watermark has not passed, sorted.
        timer: when to look again, in milliseconds; None once it has expired.
        is_held: whether it came out of the state store.
    """

    visit: Visit | None = None
    waiting: list[Event] = field(default_factory=list[Event])
    timer: int | None = None
    is_held: bool = False

    def to_text(self) -> str:
        """JSON: a person can read it with Spark's state reader."""
        v = self.visit
        products = {} if v is None else {p: [i.views, i.since, i.viewed_at, i.clicked_at] for p, i in v.products.items()}
        held = None if v is None else [v.start, v.last, v.patterns, v.clicks, v.purchases, products]
        return json.dumps([held, self.waiting, self.timer], separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Memory:
        """What :meth:`to_text` wrote."""
        held, waiting, timer = json.loads(text)
        visit = None
        if held is not None:
            *plain, products = held
            visit = Visit(*plain, {product: Interest(*facts) for product, facts in products.items()})
        return cls(visit, [(at, what) for at, what in waiting], timer, is_held=True)
