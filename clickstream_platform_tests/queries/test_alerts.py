"""``alerts``: above the threshold, not at it; one row a rule and window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clickstream_platform.queries.alerts import Rule, alerts
from clickstream_platform_tests.queries.frames import Fields, by_user, column, events_of, rows_of, seen

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

RULES = (Rule("many_purchases", "purchase_count", 5), Rule("many_events", "total_events", 100))


def buys(user: str, times: int, at: str = "10:00:00", **fields: str | None) -> list[Fields]:
    return [seen(user, at, event_type="purchase", **fields)] * times


EVENTS = [
    *buys("five", 5),
    *buys("six", 6),
    *[seen("hundred")] * 100,
    *[seen("hundred_and_one")] * 101,
    *buys("both", 101),
    *buys("two_windows", 4, "10:04:59"),
    *buys("two_windows", 4, "10:05:00"),
    *buys("two_bursts", 6, "10:00:00"),
    *buys("two_bursts", 7, "10:05:00"),
    *buys("two_sessions", 4, session_id="a"),
    *buys("two_sessions", 4, session_id="b"),
    *buys("no_session", 6, session_id=None),
]


@pytest.fixture(scope="module")
def raised(spark: SparkSession) -> dict[str, list[Fields]]:
    return by_user(rows_of(alerts(events_of(spark, EVENTS), RULES)))


def test_an_alert_is_above_its_threshold_not_at_it(raised: dict[str, list[Fields]]) -> None:
    assert "five" not in raised
    assert "hundred" not in raised
    assert column(raised["six"], "rule") == ["many_purchases"]
    assert column(raised["hundred_and_one"], "rule") == ["many_events"]


def test_an_alert_says_what_was_counted_where_and_above_what(raised: dict[str, list[Fields]]) -> None:
    assert raised["six"] == [
        {
            "user_id": "six",
            "session_id": "s",
            "window_start": "2024-03-01 10:00:00",
            "window_end": "2024-03-01 10:05:00",
            "rule": "many_purchases",
            "value": 6,
            "threshold": 5,
            "final_at": "2024-03-01 10:05:00",
        }
    ]


def test_a_window_that_breaks_two_rules_is_two_alerts(raised: dict[str, list[Fields]]) -> None:
    values = {row["rule"]: (row["value"], row["threshold"]) for row in raised["both"]}
    assert values == {"many_purchases": (101, 5), "many_events": (101, 100)}


def test_neither_windows_nor_sessions_add_up(raised: dict[str, list[Fields]]) -> None:
    assert "two_windows" not in raised
    assert "two_sessions" not in raised


def test_every_window_is_judged_by_itself(raised: dict[str, list[Fields]]) -> None:
    assert column(raised["two_bursts"], "value") == [6, 7]


def test_no_session_id_is_no_excuse(raised: dict[str, list[Fields]]) -> None:
    assert column(raised["no_session"], "session_id") == [None]


def test_without_rules_there_are_no_alerts(spark: SparkSession) -> None:
    assert rows_of(alerts(events_of(spark, EVENTS), ())) == []
