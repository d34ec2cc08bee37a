"""The report of a small lake that delta-rs wrote: what it says, and that it can be opened anywhere. No JVM."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from clickstream_platform.cli.app import program
from clickstream_platform.defs.report import daily_report
from clickstream_platform.errors import QueryError
from clickstream_platform.report.page import Report, report
from clickstream_platform.report.plots import LIGHT, NAMES, OverTime, Ranked, Spread
from clickstream_platform.report.sections import Section
from clickstream_platform.settings import Settings
from clickstream_platform_tests.homes import Home, entry, home_without_java
from clickstream_platform_tests.lakes import at, write

MADE = datetime(2024, 3, 3, 12, 30, tzinfo=timezone.utc)


def an_event(
    user: str, clock: str, kind: str = "page_view", *, arrived: str = "23:00:00", **more: Any
) -> dict[str, Any]:
    when = at(clock)
    times = {"timestamp": when, "event_date": when.date(), "arrived_at": at(arrived)}
    return {"user_id": user, "session_id": "s", "event_type": kind, **times, **more}


def a_session(user: str, start: str, end: str, *, events: int, purchases: int = 0) -> dict[str, Any]:
    times = {"session_start": at(start), "session_end": at(end)}
    minutes = (at(end) - at(start)) / timedelta(minutes=1)
    counts = {"events_in_session": events, "purchases": purchases, "session_duration_minutes": minutes}
    return {"user_id": user, "session_id": "s", **times, **counts}


def made(home: Home, days: int = 1) -> Report:
    return report(home.lake, days, MADE)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """One day: a visitor who buys, one who does not, one record rejected, one duplicate, one alert."""
    home = home_without_java(tmp_path, monkeypatch)
    product = "<script>alert('$x$')</script>"
    batch = entry(rows_in=6, rows_out=4, quarantined=1, duplicates=1, reasons={"bad_timestamp": 1}, duration_ms=2_000)
    write(
        home,
        "events",
        [
            an_event("a", "09:00:00", product_id=product),
            an_event("a", "09:01:00", "click", product_id=product),
            an_event("a", "14:02:00", "purchase", product_id=product),
            an_event("b", "14:03:00"),
        ],
        of=batch,
    )
    write(
        home, "quarantine", [{"record_id": "r", "arrived_at": at("23:00:00"), "reasons": ["bad_timestamp"]}], of=batch
    )
    write(
        home,
        "sessions",
        [
            a_session("a", "09:00:00", "09:01:00", events=2),
            a_session("a", "14:02:00", "14:02:00", events=1, purchases=1),
            a_session("b", "14:03:00", "14:03:00", events=1),
        ],
        of=entry("sessions", rows_in=4, rows_out=2, duration_ms=500),
    )
    write(home, "purchases", [{"user_id": "a", "product_id": product, "timestamp": at("14:02:00")}])
    write(home, "alerts", [{"user_id": "a", "window_start": at("14:00:00"), "rule": "many_events", "value": 101}])
    found = {"pattern": "view_click_purchase", "detected_at": at("14:02:00"), "product_id": product}
    write(home, "user_patterns", [{"user_id": "a", **found, "seconds_to_click": 20.0, "seconds_to_purchase": 100.0}])
    return home


def sections(home: Home, days: int = 1) -> dict[str, Section]:
    return {section.title: section for section in made(home, days).sections}


def test_the_page_says_what_the_tables_say(home: Home) -> None:
    found = made(home, 1)
    assert found.totals == {
        "events": 4,
        "visitors": 2,
        "sessions": 3,
        "purchases": 1,
        "alerts": 1,
        "patterns": 1,
        "records in quarantine": 1,
    }
    plots = {section.title: section.plot for section in found.sections}
    assert list(plots) == [
        "Events per hour",
        "Length of sessions",
        "Sessions with a purchase",
        "Purchases per hour",
        "Alerts per hour",
        "Patterns per hour",
        "Data quality",
        "Late and out of order",
        "What each table cost",
    ]
    over_time = plots["Events per hour"]
    assert isinstance(over_time, OverTime)
    assert [len(over_time.starts), over_time.starts[9]] == [15, at("09:00:00")]
    assert {kind: (counts[9], counts[14]) for kind, counts in over_time.counts.items()} == {
        "page_view": (1, 1),
        "click": (1, 0),
        "purchase": (0, 1),
    }
    lengths = plots["Length of sessions"]
    assert isinstance(lengths, Spread)
    assert {name: count for name, count in lengths.values.items() if count} == {"0": 2, "0-1": 1}
    funnel = plots["Sessions with a purchase"]
    assert isinstance(funnel, Ranked)
    assert list(funnel.values.values()) == [3, 1, 1, 0]


def test_the_time_from_a_view_to_a_purchase_is_told(home: Home) -> None:
    assert sections(home)["Patterns per hour"].finding.endswith("The one view_click_purchase took 2.0 minutes.")
    more = {"user_id": "b", "pattern": "view_click_purchase", "detected_at": at("14:02:30")}
    write(home, "user_patterns", [more | {"seconds_to_click": 200.0, "seconds_to_purchase": 40.0}])
    assert sections(home)["Patterns per hour"].finding.endswith("2 view_click_purchase took 3.0 minutes or more.")


def test_quality_and_cost_are_the_ledgers(home: Home) -> None:
    quality, cost = sections(home)["Data quality"], sections(home)["What each table cost"]
    assert quality.finding == "4 of 6 records were accepted: 66.7 %."
    assert quality.grid is not None
    assert ("duplicates left out", 1) in quality.grid.rows
    assert isinstance(cost.plot, Ranked)
    assert cost.plot.values == {"events": 2.0, "sessions": 0.5}  # quarantine's commits carry the entries of events


def test_lateness_is_told_by_what_had_arrived_before(home: Home) -> None:
    assert sections(home)["Late and out of order"].plot is None  # all came in the same second
    write(home, "events", [an_event("c", clock, arrived="23:00:05") for clock in ("13:58:00", "14:02:10", "10:00:00")])
    found = sections(home)["Late and out of order"]
    assert isinstance(found.plot, Ranked)
    assert {name: count for name, count in found.plot.values.items() if count} == {"1-10 min": 1, "1-6 h": 1}
    assert found.finding.startswith("5 of 7 events came less than a minute behind")


def test_what_is_not_in_the_lake_is_left_out(tmp_path: Path) -> None:
    home = Home(Settings(home=tmp_path / "home"))
    write(home, "events", [an_event("a", "09:00:00")])
    found = made(home, 7)
    assert [section.title for section in found.sections] == ["Events per hour", "Late and out of order"]
    assert found.totals == {"events": 1, "visitors": 1}


def test_only_the_last_days_count_and_long_spans_are_told_by_day(home: Home) -> None:
    old = datetime(2024, 2, 1, tzinfo=timezone.utc)
    write(home, "events", [{"user_id": "old", "event_type": "click", "timestamp": old, "event_date": date(2024, 2, 1)}])
    assert made(home, 7).totals["events"] == 4
    month = made(home, 30)
    assert month.totals["events"] == 5
    assert "Events per day" in [section.title for section in month.sections]


def test_many_event_types_share_three_colours(home: Home) -> None:
    write(home, "events", [an_event("d", "10:00:00", kind) for kind in ("scroll", "scroll", "hover", "zoom")])
    plot = sections(home)["Events per hour"].plot
    assert isinstance(plot, OverTime)
    assert {kind: sum(counts) for kind, counts in plot.counts.items()} == {"page_view": 2, "scroll": 2, "other": 4}


def test_the_page_fetches_nothing_and_runs_nothing(home: Home) -> None:
    html = made(home, 1).html()
    assert "<script" not in html
    assert "@import" not in html
    assert [found for found in re.findall(r"url\(([^)]*)\)", html) if not found.startswith("#")] == []
    assert re.findall(r"(?:src|href)=\"(?!#)[^\"]*\"", html) == []
    assert "&lt;script&gt;alert(&#x27;$x$&#x27;)" in html


def test_every_plot_is_sound_svg_in_the_pages_own_colours(home: Home) -> None:
    html = made(home, 1).html()
    found = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert len(found) == 8
    for text in found:
        ET.fromstring(text)
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert not [colour for colour in NAMES if colour in html]
    defined = set(re.findall(r"(--[a-z0-9-]+):", html))
    assert set(re.findall(r"var\((--[a-z0-9-]+)\)", html)) <= defined
    assert LIGHT.kinds[0] in html


def test_the_same_lake_gives_the_same_page(home: Home) -> None:
    assert made(home, 1).html() == made(home, 1).html()


def test_a_lake_without_events_is_said_so(tmp_path: Path) -> None:
    home = Home(Settings(home=tmp_path / "home"))
    with pytest.raises(QueryError, match="there is no table in this lake yet"):
        made(home, 1)
    write(home, "events", [])
    with pytest.raises(QueryError, match="there is no event in this lake yet"):
        made(home, 1)


def test_the_command_writes_the_page_where_it_says(home: Home, tmp_path: Path) -> None:
    result = CliRunner().invoke(program, ["report", "--days", "1"])
    assert result.stdout == f"{home.settings.home / 'report.html'}\n"
    assert CliRunner().invoke(program, ["report", "--to", "a/b.html"]).exit_code == 0
    assert (tmp_path / "a" / "b.html").read_text().startswith("<!doctype html>")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["b.html"]


def test_the_asset_shows_the_plots_and_needs_no_spark(home: Home) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([daily_report(home.settings)], instance=instance)
        (event,) = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    picture = str(metadata["picture"].value)
    assert base64.b64decode(picture.partition("base64,")[2].rstrip(")"))[:4] == b"\x89PNG"
    page = Path(str(metadata["page"].value)).read_text()
    assert _without_times(page) == _without_times(made(home, 7).html())
    assert metadata["events"].value == 4


def _without_times(page: str) -> str:
    return re.sub(r"Made at .* All times", "All times", page)


def test_the_asset_of_an_empty_lake_fails_with_the_remedy(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([daily_report(Settings(home=tmp_path))], instance=instance, raise_on_error=False)
    (failure,) = [e.step_failure_data.user_failure_data for e in result.all_events if e.is_step_failure]
    assert failure is not None
    assert "fill it with `clickstream run`" in (failure.description or "")


def test_a_report_without_plots_is_still_a_page() -> None:
    now = at("12:00:00")
    bare = Report(now - timedelta(days=1), now, now, {"events": 0}, [])
    assert "<h1>Clickstream</h1>" in bare.html()
    assert bare.png()[:4] == b"\x89PNG"
