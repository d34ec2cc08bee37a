"""One key that holds everything, a key that is null, a machine in another time zone: the same tables."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from clickstream_platform_tests.conftest import KINDS, Lab, event

pytestmark = pytest.mark.spark

MIDNIGHT = datetime(2024, 3, 1, tzinfo=timezone.utc)


def beats(user: str, count: int, every: timedelta) -> list[str]:
    """Events at an even pace, as lines: a hundred thousand dictionaries would take longer than the test."""
    times = ((MIDNIGHT + every * i).isoformat() for i in range(count))
    return [f'{{"user_id":"{user}","session_id":"s","event_type":"click","timestamp":"{at}"}}' for at in times]


def test_a_bot_whose_session_has_200_000_events(lab: Lab) -> None:
    lab.only(*KINDS).land("\n".join(beats("bot", 200_000, timedelta(seconds=1))))
    lab.run()
    lab.land(event("bot", "2024-03-02T00:00:00.5Z"), event("bot", "2024-03-03T07:34:00Z"))  # within, and at the end
    lab.run("events", "sessions")
    (session,) = lab.table("sessions").collect()
    assert session.events_in_session == 200_002
    assert len(session.event_sequence) == 1_000
    lab.assert_exact("sessions", "user_activity")


def test_a_user_with_10_000_sessions(lab: Lab) -> None:
    lab.land("\n".join(beats("regular", 10_000, timedelta(minutes=31))))
    lab.run("events", "sessions")
    lab.land(event("regular", "2024-03-01T00:15:00Z"), event("regular", "2024-08-01T12:00:00Z"))
    lab.run("events", "sessions")
    assert lab.table("sessions").count() == 9_998  # each of the two lies between two sessions and makes them one
    lab.assert_exact("sessions")


def test_all_keys_null_but_the_user(lab: Lab) -> None:
    keyless = [event("u", f"10:{i:02}:00", session_id=None, page_url=None) for i in range(0, 60, 3)]
    lab.land(*keyless[::2])
    lab.run()
    lab.land(*keyless[1::2], event("u", "2024-02-29T10:00:00Z", session_id=None))
    lab.run()
    assert lab.table("sessions").count() == 2
    lab.assert_exact()


@pytest.fixture(params=["America/New_York", "Asia/Kathmandu"])
def elsewhere(request: pytest.FixtureRequest) -> Iterator[str]:
    """Python is in another time zone."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield request.param
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def test_daylight_saving_and_a_leap_second_change_nothing(lab: Lab, elsewhere: str) -> None:
    # New York's clocks go from 2:00 to 3:00 on 10 March 2024, and back on 3 November.
    spring = [event("a", f"2024-03-10T0{h}:{m}:00-05:00") for h in (1, 2, 3) for m in ("15", "45")]
    autumn = [event("b", f"2024-11-03T01:{m}:00-0{zone}:00") for zone in (4, 5) for m in ("15", "45")]
    leap = [event("c", "2016-12-31T23:59:59Z"), event("c", "2016-12-31T23:59:60Z"), event("c", "2017-01-01T00:00:01Z")]
    lab.only(*KINDS).land(*spring, *autumn, *leap)
    lab.run()
    found = {
        row.user_id: (row.events_in_session, row.session_duration_minutes) for row in lab.table("sessions").collect()
    }
    assert found == {"a": (6, 150.0), "b": (4, 90.0), "c": (2, pytest.approx(2 / 60, abs=0.02))}
    assert [row.reasons for row in lab.table("quarantine").collect()] == [["bad_timestamp"]]  # no instant of UTC has it
    assert {str(row.event_date) for row in lab.table("events").select("event_date").distinct().collect()} == {
        "2024-03-10", "2024-11-03", "2016-12-31", "2017-01-01"
    }  # fmt: skip
    lab.assert_exact()


def test_a_clock_set_back_changes_no_table(lab: Lab) -> None:
    first = lab.only("events", "sessions").land(event("a", "10:00:00"))
    lab.run()
    second = lab.land(event("a", "10:05:00"))
    earlier = first.stat().st_mtime - 86_400  # the machine thinks it is yesterday
    os.utime(second, (earlier, earlier))
    lab.run()
    assert lab.table("events").count() == 2
    lab.assert_exact()


def test_a_jvm_elsewhere_makes_the_same_tables(lab: Lab) -> None:
    lab.only(*KINDS).land(event("a", "2024-03-10T01:59:00-05:00"), event("a", "2024-03-10T03:01:00-04:00"))
    environment = {**os.environ, **lab.environment, "TZ": "America/New_York"}
    command = [sys.executable, "-c", "from clickstream_platform.cli import main; main()", "run", *KINDS]
    subprocess.run(command, env=environment, check=True)
    assert [row.events_in_session for row in lab.table("sessions").collect()] == [2]
    lab.assert_exact()


def test_records_of_nearly_a_megabyte_each_are_read_and_kept(lab: Lab) -> None:
    blob = "x" * 990_000
    lab.land(*(event(f"u{i}", blob=blob) for i in range(150)), *(f"no JSON {blob}" for _ in range(50)))
    lab.run("events")
    assert (lab.table("events").count(), lab.table("quarantine").count()) == (150, 50)
    lab.assert_exact("events")


def test_a_batch_of_nothing_but_duplicates_is_booked_all_the_same(lab: Lab) -> None:
    sent = event(event_id="e")
    lab.land(sent)
    lab.run("events")
    lab.land(sent)
    report = lab.run("events")["events"]
    assert (report.rows_in, report.duplicates, lab.table("events").count()) == (1, 1, 1)
    lab.assert_exact("events")
