"""The page of lakes that are nearly empty, behind, or at the edge of a day; and what it says of itself. No JVM."""

from __future__ import annotations

import itertools
import math
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from matplotlib.colors import to_rgb

from clickstream_platform.report.page import Report, report
from clickstream_platform.report.plots import LIGHT, OverTime
from clickstream_platform.report.section import Section
from clickstream_platform.settings import Settings
from clickstream_platform_tests.homes import NOON_MS, Home, entry
from clickstream_platform_tests.lakes import at, write

MADE = datetime(2026, 11, 25, 15, 51, tzinfo=timezone.utc)
TEMPLATE = Path(__file__).parents[2] / "clickstream_platform" / "report" / "page.html.j2"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(Settings(home=tmp_path / "home"))


def event(when: datetime, **more: Any) -> dict[str, Any]:
    usual = {"user_id": "a", "session_id": "s", "event_type": "page_view", "arrived_at": when}
    return {**usual, "timestamp": when, "event_date": when.date(), **more}


def made(home: Home, days: int = 7) -> Report:
    return report(home.lake, days, MADE)


def text(home: Home, days: int = 7) -> str:
    """What a reader sees: no styles, no pictures, no tags."""
    body = made(home, days).html().partition("<body>")[2]
    return re.sub(r"\s+", " ", re.sub(r"<svg.*?</svg>|<[^>]+>", "", body, flags=re.DOTALL))


def section(home: Home, title: str, days: int = 7) -> Section:
    return next(each for each in made(home, days).sections if each.title.startswith(title))


def reject(home: Home, count: int) -> None:
    batch = entry(rows_in=count, quarantined=count, reasons={"bad_timestamp": count})
    rejected = [{"record_id": str(n), "arrived_at": at("23:00:00"), "reasons": ["bad_timestamp"]} for n in range(count)]
    write(home, "quarantine", rejected, of=batch)
    write(home, "events", [], of=batch)


def test_a_lake_in_which_all_was_rejected_says_so_and_what_to_do(home: Home) -> None:
    reject(home, 3)
    write(home, "sessions", [], of=entry("sessions"))
    found = made(home)
    assert found.totals == {"events": 0, "visitors": 0, "sessions": 0, "records in quarantine": 3}
    assert [each.title for each in found.sections] == ["Data quality", "What each table cost"]
    assert section(home, "Data quality").finding == "None of 3 records was accepted."
    said = text(home)
    assert "There is no event in this lake, but 3 rejected records. clickstream quarantine shows the reasons." in said
    assert "clickstream replay" in said
    assert "to the newest record, 2024-03-01 23:00" in said


def test_one_rejected_record_and_no_table_of_events_is_still_a_page(home: Home) -> None:
    write(home, "quarantine", [{"record_id": "r", "arrived_at": at("00:00:00"), "reasons": ["no_value"]}])
    assert "There is no event in this lake, but 1 rejected record." in text(home)


def test_one_event_is_told_in_the_singular(home: Home) -> None:
    write(home, "events", [event(at("09:30:00"))], of=entry(rows_in=1, rows_out=1))
    times = {"session_start": at("09:30:00"), "session_end": at("09:30:00"), "session_duration_minutes": 0.0}
    one = {"user_id": "a", "session_id": "s", **times, "events_in_session": 1, "purchases": 0}
    write(home, "sessions", [one], of=entry("sessions", rows_in=1, rows_out=1))
    write(home, "purchases", [{"user_id": "a", "product_id": "p", "timestamp": at("09:30:00")}])
    write(home, "alerts", [{"user_id": "a", "window_start": at("09:30:00"), "rule": "many_events", "value": 101}])
    write(home, "user_patterns", [{"user_id": "a", "pattern": "hesitation", "detected_at": at("09:30:00")}])
    said = text(home, days=1)
    for part in ("1event", "1session", "1 session began. It lasts 0.0 minutes and has 1 event.", "with 1 event.",
                 "The one session has no purchase.", "1 purchase.", "1 time.", "1 alert.", "1 pattern",
                 "1 of 1 record was accepted: 100 %", "No event came a minute or more behind"):  # fmt: skip
        assert part in said
    assert re.findall(r"\b1 ?[a-z]+s\b(?! a )", said.replace("1 alerts visitors", "")) == []


def test_an_event_at_midnight_begins_the_day_and_a_session_counts_where_it_began(home: Home) -> None:
    before, after = at("23:50:00"), at("00:00:00", day=2)
    write(home, "events", [event(before), event(after)])
    long = {"session_duration_minutes": 10.0, "events_in_session": 2, "purchases": 0}
    write(
        home, "sessions", [{"user_id": "a", "session_id": "s", "session_start": before, "session_end": after, **long}]
    )
    assert made(home, 1).totals == {"events": 1, "visitors": 1, "sessions": 0}
    assert made(home, 2).totals == {"events": 2, "visitors": 1, "sessions": 1}
    plot = section(home, "Events per minute", days=1).plot
    assert isinstance(plot, OverTime)
    assert (plot.starts, dict(plot.counts)) == ([after], {"page_view": [1]})
    assert made(home, 1).html() != made(home, 2).html()


