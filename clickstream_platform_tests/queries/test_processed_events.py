"""``processed_events``: what is alike is counted together, and null is a value like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clickstream_platform.queries.processed_events import PROCESSED_EVENTS
from clickstream_platform.streaming.contract.table import Sql
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.queries.frames import Fields, by_user, column, events_of, rows_of, seen

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

EVENTS = [
    *[seen("alike", page_url="/a", product_id="p")] * 3,
    seen("null", product_id=None),
    seen("null", product_id=None),
    seen("null", product_id=""),
    seen("differ", page_url="/b"),
    seen("differ", device_type="bot"),
    seen("differ", session_id=None),
    seen("edges", "10:04:59.999999"),
    seen("edges", "10:05:00"),
]


@pytest.fixture(scope="module")
def groups(spark: SparkSession) -> dict[str, list[Fields]]:
    return by_user(rows_of(Sql(PROCESSED_EVENTS)(events_of(spark, EVENTS))))


def test_events_that_are_alike_are_counted_together(groups: dict[str, list[Fields]]) -> None:
    assert column(groups["alike"], "event_count") == [3]
    assert column(groups["differ"], "event_count") == [1, 1, 1]


def test_no_product_is_a_group_of_its_own_and_not_the_empty_one(groups: dict[str, list[Fields]]) -> None:
    assert {row["product_id"]: row["event_count"] for row in groups["null"]} == {None: 2, "": 1}


def test_a_window_holds_its_start_and_not_its_end(groups: dict[str, list[Fields]]) -> None:
    assert column(groups["edges"], "window_start") == ["2024-03-01 10:00:00", "2024-03-01 10:05:00"]
    assert column(groups["edges"], "final_at") == ["2024-03-01 10:05:00", "2024-03-01 10:10:00"]


def test_a_row_whose_key_is_null_is_updated_and_not_doubled(lab: Lab) -> None:
    for _ in range(2):
        lab.land(event(product_id=None, session_id=None, page_url=None))
        lab.run("events", "processed_events")
    assert column(rows_of(lab.table("processed_events")), "event_count") == [2]
    lab.assert_exact("processed_events")
