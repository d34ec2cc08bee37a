"""What every table's query promises the engine: the contract's columns, and the same rows for a part of the events."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from functools import cache, reduce
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import functions as F

from clickstream_platform.events.frames import accepted_events
from clickstream_platform.events.schema import RAW
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.state import Stateless
from clickstream_platform.tables import tables
from clickstream_platform_tests.queries.frames import events_of

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Row, SparkSession

pytestmark = pytest.mark.spark

# Low thresholds and a low cap, so that random events raise alerts and fill sequences.
SETTINGS = Settings(home=Path("unused"), alert_purchase_count=1, alert_total_events=3, max_sequence_length=5)
TABLES = tables(SETTINGS)
DERIVED = [name for name, table in TABLES.items() if table.derived]
KEYED = [name for name in DERIVED if not isinstance(TABLES[name].state, Stateless)]
STATELESS = [name for name in DERIVED if name not in KEYED]


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> DataFrame:
    """Crowded: equal times, pauses of about a session's gap, no session id in a third."""
    chance = random.Random(7)
    noon = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)
    found = [
        {
            "user_id": f"u{chance.randrange(5)}",
            "session_id": chance.choice([None, "a", "b"]),
            "event_type": chance.choice(["click", "page_view", "purchase"]),
            "page_url": chance.choice([None, "/a", "/b", "/c"]),
            "product_id": chance.choice([None, "p1"]),
            "device_type": chance.choice([None, "mobile", "desktop"]),
            "timestamp": noon + timedelta(minutes=chance.choice([0, 60, 125]) + chance.randrange(40)),
            "source": "file",
            "partition": "a.json",
            "offset": number,
        }
        for number in range(600)
    ]
    return events_of(spark, found).persist()


@pytest.fixture(scope="module")
def whole(events: DataFrame) -> Callable[[str], list[Row]]:
    """A table's query over all events, computed once."""
    return cache(lambda name: TABLES[name].query(events).collect())


def _alike(left: Sequence[Row], right: Sequence[Row]) -> bool:
    return Counter(map(str, left)) == Counter(map(str, right))


@pytest.mark.parametrize("name", DERIVED)
def test_a_query_returns_the_columns_of_its_contract(events: DataFrame, name: str) -> None:
    table = TABLES[name]
    assert table.query(events).dtypes == [(column.name, column.type) for column in table.columns]


def test_what_is_accepted_of_records_has_the_columns_of_the_contract_of_events(spark: SparkSession) -> None:
    table = TABLES["events"]
    parsed = table.query(spark.createDataFrame([], RAW.spark))
    assert accepted_events(parsed).dtypes == [(column.name, column.type) for column in table.columns]


@pytest.mark.parametrize("name", KEYED)
def test_a_query_restricted_to_keys_gives_what_restricted_events_give(
    events: DataFrame, whole: Callable[[str], list[Row]], name: str
) -> None:
    table = TABLES[name]
    assert not isinstance(table.state, Stateless)
    key = itemgetter(*table.state.by)
    chosen = set(sorted(set(map(key, whole(name))), key=str)[::2])
    restricted = [row for row in whole(name) if key(row) in chosen]
    some_events = events.where(_one_of(table.state.by, [k if isinstance(k, tuple) else (k,) for k in chosen]))
    assert 0 < len(restricted) < len(whole(name))
    assert _alike(restricted, table.query(some_events).collect())


def _one_of(columns: Sequence[str], keys: Sequence[tuple[str | None, ...]]) -> Column:
    same = [
        reduce(lambda a, b: a & b, (F.col(c).eqNullSafe(F.lit(v)) for c, v in zip(columns, key, strict=True)))
        for key in keys
    ]
    return reduce(lambda a, b: a | b, same)


@pytest.mark.parametrize("name", STATELESS)
def test_a_stateless_query_of_two_parts_gives_the_rows_of_the_whole(
    events: DataFrame, whole: Callable[[str], list[Row]], name: str
) -> None:
    query = TABLES[name].query
    is_odd = F.col("offset") % 2 == 1
    assert _alike(whole(name), query(events.where(is_odd)).unionByName(query(events.where(~is_odd))).collect())


@pytest.mark.parametrize("name", DERIVED)
def test_the_order_in_which_events_came_changes_no_row(
    events: DataFrame, whole: Callable[[str], list[Row]], name: str
) -> None:
    backwards = events.orderBy(F.desc("offset")).repartition(3)
    assert _alike(whole(name), TABLES[name].query(backwards).collect())
