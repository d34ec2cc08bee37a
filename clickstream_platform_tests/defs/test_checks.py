"""What Dagster is told of a check."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from clickstream_platform.defs.checks import result_of
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit.result import CheckResult
from clickstream_platform.streaming.audit.validate import check
from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.lakes import write


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(Settings.model_validate({"home": tmp_path}))


def numbers(home: Home, name: str) -> dict[str, object]:
    found = CheckResult("events", name, True, False, "a sentence", "What is expected.")
    return {key: value.value for key, value in result_of(found, home.lake).metadata.items() if key != "found"}


def test_a_check_of_freshness_says_the_age_of_the_newest_event_as_a_number(home: Home) -> None:
    now = datetime.now(timezone.utc)
    for hours in (30, 5, 7):
        write(home, "events", [{"timestamp": now - timedelta(hours=hours)}])
    assert numbers(home, "fresh_events") == {"rows": 3, "age_hours": pytest.approx(5, abs=0.02)}


def test_any_check_says_how_many_rows_were_looked_at(home: Home) -> None:
    assert numbers(home, "conservation") == {"rows": 0}
    write(home, "events", [{}, {}])
    assert numbers(home, "conservation") == {"rows": 2}
    assert numbers(home, "fresh_events") == {"rows": 2}


def test_a_version_is_text_and_what_is_a_number_says_how_wrong_it_is(home: Home) -> None:
    write(home, "events", [{"event_type": "purchase"}] * 3, of=entry(rows_in=4, rows_out=3))
    write(home, "purchases", [{}], of=entry("purchases", events_version=0))
    found = {
        each.name: each
        for table in ("events", "purchases")
        for each in check(home.contracts[table], lambda: pytest.fail("no session"), home.lake)
    }
    told = {name: result_of(each, home.lake).metadata for name, each in found.items()}
    assert [told[name][number].value for name, number in WRONG] == [1, 2, 1]
    numbers = {type(told[name]["version"].value) for name in told} | {type(told["unique_key"]["looked_at"].value)}
    assert numbers == {str}


WRONG = (("conservation", "contradictions"), ("matches_events", "rows_missing"), ("not_null", "found"))
