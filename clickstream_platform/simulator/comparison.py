"""The demo's numbers: what the simulator knows must have come of its records, and what tables and ledger say."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from clickstream_platform.events.session import gap_in_words
from clickstream_platform.simulator.expected import Truth
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.tables.events import QUARANTINE
from clickstream_platform.tables.user_patterns import LATE_EVENTS

REVISED = ("user_activity", "clickstream_aggregated", "processed_events", "sessions", "alerts")

WHY_REJECTED = {
    "malformed_json": "no JSON: cut off, two records in one, a proxy's answer",
    "not_an_object": "JSON without fields: a list, a number, a word",
    "missing_user_id": "nobody to count it for",
    "placeholder_id": "an id that is none: null, undefined, [object Object]",
    "missing_timestamp": "no time, so it belongs to no window and no session",
    "bad_timestamp": "no time that ever was: 30 February, 'yesterday'",
    "ambiguous_timestamp": "a number that may be a date, a year or a counter",
    "future_timestamp": "over an hour ahead: it would make everything else late",
    "missing_event_type": "nothing says what it was",
    "unknown_event_type": "not a click, a page_view or a purchase",
    "too_large": "longer than a megabyte",
    "conflicting_duplicate": "event_id and timestamp of an event that says something else",
    "no_value": "a key without a value: a compacted topic's way to say 'forget it'",
}


@dataclass(frozen=True)
class Comparison:
    """One number of the demo: what the simulator knows, what the tables say. ``expected`` is None if nobody knows."""

    what: str
    expected: int | None
    found: int
    why: str

    @property
    def agrees(self) -> bool:
        """Whether both are the same, as far as anybody knows."""
        return self.expected in (None, self.found)


def compare_counts(truth: Truth, lake: Lake) -> list[Comparison]:
    """What was simulated, and what the tables and the ledger of ``events`` say of it."""
    booked = list(entries(lake.events))
    read, duplicates = sum(entry.rows_in for entry in booked), sum(entry.copies.duplicates for entry in booked)
    reasons = sum((Counter(entry.records.reasons) for entry in booked), Counter[str]())
    rejected = [
        Comparison(f"  {reason}", truth.quarantined.get(reason, 0), reasons[reason], WHY_REJECTED.get(reason, ""))
        for reason in sorted({*truth.quarantined, *reasons})
    ]
    return [
        Comparison("records read", truth.records, read, "every line that landed, in two arrivals"),
        Comparison("accepted", truth.accepted, lake.events.rows(), "rows of events"),
        Comparison("duplicates", truth.duplicates, duplicates, "sent again as they were"),
        Comparison(
            "rejected", truth.rejected, lake.table(QUARANTINE.name).rows(), "rows of quarantine, with their bytes:"
        ),
        *rejected,
        *_of_tables(truth, lake),
        *_lateness(booked, lake),
    ]


def _of_tables(truth: Truth, lake: Lake) -> list[Comparison]:
    expected = {
        "user_activity": (truth.activity_windows, "one for each user, session and five minutes"),
        "clickstream_aggregated": (truth.sliding_windows, "one for each user and five minutes, beginning every minute"),
        "processed_events": (None, "events that differ in more than their place"),
        "sessions": (truth.sessions, f"a session id's events, until {gap_in_words()} pass without an event"),
        "purchases": (truth.purchases, "accepted events that are purchases"),
        "alerts": (truth.alerts, "windows with over 5 purchases or 100 events"),
    }
    return [Comparison(name, count, lake.table(name).rows(), why) for name, (count, why) in expected.items()]


def _lateness(booked: list[Entry], lake: Lake) -> list[Comparison]:
    late = sum(entry.late_rows for entry in booked)
    revised = sum(entry.revisions for name in REVISED for entry in entries(lake.table(name)))
    return [
        Comparison("late events", None, late, "behind the watermark; all are in these tables"),
        Comparison("revisions", None, revised, "rows they changed that were thought final"),
        Comparison("user_patterns", None, lake.table("user_patterns").rows(), "what visitors did in their order"),
        Comparison(
            "late_events", None, lake.table(LATE_EVENTS.name).rows(), "too late for user_patterns, and for it alone"
        ),
    ]
