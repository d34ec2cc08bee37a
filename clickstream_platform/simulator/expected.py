"""Simulated records, and what the tables must say about them, found by plain Python.

The truth is a second opinion: it shares no code with the queries, and of their constants only when a session ends; it
knows nothing of Spark.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.session import SESSION_GAP

DUPLICATE = "duplicate"
CONFLICTING = "conflicting_duplicate"

WINDOW_MS = 5 * 60_000  # windows are aligned to 1970-01-01T00:00Z
MINUTE_MS = 60_000
PURCHASES_ALLOWED = 5  # in one window; one more is an alert
EVENTS_ALLOWED = 100  # in one window; one more is an alert


class Event(NamedTuple):
    """What the truth needs of one accepted event. ``time`` is in milliseconds since 1970."""

    user_id: str
    session_id: str | None
    time: int
    event_type: str


class SimulatedRecord(NamedTuple):
    """The bytes of one record, and what must become of them.

    Attributes:
        arrival: when it arrives, in milliseconds since 1970 on the simulated clock.
        line: its bytes, without a line feed.
        outcome: the event it must be accepted as, or ``duplicate``, or the one reason to quarantine it.
    """

    arrival: int
    line: bytes
    outcome: Event | str


@dataclass(frozen=True)
class Truth:
    """The counts that the tables must show once they have read exactly these records.

    Attributes:
        records: everything written.
        accepted: rows of ``events``.
        duplicates: records with the ``event_id`` and the ``timestamp`` of an earlier one that says the same.
        quarantined: rows of ``quarantine`` by reason; a reason that does not occur is absent.
        sessions: runs of one user's events in one session (or without any) in which no pause is longer than the gap.
        purchases: accepted purchase events.
        activity_windows: user, session and 5-minute window with at least one event: rows of ``user_activity``.
        sliding_windows: user and 5-minute window, one beginning every minute: rows of ``clickstream_aggregated``.
        purchase_alerts: those activity windows with more than 5 purchases.
        event_alerts: those windows with more than 100 events.
    """

    records: int
    accepted: int
    duplicates: int
    quarantined: Mapping[str, int]
    sessions: int
    purchases: int
    activity_windows: int
    sliding_windows: int
    purchase_alerts: int
    event_alerts: int

    @property
    def alerts(self) -> int:
        """One for each window and rule that fires."""
        return self.purchase_alerts + self.event_alerts

    @property
    def rejected(self) -> int:
        """Everything quarantined, whatever the reason."""
        return sum(self.quarantined.values())


@dataclass(frozen=True)
class Simulation:
    """Records in the order they arrive. Iterating gives their bytes, without line feeds."""

    seed: int
    records: Sequence[SimulatedRecord] = field(repr=False)
    gap: timedelta = SESSION_GAP

    def __iter__(self) -> Iterator[bytes]:
        return (record.line for record in self.records)

    def __len__(self) -> int:
        return len(self.records)

    @cached_property
    def truth(self) -> Truth:
        """What must hold when everything has been read."""
        return truth_of(self.records, self.gap)

    def truth_after(self, number: int, *, arrivals: int = 2) -> Truth:
        """What must hold when the first ``number`` of ``arrivals`` parts have been read, and no more."""
        parts = (self.arrival(part, arrivals=arrivals) for part in range(1, number + 1))
        return truth_of((record for part in parts for record in part), self.gap)

    def arrival(self, number: int, *, arrivals: int = 2) -> Sequence[SimulatedRecord]:
        """One of ``arrivals`` equal parts, counted from 1. Part 2 has what came too late to be in part 1.

        Raises:
            SettingsError: there is no such part.
        """
        if not 1 <= number <= arrivals:
            raise SettingsError("simulate", f"arrival {number} of {arrivals}", f"choose 1..{max(arrivals, 1)}")
        return self.records[len(self) * (number - 1) // arrivals : len(self) * number // arrivals]


def truth_of(records: Iterable[SimulatedRecord], gap: timedelta = SESSION_GAP) -> Truth:
    """Count what must become of these records. Their order does not matter.

    Args:
        records: what was written.
        gap: a longer pause ends a session.
    """
    fates: Counter[str] = Counter()
    events: list[Event] = []
    for _, _, outcome in records:
        if isinstance(outcome, str):
            fates[outcome] += 1
        else:
            events.append(outcome)
    purchases = [event for event in events if event.event_type == "purchase"]
    windows = _windows(events)
    return Truth(
        records=len(events) + fates.total(),
        accepted=len(events),
        duplicates=fates.pop(DUPLICATE, 0),
        quarantined=dict(sorted(fates.items())),
        sessions=_sessions(events, gap),
        purchases=len(purchases),
        activity_windows=len(windows),
        sliding_windows=len({(e.user_id, e.time // MINUTE_MS - before) for e in events for before in range(5)}),
        purchase_alerts=sum(count > PURCHASES_ALLOWED for count in _windows(purchases).values()),
        event_alerts=sum(count > EVENTS_ALLOWED for count in windows.values()),
    )


def _windows(events: Sequence[Event]) -> Counter[tuple[str, str | None, int]]:
    """Count the events of each user, session and window."""
    return Counter((user_id, session_id, time // WINDOW_MS) for user_id, session_id, time, _ in events)


def _sessions(events: Sequence[Event], gap: timedelta) -> int:
    times: defaultdict[tuple[str, str | None], list[int]] = defaultdict(list)
    for user_id, session_id, time, _ in events:
        times[user_id, session_id].append(time)
    longest_ms = gap // timedelta(milliseconds=1)
    ends = sum(later - earlier > longest_ms for all_of in times.values() for earlier, later in pairwise(sorted(all_of)))
    return len(times) + ends
