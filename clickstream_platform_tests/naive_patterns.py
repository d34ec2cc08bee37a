"""What ``user_patterns`` must hold, said without Spark and without a word of the fold's own code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

from clickstream_platform.events.session import SESSION_GAP

DAY = timedelta(days=1)
ORDER = {"page_view": 0, "click": 1, "purchase": 2}


class Seen(NamedTuple):
    """An event as a visitor's patterns depend on it."""

    user: str
    at: datetime
    kind: str
    product: str | None = None


class Limits(NamedTuple):
    """When it is a pattern; the names are those of the settings."""

    pattern_clicks: int = 3
    pattern_clicks_within: timedelta = timedelta(seconds=10)
    pattern_views: int = 3
    pattern_purchases: int = 3
    pattern_purchases_within: timedelta = timedelta(minutes=5)


def naive_patterns(events: Sequence[Seen], limits: Limits) -> Iterator[tuple[Any, ...]]:
    """User, first event of the visit, number, pattern, product, first and last event."""
    users: dict[str, list[Seen]] = defaultdict(list)
    for seen in sorted(events, key=lambda seen: (seen.at, ORDER.get(seen.kind, 3), seen.product or "")):
        users[seen.user].append(seen)
    for user, of_user in users.items():
        for visit in _visits(of_user):
            numbers = count(1)
            for pattern, product, first, last in _of_visit(visit, limits):
                yield user, visit[0].at, next(numbers), pattern, product, first, last


def _visits(events: Sequence[Seen]) -> Iterator[list[Seen]]:
    visit: list[Seen] = []
    for seen in events:
        if visit and (seen.at - visit[-1].at > SESSION_GAP or seen.at - visit[0].at > DAY):
            yield visit
            visit = []
        visit.append(seen)
    yield visit


def _of_visit(visit: Sequence[Seen], limits: Limits) -> Iterator[tuple[str, str | None, datetime, datetime]]:
    """At each event look back over what no earlier pattern of the same kind has used up."""
    used_clicks = used_purchases = 0
    bought_at: dict[str | None, int] = defaultdict(int)  # how far back the product still counts
    hesitated_at: dict[str | None, int] = defaultdict(int)
    for i, seen in enumerate(visit):
        at, product = seen.at, seen.product
        if seen.kind == "page_view" and product:
            since = max(bought_at[product], hesitated_at[product])
            views = [e.at for e in visit[since : i + 1] if (e.kind, e.product) == ("page_view", product)]
            if len(views) == limits.pattern_views:
                yield "hesitation", product, views[0], at
                hesitated_at[product] = i + 1
        if seen.kind == "click":
            clicks = [e.at for e in visit[used_clicks : i + 1] if e.kind == "click"][-limits.pattern_clicks :]
            if len(clicks) == limits.pattern_clicks and at - clicks[0] <= limits.pattern_clicks_within:
                yield "rapid_clicks", None, clicks[0], at
                used_clicks = i + 1
        if seen.kind == "purchase":
            of_product = [e for e in visit[bought_at[product] : i] if product and e.product == product]
            views = [e.at for e in of_product if e.kind == "page_view"]
            # A click counts from the first view on; at one instant the view is first.
            if views and any(e.kind == "click" and e.at >= views[0] for e in of_product):
                yield "view_click_purchase", product, views[0], at
            bought_at[product] = i + 1
            bought = [e.at for e in visit[used_purchases : i + 1] if e.kind == "purchase"][-limits.pattern_purchases :]
            if len(bought) == limits.pattern_purchases and at - bought[0] <= limits.pattern_purchases_within:
                yield "purchase_burst", None, bought[0], at
                used_purchases = i + 1
