"""``purchases``: the purchase events, as they came."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import functions as F

from clickstream_platform.events.schema import Column
from clickstream_platform.queries.purchases import purchases
from clickstream_platform_tests.queries.frames import Fields, by_user, column, events_of, rows_of, seen

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

BOUGHT: Fields = {
    "session_id": "s",
    "product_id": "p1",
    "page_url": "/checkout",
    "device_type": "mobile",
    "event_id": "e1",
    "source": "file",
    "partition": "a.json",
    "offset": 7,
    "index": 2,
}

EVENTS = [
    seen("buyer", event_type="purchase", **BOUGHT),
    seen("buyer", event_type="click"),
    seen("looker", event_type="page_view"),
    seen("looker", event_type="Purchase"),
    seen("nobody", event_type="purchase", session_id=None),
    seen("twice", event_type="purchase"),
    seen("twice", event_type="purchase"),
]


@pytest.fixture(scope="module")
def bought(spark: SparkSession) -> dict[str, list[Fields]]:
    return by_user(rows_of(purchases(events_of(spark, EVENTS))))


def test_a_purchase_keeps_every_field_of_its_event(bought: dict[str, list[Fields]]) -> None:
    assert bought["buyer"] == [{"user_id": "buyer", "timestamp": "2024-03-01 10:00:00", **BOUGHT}]


def test_nothing_else_is_a_purchase(bought: dict[str, list[Fields]]) -> None:
    assert "looker" not in bought


def test_a_purchase_of_which_little_is_known_is_one_all_the_same(bought: dict[str, list[Fields]]) -> None:
    assert column(bought["nobody"], "session_id") == column(bought["nobody"], "product_id") == [None]


def test_what_is_declared_of_an_order_is_passed_on_and_null_where_events_does_not_have_it(spark: SparkSession) -> None:
    declared = (Column("amount", "decimal(18,4)", ""), Column("order_id", "string", ""))
    events = events_of(spark, EVENTS[:2]).withColumn("amount", F.lit(Decimal("9.9000")))
    found = purchases(events, declared)
    assert found.dtypes[-2:] == [("amount", "decimal(5,4)"), ("order_id", "string")]
    assert [(row.amount, row.order_id) for row in found.collect()] == [(Decimal("9.9000"), None)]


def test_two_purchases_alike_are_two(bought: dict[str, list[Fields]]) -> None:
    assert len(bought["twice"]) == 2
