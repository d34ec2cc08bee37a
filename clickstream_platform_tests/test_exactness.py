"""The promise as a property: whatever the lateness, order, duplicates and cuts, the tables are a naive program's.

One example holds sixty visitors, each a scenario of its own, because a micro-batch costs the same for one visitor as
for sixty.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from clickstream_platform.events.session import SESSION_GAP
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.sink import Append
from clickstream_platform.streaming.contract.watermark import Watermark
from clickstream_platform.streaming.lake.ledger import last_entry
from clickstream_platform.streaming.maintenance.filling import fill
from clickstream_platform.tables import tables
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.naive_patterns import Limits, Seen, naive_patterns

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from clickstream_platform.streaming.contract.table import StreamingTable

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1800)]  # seconds: some 30 s an example on two quiet cores

USERS = 60
EXAMPLES = int(os.environ.get("SOAK_EXAMPLES", "4"))  # `make soak` wants more
NOON = datetime(2024, 3, 1, 12)
WINDOW = timedelta(minutes=5)
CORRECTIONS = tuple(timedelta(minutes=m) for m in (-3, 2, -61, 0, 45))  # of the time of what is sent again
Event = dict[str, Any]
ORDERS: tuple[Event, ...] = (  # what an event says of one
    {},
    {"amount": "0.10", "currency": "EUR", "quantity": 1, "order_id": 7},
    {"amount": 1e3, "currency": "USD", "quantity": "2"},
    {"amount": "9.99999", "currency": "euro", "order_id": "a"},
    {"amount": "much", "quantity": 1.5},
)


@dataclass(frozen=True)
class Scenario:
    """How one visitor behaves."""

    steps: tuple[timedelta, ...]  # from one event to the next
    delays: tuple[timedelta, ...]  # how much later than it happened each event arrives
    session: str | None
    repeats: bool
    burst: bool

    def events(self, user: str, *, corrects: bool = False) -> Iterator[tuple[timedelta, Event]]:
        """Each event with the time it arrives; what is sent again may be so at a corrected time."""
        at = timedelta(0)
        for i, (step, delay) in enumerate(zip(self.steps, self.delays, strict=True)):
            at += step
            kind = "purchase" if self.burst or i % 3 == 2 else ("click", "page_view")[i % 2]
            made = event(
                user,
                (NOON + at).isoformat(),
                session_id=self.session,
                event_type=kind,
                page_url=f"/{i % 2}",
                product_id=("p", "q", None)[i // 3 % 3],
                event_id=f"{user}-{i}",
                **ORDERS[(i + len(self.steps)) % len(ORDERS)],
            )
            yield at + delay, made
            if self.repeats:
                corrected = NOON + at + CORRECTIONS[i % len(CORRECTIONS)]
                again = {**made, "timestamp": corrected.isoformat()} if corrects else made
                yield at + delay * 2 + timedelta(minutes=i), again


def scenarios() -> st.SearchStrategy[Scenario]:
    minutes = st.sampled_from([0, 1, 4, 5, 29, 30, 31, 200])
    exact = st.builds(lambda m, s: timedelta(minutes=m, seconds=s), minutes, st.sampled_from([0, 0, 1, -1]))
    step = exact.map(lambda duration: max(duration, timedelta(0)))
    delay = st.sampled_from([0, 0, 0, 0, 7, 40, 300, 4_000]).map(lambda m: timedelta(minutes=m))
    length = st.integers(1, 9)
    return length.flatmap(
        lambda n: st.builds(
            Scenario,
            steps=st.tuples(*[step] * n),
            delays=st.tuples(*[delay] * n),
            session=st.sampled_from([None, "a"]),
            repeats=st.booleans(),
            burst=st.booleans(),
        )
    )


@pytest.fixture
def fresh(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Callable[[timedelta | None], Lab]:
    """A new lake of two sources for every example; with a span, in which an ``event_id`` alone makes a copy."""

    def made(span: timedelta | None) -> Lab:
        home = Path(tmp_path_factory.mktemp("exact"))
        folders = {name: home / name for name in ("landing", "other")}
        for folder in folders.values():
            folder.mkdir()
        source = json.dumps({"main": str(folders["landing"]), "other": str(folders["other"])})
        settings = Settings(home=home, source=source)
        by_id = {"duplicates": "event_id", "duplicate_span": span}
        return Lab(spark, settings.model_copy(update=by_id if span else {}))

    return made


@settings(
    max_examples=EXAMPLES,
    phases=[
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
    ],  # shrinking sixty visitors would take hours; the note has them
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(
    visitors=st.lists(scenarios(), min_size=USERS, max_size=USERS),
    delay=st.sampled_from([timedelta(minutes=m) for m in (0, 1, 10, 60)]),
    span=st.sampled_from([None, timedelta(days=1), timedelta(minutes=40)]),
    chance=st.randoms(use_true_random=False),
)
def test_any_lateness_and_any_cut_give_the_tables_of_a_naive_program(
    fresh: Callable[[timedelta | None], Lab],
    visitors: list[Scenario],
    delay: timedelta,
    span: timedelta | None,
    chance: random.Random,
) -> None:
    lab = fresh(span)
    note(f"lake: {lab.lake.root}")
    lab.contracts = delayed(lab.contracts, delay)
    declared_at = chance.randrange(4)  # before which part a contract declares what an order is
    arrivals = [arrival for i, v in enumerate(visitors) for arrival in v.events(f"u{i}", corrects=span is not None)]
    arriving = [made for _, made in sorted(arrivals, key=lambda arrival: arrival[0])]
    derived = [name for name in lab.contracts if name != "events"]
    both = lab.contracts["events"]
    for number, part in enumerate(_cut(arriving, 3, chance)):
        if number == declared_at:
            both = declaring(lab, delay)
        for file in _cut(part, chance.randint(1, 2), chance):
            lab.land(*chance.sample(file, len(file)), into=lab.settings.home / chance.choice(["landing", "other"]))
        read = chance.choice([both, both, *both.by_source()])  # a source may be left out for a while
        lab.contracts["events"] = replace(read, sink=Append(file_rows=chance.choice([0, 3])))  # who writes the files
        lab.run("events", *(name for name in derived if chance.random() < 0.4))
        if number >= declared_at and chance.random() < 0.4:
            fill(lab.contracts["events"], lab.lake)
    lab.contracts["events"] = both if lab.contracts["purchases"].declared else declaring(lab, delay)
    fill(lab.contracts["events"], lab.lake)
    lab.run()
    events = naive_events(arriving, span or timedelta(0))
    assert _rows(lab, "events", "event_id") == sorted((made["event_id"],) for made in events)
    assert _rows(lab, "purchases", *PURCHASE) == sorted(naive_purchases(events), key=repr)
    assert _rows(lab, "sessions", *SESSION) == sorted(naive_sessions(events), key=repr)
    windows = sorted(naive_windows(events), key=repr)
    assert _rows(lab, "user_activity", *ACTIVITY) == windows
    assert _rows(lab, "clickstream_aggregated", *AGGREGATED) == sorted(naive_sliding_windows(events), key=repr)
    assert _rows(lab, "processed_events", *PROCESSED) == sorted(naive_groups(events), key=repr)
    assert _rows(lab, "alerts", "user_id", "window_start", "value") == sorted(
        ((user, start, bought) for user, _, start, _, _, _, bought in windows if bought > 5), key=repr
    )

    if span is not None:  # it keeps what it made of events that gave way
        assert lab.verify("user_patterns")["user_patterns"].clean
        return
    late = {row.event_id for row in lab.table("late_events").select("event_id").collect()}
    newest = last_entry(lab.lake.table("user_patterns"))
    assert newest is not None
    watermark = newest.handled_ms / 1000
    handled = [m for m in events if m["event_id"] not in late and _utc(m).timestamp() <= watermark]
    assert all(_utc(m).timestamp() <= watermark for m in events if m["event_id"] in late)
    seen = [Seen(m["user_id"], _time(m), m["event_type"], m["product_id"]) for m in handled]
    assert _rows(lab, "user_patterns", *PATTERN) == sorted(naive_patterns(seen, Limits()), key=repr)


def delayed(contracts: dict[str, StreamingTable], delay: timedelta) -> dict[str, StreamingTable]:
    return {name: replace(table, watermark=Watermark("timestamp", delay)) for name, table in contracts.items()}


def declaring(lab: Lab, delay: timedelta) -> StreamingTable:
    """The same lake from now on with the columns of shops; returns the contract of ``events``."""
    lab.settings = lab.settings.model_copy(update={"contract": "commerce"})
    lab.contracts = delayed(tables(lab.settings), delay)
    return lab.contracts["events"]


PURCHASE = ("event_id", "amount", "currency", "quantity", "order_id")
PATTERN = ("user_id", "visit_start", "number", "pattern", "product_id", "started_at", "detected_at")
SESSION = ("user_id", "session_id", "session_start", "session_end", "events_in_session", "event_sequence", "purchases")
ACTIVITY = (
    "user_id", "session_id", "window_start", "total_events", "unique_pages", "click_count", "purchase_count"
)  # fmt: skip
AGGREGATED = ("user_id", "window_start", "event_count", "session_count")
PROCESSED = ("user_id", "session_id", "event_type", "page_url", "product_id", "timestamp", "event_count")


def naive_events(arriving: Sequence[Event], span: timedelta) -> list[Event]:
    """Of the records of one id, by time, the first, and the next one that is later by more than a span."""
    kept: list[Event] = []
    for made in sorted(arriving, key=lambda made: (made["event_id"], _time(made))):
        if not kept or kept[-1]["event_id"] != made["event_id"] or _time(made) - _time(kept[-1]) > span:
            kept.append(made)
    return kept


def naive_purchases(events: Sequence[Event]) -> Iterator[tuple[Any, ...]]:
    """What ``purchases`` must hold under the contract ``commerce``, said without Spark."""
    amounts: dict[Any, Decimal] = {"0.10": Decimal("0.1000"), 1e3: Decimal("1000.0000")}
    for made in events:
        if made["event_type"] == "purchase":
            whole = {1: 1, "2": 2}.get(made.get("quantity", 0))
            order = None if made.get("order_id") is None else str(made["order_id"])
            yield made["event_id"], amounts.get(made.get("amount")), made.get("currency"), whole, order


def naive_sessions(events: Sequence[Event]) -> Iterator[tuple[Any, ...]]:
    """What ``sessions`` must hold, said without Spark."""
    for (user, session), of_key in _by_key(events).items():
        ends = [i for i, (a, b) in enumerate(pairwise(of_key), 1) if _time(b) - _time(a) > SESSION_GAP]
        for start, end in pairwise([0, *ends, len(of_key)]):
            visit = of_key[start:end]
            kinds = [made["event_type"] for made in visit]
            yield user, session, _time(visit[0]), _time(visit[-1]), len(visit), kinds, kinds.count("purchase")


def naive_windows(events: Sequence[Event]) -> Iterator[tuple[Any, ...]]:
    """What ``user_activity`` must hold, said without Spark."""
    for (user, session), of_key in _by_key(events).items():
        for start, group in groupby(of_key, lambda made: NOON + (_time(made) - NOON) // WINDOW * WINDOW):
            visit = list(group)
            kinds = [made["event_type"] for made in visit]
            pages = {made["page_url"] for made in visit}
            yield user, session, start, len(visit), len(pages), kinds.count("click"), kinds.count("purchase")


def naive_sliding_windows(events: Sequence[Event]) -> Iterator[tuple[Any, ...]]:
    """What ``clickstream_aggregated`` must hold, said without Spark."""
    inside: dict[tuple[str, datetime], list[Event]] = defaultdict(list)
    for made in events:
        minute = _time(made).replace(second=0, microsecond=0)
        for before in range(5):
            inside[made["user_id"], minute - timedelta(minutes=before)].append(made)
    for (user, start), of_window in inside.items():
        yield user, start, len(of_window), len({made["session_id"] for made in of_window} - {None})


def naive_groups(events: Sequence[Event]) -> Iterator[tuple[Any, ...]]:
    """What ``processed_events`` must hold, said without Spark."""
    names = ("user_id", "session_id", "event_type", "page_url", "product_id")
    alike = Counter((*(made[name] for name in names), _time(made)) for made in events)
    return ((*key, count) for key, count in alike.items())


def _by_key(events: Sequence[Event]) -> dict[tuple[str, str | None], list[Event]]:
    found: dict[tuple[str, str | None], list[Event]] = defaultdict(list)
    for made in sorted(events, key=lambda made: (_time(made), made["event_type"])):
        found[made["user_id"], made["session_id"]].append(made)
    return found


def _time(made: Event) -> datetime:
    return datetime.fromisoformat(made["timestamp"])


def _utc(made: Event) -> datetime:
    return _time(made).replace(tzinfo=timezone.utc)


def _cut(items: list[Event], parts: int, chance: random.Random) -> Iterator[list[Event]]:
    """The items in at most ``parts`` parts, none of them empty."""
    cuts = sorted(chance.randrange(len(items) + 1) for _ in range(parts - 1))
    return (items[start:end] for start, end in pairwise([0, *cuts, len(items)]) if start < end)


def _rows(lab: Lab, table: str, *columns: str) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in lab.table(table).select(*columns).collect()), key=repr)
