"""Simulated visitors of a web shop, the faults of the way from them to us, and the truth about both.

The same arguments give the same bytes under the same file names. Only ``live`` reads a clock.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache, lru_cache, partial
from operator import attrgetter
from random import Random

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.session import SESSION_GAP
from clickstream_platform.simulator.expected import CONFLICTING, DUPLICATE, Event, SimulatedRecord, Simulation
from clickstream_platform.simulator.malformed import MALFORMED
from clickstream_platform.simulator.visitors import Action, Journey, Visitor, browse, crawl, stolen_card

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
START = datetime(2026, 1, 5, tzinfo=timezone.utc)  # where no other is given: the same seed, the same bytes on any day
SPAN = timedelta(days=7)
FUTURE = timedelta(days=50 * 365)  # ahead of any arrival for decades, yet before 2262: pandas counts nanoseconds
OVERSIZE = 1_000_000  # a too large record is longer than this many bytes, the default limit
ALERTS_FROM = 1_000  # events: fewer leave no room for a crawler

EXTRAS = (
    ',"utm_source":"newsletter"',
    ',"utm_source":"search","utm_term":"caf\\u00e9"',
    ',"experiment":{"banner":"b"}',
)
RUSH_BY_HOUR = (2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 9, 10, 11, 10, 9, 9, 10, 11, 13, 15, 16, 14, 9, 5)


@dataclass(frozen=True)
class Shares:
    """How often what goes wrong, each 0..1. Counts follow the shares only roughly; the truth has them exactly.

    Attributes:
        late: arrives 2 minutes to 3 days after its time.
        duplicate: sent again within a day, as the same bytes or with one field more, which is rejected as a conflicting
            duplicate. Events without an id are not.
        malformed: broken JSON, not an object, no user, no or a bad timestamp, or an unknown type, as often each.
        future: dated 50 years ahead.
        too_large: longer than a megabyte.
        no_session: of the visitors, never have a ``session_id``.
        no_event_id: of the records.
        extra_field: has fields that the schema does not know.
    """

    late: float = 0.03
    duplicate: float = 0.02
    malformed: float = 0.01
    future: float = 0.002
    too_large: float = 0.0
    no_session: float = 0.03
    no_event_id: float = 0.05
    extra_field: float = 0.1

    def __post_init__(self) -> None:
        for name, share in asdict(self).items():
            if not 0 <= share <= 1:
                raise SettingsError("simulate", f"a {name} share of {share}", "choose 0..1")
        if self.faulty > 1:
            raise SettingsError("simulate", f"faulty shares that add up to {self.faulty}", "choose at most 1 in all")

    @property
    def faulty(self) -> float:
        """Malformed, future, too large or duplicate: a record is at most one of these."""
        return self.malformed + self.future + self.too_large + self.duplicate


@lru_cache(maxsize=20_000)  # two weeks
def _minute(minutes: int) -> str:
    return datetime.fromtimestamp(minutes * 60, timezone.utc).strftime("%Y-%m-%dT%H:%M:")


def stamp(at: int) -> str:
    """ISO 8601 in UTC. ``strftime`` for each event would take as long as all the rest."""
    minutes, rest = divmod(at, 60_000)
    return f"{_minute(minutes)}{rest // 1_000:02d}.{rest % 1_000:03d}Z"


def milliseconds(at: datetime) -> int:
    """A moment in milliseconds since 1970."""
    return in_ms(at - EPOCH)


def in_ms(length: timedelta) -> int:
    """A length of time in whole milliseconds."""
    return length // timedelta(milliseconds=1)


class Shop:
    """The visitors of one seed, and what becomes of their actions on the way to us."""

    def __init__(
        self,
        rng: Random,
        shares: Shares,
        visitors: int,
        *,
        alerts: bool = True,
        mask: int = 0,
        gap: timedelta = SESSION_GAP,
    ) -> None:
        self.rng = rng
        self._mask = mask  # of every id that is drawn
        self.beat = _beat(in_ms(gap))
        self._browse = partial(browse, gap_ms=in_ms(gap))
        self._shares = shares
        self._visitors = [self._visitor(number) for number in range(1, visitors + 1)]
        self._first = [crawl, stolen_card] if alerts else []

    def journey(self) -> Journey:
        """Begin one. The first two raise an alert of either kind, later ones seldom."""
        rng = self.rng
        visitor = self._visitors[int(rng.random() * len(self._visitors))]
        session_id = f"{rng.getrandbits(64) ^ (self._mask >> 64):016x}" if visitor.has_session else None
        draw = int(rng.random() * 4_000)
        plan = self._first.pop() if self._first else {0: crawl, 1: stolen_card}.get(draw, self._browse)
        head = f'{{"user_id":"{visitor.user_id}","session_id":{json.dumps(session_id)}'
        return Journey(visitor, session_id, head, plan(rng))

    def lateness(self) -> int:
        """Milliseconds between an action and the arrival of its record: the network's, or minutes to days."""
        if self.rng.random() < self._shares.late:
            return int(120_000 * 2_160 ** self.rng.random())  # log-uniform: 2 minutes to 3 days
        return int(100 + 3_000 * self.rng.random())

    def records(self, journey: Journey, action: Action, at: int, arrival: int) -> list[SimulatedRecord]:
        """The record of one action and perhaps its copy, which arrives later."""
        draw, shares = self.rng.random(), self._shares
        line = self._line(journey, action, stamp(at), has_id=draw < shares.duplicate)
        event = Event(journey.visitor.user_id, journey.session_id, at, action.event_type)
        if draw < shares.duplicate:
            is_same = self.rng.random() < 0.5
            copy = line if is_same else line[:-1] + b',"resent":true}'
            later = arrival + int(1_000 * 86_400 ** self.rng.random())  # log-uniform: a second to a day
            return [
                SimulatedRecord(arrival, line, event),
                SimulatedRecord(later, copy, DUPLICATE if is_same else CONFLICTING),
            ]
        if draw < shares.faulty:
            return [self._rejected(line, arrival, at, draw - shares.duplicate)]
        return [SimulatedRecord(arrival, line, event)]

    def _visitor(self, number: int) -> Visitor:
        rng = self.rng
        device = rng.choices(("mobile", "desktop", "tablet"), (58, 35, 7))[0]
        address = f"198.{rng.randint(18, 19)}.{rng.randrange(256)}.{rng.randrange(256)}"  # RFC 2544: nobody's
        tail = f'","device_type":"{device}","ip_address":"{address}"'
        return Visitor(f"u{number:06d}", tail, rng.random() >= self._shares.no_session, rng.randrange(self.beat))

    def _line(self, journey: Journey, action: Action, stamp: str, *, has_id: bool) -> bytes:
        rng, shares = self.rng, self._shares
        has_id = has_id or rng.random() >= shares.no_event_id
        event_id = f',"event_id":"{rng.getrandbits(128) ^ self._mask:032x}"' if has_id else ""
        extra = rng.choice(EXTRAS) if rng.random() < shares.extra_field else ""
        return f"{journey.head}{action.wire}{stamp}{journey.visitor.tail}{event_id}{extra}}}".encode()

    def _rejected(self, line: bytes, arrival: int, at: int, draw: float) -> SimulatedRecord:
        """Spoil the line in the one way that ``draw``, up to the sum of the three shares, picks."""
        event, shares = json.loads(line), self._shares
        if draw < shares.future:
            ahead = event | {"timestamp": stamp(at + FUTURE // timedelta(milliseconds=1))}
            return SimulatedRecord(arrival, json.dumps(ahead).encode(), "future_timestamp")
        if draw < shares.future + shares.too_large:
            return SimulatedRecord(arrival, json.dumps(event | {"padding": "x" * OVERSIZE}).encode(), "too_large")
        reason = self.rng.choice(tuple(MALFORMED))
        return SimulatedRecord(arrival, MALFORMED[reason](event, self.rng).encode(), reason)


def simulate(
    events: int,
    seed: int,
    start: datetime = START,
    *,
    span: timedelta = SPAN,
    shares: Shares | None = None,
    gap: timedelta = SESSION_GAP,
) -> Simulation:
    """Simulate exactly ``events`` records, everything included. All is held in memory: about 700 bytes a record.

    Times that are not in the future lie from ``start`` up to ``start + span``: write the records after that. From 1,000
    events on at least one alert of each rule is raised, with the default shares. Whole days between two starts make no
    other difference than to the dates and the ids, so that the truth is the same.
    A pause longer than ``gap`` ends a session; no two events of a visitor lie that far apart, give or take a second.

    Raises:
        SettingsError: no events, a ``start`` without a time zone, a ``span`` under two hours, a ``gap`` under a minute.
    """
    _require_possible(events, start, span, gap)
    shares = shares or Shares()
    other = "" if gap == SESSION_GAP else f" {gap}"
    # No other simulation has the same event_ids: they depend on everything, the date by a mask.
    rng = Random(f"{seed} {events} {datetime.combine(START, start.timetz())} {span} {shares}{other}")
    mask = 0 if start.date() == START.date() else Random(f"{start.date()}").getrandbits(128)
    shop = Shop(rng, shares, visitors=max(20, events // 60), alerts=events >= ALERTS_FROM, mask=mask, gap=gap)
    starts, end = _starts(rng, start, span), milliseconds(start + span) - shop.beat
    records: list[SimulatedRecord] = []
    while len(records) < events:
        journey, at = shop.journey(), next(starts)
        for action, pause in journey.actions:
            if at >= end:
                break
            on_beat = _on_beat(at, journey.visitor.phase, shop.beat)
            records += shop.records(journey, action, on_beat, on_beat + shop.lateness())
            at += pause
    del records[events:]  # a copy follows its original, so none loses it
    return Simulation(seed, sorted(records, key=attrgetter("arrival")), gap)


def _require_possible(events: int, start: datetime, span: timedelta, gap: timedelta) -> None:
    if events < 1:
        raise SettingsError("simulate", f"{events} events", "choose at least 1")
    if start.tzinfo is None:
        raise SettingsError("simulate", f"a start of {start} in no time zone", "add tzinfo=timezone.utc")
    if span < timedelta(hours=2):
        raise SettingsError("simulate", f"a span of {span}", "choose two hours or more")
    if gap < timedelta(minutes=1):
        raise SettingsError("simulate", f"a session gap of {gap}", "choose a minute or more")


def start_before(end: date) -> datetime:
    """The start of a simulation of :data:`SPAN` that ends with the day before ``end``, UTC."""
    return datetime.combine(end, datetime.min.time(), timezone.utc) - SPAN


def _starts(rng: Random, start: datetime, span: timedelta) -> Iterator[int]:
    """When journeys begin, by the rhythm of the day. The last hour is left for them to end in."""
    hours = range(span // timedelta(hours=1) - 1)
    weights = list(itertools.accumulate(RUSH_BY_HOUR[(start.hour + hour) % 24] for hour in hours))
    while True:
        hour = rng.choices(hours, cum_weights=weights)[0]
        yield milliseconds(start) + int((hour + rng.random()) * 3_600_000)


def _on_beat(at: int, phase: int, beat: int) -> int:
    """Move a time forward, in order, so that no two of one visitor lie a session gap apart, give or take a second.

    Each visitor acts in the last 7/16 of every beat only. Two times then lie less than 7/16 of a beat off a multiple of
    it apart, and the gap is further off one, see :func:`_beat`. This holds for every pair, so also while the events
    between them have not arrived.
    """
    into = (at - phase) % beat
    return at - into + beat * 9 // 16 + into * 7 // 16


@cache
def _beat(gap_ms: int) -> int:
    """The shortest beat from 16 s on, in milliseconds, that a gap lies 7/16 and a second off any multiple of."""
    beats = itertools.count(16_000)
    return next(beat for beat in beats if min(gap_ms % beat, -gap_ms % beat) >= beat * 7 / 16 + 1_000)
