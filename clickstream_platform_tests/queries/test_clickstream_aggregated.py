"""``clickstream_aggregated``: five windows for every event, and sessions told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clickstream_platform.queries.clickstream_aggregated import clickstream_aggregated
from clickstream_platform_tests.queries.frames import Fields, by_user, column, events_of, rows_of, seen

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

EVENTS = [
    seen("one", "10:04:30"),
    seen("edge", "10:05:00"),
    seen("apart", "10:00:00"),
    seen("apart", "10:04:59"),
    *(seen("sessions", session_id=session) for session in ("a", "b", "a", None)),
    seen("no_session", session_id=None),
]


@pytest.fixture(scope="module")
def windows(spark: SparkSession) -> dict[str, list[Fields]]:
    return by_user(rows_of(clickstream_aggregated(events_of(spark, EVENTS))))


def test_an_event_is_in_the_five_windows_that_hold_its_minute(windows: dict[str, list[Fields]]) -> None:
    starts = [f"2024-03-01 10:0{minute}:00" for minute in range(5)]
    assert column(windows["one"], "window_start") == starts
    assert column(windows["one"], "window_end")[0] == column(windows["one"], "final_at")[0] == "2024-03-01 10:05:00"


def test_a_window_holds_its_start_and_not_its_end(windows: dict[str, list[Fields]]) -> None:
    assert column(windows["edge"], "window_start")[0] == "2024-03-01 10:01:00"
    assert column(windows["edge"], "window_start")[-1] == "2024-03-01 10:05:00"


def test_events_are_counted_together_only_where_one_window_holds_both(windows: dict[str, list[Fields]]) -> None:
    counts = {row["window_start"][11:16]: row["event_count"] for row in windows["apart"]}
    assert counts == {"09:56": 1, "09:57": 1, "09:58": 1, "09:59": 1, "10:00": 2} | {
        f"10:0{minute}": 1 for minute in range(1, 5)
    }


def test_session_ids_are_told_apart_exactly_and_none_is_no_session(windows: dict[str, list[Fields]]) -> None:
    assert {(row["event_count"], row["session_count"]) for row in windows["sessions"]} == {(4, 2)}
    assert {(row["event_count"], row["session_count"]) for row in windows["no_session"]} == {(1, 0)}
