"""``sessions``: where a session begins and ends, and what is said of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from clickstream_platform.queries.sessions import sessions
from clickstream_platform_tests.queries.frames import Fields, by_user, column, events_of, rows_of, seen

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

CAP = 4
EVENING = datetime(2024, 3, 1, 20)

EVENTS = [
    seen("just_under", "10:00:00"),
    seen("just_under", "10:29:59.999999"),
    seen("exactly", "10:00:00"),
    seen("exactly", "10:30:00"),
    seen("exactly", "11:00:00"),
    seen("just_over", "10:00:00"),
    seen("just_over", "10:30:00.000001"),
    seen("two_ids", "10:00:00", session_id="a"),
    seen("two_ids", "10:01:00", session_id="b"),
    seen("two_ids", "10:02:00", session_id="a"),
    seen("two_ids", "10:03:00", session_id=None),
    seen("one_id_twice", "10:00:00"),
    seen("one_id_twice", "12:00:00"),
    seen("no_id", "10:00:00", session_id=None),
    seen("no_id", "10:20:00", session_id=None),
    seen("no_id", "11:00:00", session_id=None),
    seen("no_id_either", "10:10:00", session_id=None),
    seen("disorder", "10:03:00", event_type="purchase"),
    seen("disorder", "10:01:00", event_type="page_view"),
    seen("disorder", "10:02:00", event_type="click"),
    seen("at_once", event_type="purchase"),
    seen("at_once", event_type="click"),
    seen("at_once", event_type="page_view"),
    *(seen("long", f"10:0{minute}:00", event_type="click") for minute in range(5)),
    seen("long", "10:05:00", event_type="purchase"),
    *(seen("all_night", (EVENING + timedelta(minutes=30 * pause)).isoformat()) for pause in range(20)),
    seen("fraction", "10:00:00"),
    seen("fraction", "10:00:00.75"),
    seen("alone"),
]


@pytest.fixture(scope="module")
def found(spark: SparkSession) -> dict[str, list[Fields]]:
    return by_user(rows_of(sessions(events_of(spark, EVENTS), CAP)))


def test_a_pause_of_thirty_minutes_ends_no_session_and_a_longer_one_does(found: dict[str, list[Fields]]) -> None:
    assert column(found["just_under"], "events_in_session") == [2]
    assert column(found["exactly"], "events_in_session") == [3]
    assert column(found["just_over"], "events_in_session") == [1, 1]


@pytest.mark.parametrize(("gap", "counts"), [(timedelta(minutes=20), [1, 1]), (timedelta(days=1), [2])], ids=str)
def test_another_gap_cuts_at_its_own_length(spark: SparkSession, gap: timedelta, counts: list[int]) -> None:
    rows = rows_of(sessions(events_of(spark, [seen("u", "10:00:00"), seen("u", "10:20:00.000001")]), CAP, gap))
    assert column(rows, "events_in_session") == counts
    last = datetime.fromisoformat(rows[-1]["session_end"])
    assert datetime.fromisoformat(rows[-1]["final_at"]) == last + gap


def test_two_session_ids_are_two_sessions_even_at_the_same_time(found: dict[str, list[Fields]]) -> None:
    counts = {row["session_id"]: row["events_in_session"] for row in found["two_ids"]}
    assert counts == {"a": 2, "b": 1, None: 1}


def test_one_session_id_is_two_sessions_when_a_pause_lies_between(found: dict[str, list[Fields]]) -> None:
    assert column(found["one_id_twice"], "session_start") == ["2024-03-01 10:00:00", "2024-03-01 12:00:00"]


def test_events_without_a_session_id_are_sessions_of_their_user(found: dict[str, list[Fields]]) -> None:
    assert column(found["no_id"], "events_in_session") == [2, 1]
    assert column(found["no_id_either"], "events_in_session") == [1]


def test_a_session_is_from_its_first_event_to_its_last(found: dict[str, list[Fields]]) -> None:
    (row,) = found["disorder"]
    assert (row["session_start"], row["session_end"]) == ("2024-03-01 10:01:00", "2024-03-01 10:03:00")
    assert row["session_duration_minutes"] == 2.0


def test_a_duration_has_fractions_of_a_second(found: dict[str, list[Fields]]) -> None:
    assert column(found["fraction"], "session_duration_minutes") == [0.75 / 60]


def test_one_event_is_a_session_of_no_duration(found: dict[str, list[Fields]]) -> None:
    (row,) = found["alone"]
    assert (row["events_in_session"], row["session_duration_minutes"]) == (1, 0.0)
    assert row["session_start"] == row["session_end"]


def test_a_session_goes_on_over_midnight(found: dict[str, list[Fields]]) -> None:
    (row,) = found["all_night"]
    assert (row["session_start"], row["session_end"]) == ("2024-03-01 20:00:00", "2024-03-02 05:30:00")


def test_the_sequence_is_in_the_order_of_event_time(found: dict[str, list[Fields]]) -> None:
    assert column(found["disorder"], "event_sequence") == [["page_view", "click", "purchase"]]


def test_at_one_time_the_sequence_is_in_the_order_of_types(found: dict[str, list[Fields]]) -> None:
    assert column(found["at_once"], "event_sequence") == [["click", "page_view", "purchase"]]


def test_the_sequence_is_capped_and_the_counts_are_not(found: dict[str, list[Fields]]) -> None:
    (row,) = found["long"]
    assert row["event_sequence"] == ["click"] * CAP
    assert (row["events_in_session"], row["purchases"]) == (6, 1)


def test_a_session_is_final_thirty_minutes_after_its_last_event(found: dict[str, list[Fields]]) -> None:
    assert column(found["one_id_twice"], "final_at") == ["2024-03-01 10:30:00", "2024-03-01 12:30:00"]
