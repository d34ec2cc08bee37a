"""``user_activity``: what is counted in five minutes, and whose device it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clickstream_platform.queries.user_activity import user_activity
from clickstream_platform_tests.queries.frames import Fields, by_user, column, events_of, rows_of, seen

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

EVENTS = [
    seen("edges", "10:00:00"),
    seen("edges", "10:04:59.999999"),
    seen("edges", "10:05:00"),
    seen("types", event_type="click"),
    seen("types", event_type="purchase"),
    seen("types", event_type="purchase"),
    seen("types", event_type="page_view"),
    seen("types", event_type="scroll"),
    *(seen("pages", page_url=url) for url in ("/a", "/b", "/a", None, "/A", "")),
    seen("no_pages"),
    *(seen("many_pages", page_url=f"/{number % 3000}") for number in range(3500)),
    seen("devices", "10:02:00", device_type="desktop"),
    seen("devices", "10:01:00", device_type="mobile"),
    seen("devices", "10:03:00", device_type="bot"),
    seen("devices_at_once", device_type="tablet"),
    seen("devices_at_once", device_type="mobile"),
    seen("device_unknown_at_first", "10:00:00"),
    seen("device_unknown_at_first", "10:01:00", device_type="mobile"),
    seen("device_unknown_at_once", device_type="mobile"),
    seen("device_unknown_at_once"),
    seen("sessions", session_id="a"),
    seen("sessions", session_id="b"),
    seen("sessions", session_id=None),
    seen("sessions", session_id=None),
]


@pytest.fixture(scope="module")
def windows(spark: SparkSession) -> dict[str, list[Fields]]:
    return by_user(rows_of(user_activity(events_of(spark, EVENTS))))


def test_a_window_holds_its_start_and_not_its_end(windows: dict[str, list[Fields]]) -> None:
    assert column(windows["edges"], "window_start") == ["2024-03-01 10:00:00", "2024-03-01 10:05:00"]
    assert column(windows["edges"], "window_end") == ["2024-03-01 10:05:00", "2024-03-01 10:10:00"]
    assert column(windows["edges"], "total_events") == [2, 1]


def test_a_window_is_final_at_its_end(windows: dict[str, list[Fields]]) -> None:
    rows = [row for user in windows.values() for row in user]
    assert column(rows, "final_at") == column(rows, "window_end")


def test_every_type_counts_in_the_total_and_only_clicks_and_purchases_by_themselves(
    windows: dict[str, list[Fields]],
) -> None:
    (row,) = windows["types"]
    assert (row["total_events"], row["click_count"], row["purchase_count"]) == (5, 1, 2)


def test_pages_are_told_apart_exactly_as_sent_and_no_page_is_none(windows: dict[str, list[Fields]]) -> None:
    (some,), (none,) = windows["pages"], windows["no_pages"]
    assert (some["total_events"], some["unique_pages"]) == (6, 4)
    assert (none["total_events"], none["unique_pages"]) == (1, 0)


def test_unique_pages_is_no_estimate(windows: dict[str, list[Fields]]) -> None:
    (row,) = windows["many_pages"]
    assert (row["total_events"], row["unique_pages"]) == (3500, 3000)


def test_the_device_is_the_earliest_events_wherever_it_stands_in_the_input(windows: dict[str, list[Fields]]) -> None:
    assert column(windows["devices"], "device_type") == ["mobile"]


def test_of_devices_at_one_time_the_alphabetically_first_is_taken(windows: dict[str, list[Fields]]) -> None:
    assert column(windows["devices_at_once"], "device_type") == ["mobile"]


def test_an_unknown_device_is_taken_like_any_other_and_comes_before_a_known_one(
    windows: dict[str, list[Fields]],
) -> None:
    assert column(windows["device_unknown_at_first"], "device_type") == [None]
    assert column(windows["device_unknown_at_once"], "device_type") == [None]


def test_events_without_a_session_id_are_a_row_of_their_own(windows: dict[str, list[Fields]]) -> None:
    counts = {row["session_id"]: row["total_events"] for row in windows["sessions"]}
    assert counts == {"a": 1, "b": 1, None: 2}