def test_nearly_all_is_not_all(home: Home) -> None:
    write(home, "events", [event(at("09:30:00"))], of=entry(rows_in=10_000, rows_out=9_999, quarantined=1))
    assert section(home, "Data quality").finding == "9,999 of 10,000 records were accepted: 99.99 %."


def test_events_that_are_in_no_pattern_are_told_with_what_a_rebuild_does(home: Home) -> None:
    clocks = ("11:00:00", "11:10:00", "11:59:00", "12:01:00")
    write(home, "events", [event(at(clock)) for clock in clocks])
    write(home, "late_events", [event(at("11:00:00"), generation=2), event(at("11:10:00"), generation=1)])
    write(home, "user_patterns", [], of=entry("user_patterns", generation=2, handled_ms=NOON_MS))
    found = section(home, "Patterns")
    assert found.finding == "No pattern was completed in this time."
    assert found.note == (
        "1 event came too late to be taken in order: it is in no pattern, but in late_events."
        " `clickstream rebuild user_patterns` takes it in, and may find more patterns."
        " 1 event after 2024-03-01 12:00 waits for newer ones, which move the watermark;"
        " a rebuild does not change that."
    )


def test_tables_that_are_behind_or_not_there_are_named(home: Home) -> None:
    write(home, "events", [event(at("09:30:00"))])
    write(home, "sessions", [], of=entry("sessions", events_version=0))
    assert list(made(home).notices) == [
        "Not in this lake yet: purchases, alerts, user_patterns. `clickstream run` makes what is missing."
    ]
    write(home, "events", [event(at("09:31:00"))])
    assert made(home).notices[1].startswith("sessions has not read all events yet.")


def test_the_clock_is_said_once_at_the_top_with_when_the_page_was_made(home: Home) -> None:
    write(home, "events", [event(at("09:30:00"))])
    said = text(home)
    top = "to the newest event, 2024-03-01 09:30. Made at 2026-11-25 15:51 UTC, 999 days later. All times are in UTC."
    assert top in said
    assert said.count("UTC") == 2
    assert re.findall(r"\d\d:\d\d", re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "", said)) == []  # none without its date


def test_no_label_ends_with_a_colon(home: Home) -> None:
    reject(home, 1)
    write(home, "events", [event(at("09:30:00")), event(at("09:00:00"), arrived_at=at("11:00:00"))])
    for each in made(home).sections:
        assert not [part for part in (each.title, each.finding, each.note) if part.endswith(":")]


def test_every_plot_is_told_in_words_and_names_its_axes(home: Home) -> None:
    write(home, "events", [event(at("09:30:00")), event(at("13:30:00"), event_type="click")])
    html = made(home, 1).html()
    assert 'aria-label="Events per hour, events over time, click 1; page_view 1"' in html
    picture = re.findall(r"<svg.*?</svg>", html, re.DOTALL)[0]
    for label in (">events<", ">UTC, 2024-03-01<"):
        assert label in picture


# What the three kinds of colour-blindness make of linear red, green and blue (Machado and others, 2009).
BLIND = {
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deuteranopia": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritanopia": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}


def linear(colour: str) -> list[float]:
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]


def lab(colour: str, blind: str) -> tuple[float, float, float]:
    """As CIE L*a*b*, in which a distance of about 2 can just be seen."""
    r, g, b = (min(1, max(0, sum(a * b for a, b in zip(row, linear(colour), strict=True)))) for row in BLIND[blind])
    xyz = ((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505, luminance(r, g, b),
           (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089)  # fmt: skip
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def luminance(r: float, g: float, b: float) -> float:
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("blind", BLIND)
@pytest.mark.parametrize("theme", [0, 1])
def test_kinds_can_be_told_apart_by_who_is_colour_blind(blind: str, theme: int) -> None:
    found = re.findall(r"--kind-\d: (#\w+);", TEMPLATE.read_text())
    kinds, card = found[4 * theme :][:4], re.findall(r"--card: (#\w+);", TEMPLATE.read_text())[theme]
    assert theme or kinds == list(LIGHT.kinds)
    assert min(math.dist(lab(a, blind), lab(b, blind)) for a, b in itertools.combinations(kinds, 2)) > 20
    for kind in kinds:  # a picture needs a contrast of 3 (WCAG 1.4.11)
        dark, bright = sorted((luminance(*linear(kind)), luminance(*linear(card))))
        assert (bright + 0.05) / (dark + 0.05) >= 3


def test_a_newest_event_ahead_of_the_clock_is_no_negative_age(home: Home) -> None:
    write(home, "events", [event(MADE + timedelta(minutes=5))])
    assert "0 s later" in text(home)
