"""Every figure about visitors, computed once more from the rows of the tables, in plain Python. No JVM."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from itertools import groupby
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import pytest
from deltalake import DeltaTable

from clickstream_platform.report.page import Report, report
from clickstream_platform.report.plots import OverTime, Ranked, Spread
from clickstream_platform.report.section import Section
from clickstream_platform.settings import Settings
from clickstream_platform.wording import share
from clickstream_platform_tests.homes import Home
from clickstream_platform_tests.lakes import at, write

Row = dict[str, Any]
SINCE = at("00:00:00", day=2)
GAP = timedelta(minutes=30)


def some_events(rng: Random) -> list[Row]:
    """Two days of six visitors; pauses of 29 to 31 minutes, some of them over midnight; some without a session id."""
    found: list[Row] = []
    for user in "abcdef":
        when = at("21:00:00") + timedelta(minutes=rng.randrange(60))
        for _ in range(60):
            when += rng.choice((timedelta(minutes=1), timedelta(minutes=29), GAP, GAP + timedelta(seconds=1)))
            kind = rng.choice(("page_view", "page_view", "click", "purchase"))
            session, product = rng.choice(("s", "s", "t", None)), rng.choice(("p1", "p2", None))
            place = {"session_id": session, "product_id": product, "arrived_at": when, "event_date": when.date()}
            found.append({"user_id": user, "event_type": kind, "timestamp": when, **place})
    return found


def of_sessions(events: Sequence[Row]) -> list[Row]:
    """The rows of ``sessions``: stretches of a user's and session id's events, by their pauses."""

    def whose(event: Row) -> tuple[str, str]:
        return event["user_id"], event["session_id"] or ""

    stretches: list[list[Row]] = []
    for _, group in groupby(sorted(events, key=lambda e: (*whose(e), e["timestamp"])), key=whose):
        last = None
        for event in group:
            if last is None or event["timestamp"] - last > GAP:
                stretches.append([])
            stretches[-1].append(event)
            last = event["timestamp"]
    return [_session(stretch) for stretch in stretches]


def _session(stretch: Sequence[Row]) -> Row:
    start, end = stretch[0]["timestamp"], stretch[-1]["timestamp"]
    return {
        "user_id": stretch[0]["user_id"],
        "session_id": stretch[0]["session_id"],
        "session_start": start,
        "session_end": end,
        "events_in_session": len(stretch),
        "purchases": sum(event["event_type"] == "purchase" for event in stretch),
        "session_duration_minutes": (end - start) / timedelta(minutes=1),
    }


@pytest.fixture(params=range(3))
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    home, rng = Home(Settings(home=tmp_path / "home")), Random(request.param)
    events = some_events(rng)
    write(home, "events", events)
    write(home, "sessions", of_sessions(events))
    write(home, "purchases", [{k: e[k] for k in ("user_id", "product_id", "timestamp")} for e in events if _buys(e)])
    patterns = [{"user_id": e["user_id"], "detected_at": e["timestamp"]} for e in events if rng.random() < 0.1]
    write(home, "user_patterns", [{"pattern": rng.choice(("hesitation", "rapid_clicks")), **e} for e in patterns])
    return home


def _buys(event: Row) -> bool:
    return event["event_type"] == "purchase"


def rows(home: Home, table: str, time: str) -> list[Row]:
    """What the table says of the last day, as delta-rs reads it."""
    found = DeltaTable(str(home.lake.table(table).path)).to_pyarrow_table().to_pylist()
    return [row for row in found if row[time].astimezone(timezone.utc) >= SINCE]


def made(home: Home) -> Report:
    return report(home.lake, 1, datetime(2024, 3, 9, tzinfo=timezone.utc))


def section(home: Home, title: str) -> Section:
    return next(each for each in made(home).sections if each.title.startswith(title))


def test_the_totals_are_those_of_the_tables(home: Home) -> None:
    events, sessions = rows(home, "events", "timestamp"), rows(home, "sessions", "session_start")
    found = made(home)
    assert found.since == SINCE
    assert found.totals == {
        "events": len(events),
        "visitors": len({event["user_id"] for event in events}),
        "sessions": len(sessions),
        "purchases": len(rows(home, "purchases", "timestamp")),
        "patterns": len(rows(home, "user_patterns", "detected_at")),
    }
    for title, name in (("Events", "events"), ("Purchases", "purchases"), ("Patterns", "patterns")):
        plot = section(home, title).plot
        assert isinstance(plot, OverTime)
        assert sum(map(sum, plot.counts.values())) == found.totals[name]


def test_the_length_of_sessions_is_that_of_the_table(home: Home) -> None:
    sessions = rows(home, "sessions", "session_start")
    found = section(home, "Length of sessions")
    middle = median(row["session_duration_minutes"] for row in sessions)
    mean = sum(row["events_in_session"] for row in sessions) / len(sessions)
    assert f"Half of them last {middle:.1f} minutes or more; they have {mean:.1f} events on average." in found.finding
    assert isinstance(found.plot, Spread)
    assert sum(found.plot.values.values()) == len(sessions)
    assert found.plot.values["0"] == sum(not row["session_duration_minutes"] for row in sessions)


def test_the_conversion_is_that_of_the_table_sessions(home: Home) -> None:
    sessions = rows(home, "sessions", "session_start")
    bought = sum(row["purchases"] > 0 for row in sessions)
    assert 0 < bought < len(sessions)
    expected = f"{bought} of {len(sessions)} sessions have a purchase: {share(bought, len(sessions))}."
    assert section(home, "Sessions with a purchase").finding.startswith(expected)


def test_the_stages_are_what_the_events_of_each_session_say(home: Home) -> None:
    events = rows(home, "events", "timestamp")
    stages = [0, 0, 0, 0]
    for row in rows(home, "sessions", "session_start"):
        whose = (row["user_id"], row["session_id"])
        own = [e for e in events if (e["user_id"], e["session_id"]) == whose]
        own = [e for e in own if row["session_start"] <= e["timestamp"] <= row["session_end"]]
        assert len(own) == row["events_in_session"]
        viewed = any(e["event_type"] == "page_view" and e["product_id"] for e in own)
        clicked = viewed and any(e["event_type"] == "click" for e in own)
        for stage, reached in enumerate((True, viewed, clicked, clicked and any(map(_buys, own)))):
            stages[stage] += reached
    plot = section(home, "Sessions with a purchase").plot
    assert isinstance(plot, Ranked)
    assert list(plot.values.values()) == stages
