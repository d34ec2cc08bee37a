"""Arroyo's published results, from the same input through this engine.

Nothing differs: Arroyo's files are in order, or out of order by seconds and never past the end of a window, so its
watermark drops nothing. Here the input is shuffled before it is cut, so that most of it is late; late events are
applied, so the results are the same. That Spark alone would have dropped some is asserted too.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import functions as F

from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.state import Recompute, StateStore
from clickstream_platform_tests.conformance import vectors
from clickstream_platform_tests.conformance.vectors import contract, json_lines, time
from clickstream_platform_tests.conftest import Lab

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

    from clickstream_platform.streaming.contract.table import StreamingTable
    from clickstream_platform.streaming.runtime.report import RunReport

HOUR, MONTH = timedelta(hours=1), timedelta(days=30)  # Arroyo's INTERVAL '1' MONTH
GAP = timedelta(seconds=20)
HOP = timedelta(seconds=10)
NO_DELAY, MINUTE = timedelta(0), timedelta(minutes=1)
EVERYTHING = "source"  # the same for every event of a landing folder: a key for what has none


def windows(
    events: DataFrame, by: str, size: timedelta, slide: timedelta | None = None, measured: bool = False
) -> DataFrame:
    """How many events there are for each value of ``by`` in each window; least and greatest counter, where measured."""
    window = F.window("timestamp", _interval(size), _interval(slide or size))
    counter = F.get_json_object("extra", "$.counter").cast("bigint")
    measures = [F.count("*").alias("count"), F.min(counter).alias("min"), F.max(counter).alias("max")]
    counted = events.groupBy(by, window.alias("window")).agg(*measures[: 3 if measured else 1])
    start, end = F.col("window.start").alias("start"), F.col("window.end").alias("end")
    return counted.select(by, start, end, *counted.columns[2:], F.col("window.end").alias("final_at"))


def sessions(events: DataFrame, by: str) -> DataFrame:
    """Arroyo's session window: from the first event to a gap after the last one."""
    session = F.session_window("timestamp", _interval(GAP))
    counted = events.groupBy(by, session.alias("session")).agg(F.count("*").alias("rows"))
    start, end = F.col("session.start").alias("start"), F.col("session.end").alias("end")
    return counted.select(by, start, end, "rows", F.col("session.end").alias("final_at"))


def _interval(duration: timedelta) -> str:
    return f"{round(duration.total_seconds())} seconds"


def of_cars(
    name: str, by: str, size: timedelta, state: type[StateStore | Recompute], delay: timedelta
) -> StreamingTable:
    query = partial(windows, by=by, size=size)
    return contract(name, query, by, {"count": "bigint"}, state(by=(by,), reach=size), delay)


def of_sessions(name: str, by: str) -> StreamingTable:
    state = Recompute(by=(by,), reach=GAP, joins_rows=True)
    return contract(name, partial(sessions, by=by), by, {"rows": "bigint"}, state, NO_DELAY)


CARS = (
    of_cars("hourly_by_state", "event_type", HOUR, StateStore, MINUTE),
    of_cars("hourly_by_lake", "event_type", HOUR, Recompute, MINUTE),
    of_cars("tight_watermark", EVERYTHING, HOUR, StateStore, NO_DELAY),
    of_cars("month_loose_watermark", EVERYTHING, MONTH, Recompute, MINUTE),
)

IMPULSES = (
    of_sessions("session_window", "user_id"),
    of_sessions("global_session_window", EVERYTHING),
    contract(
        "sliding_window_end",
        partial(windows, by=EVERYTHING, size=HOP, slide=timedelta(seconds=2), measured=True),
        EVERYTHING,
        {"count": "bigint", "min": "bigint", "max": "bigint"},
        StateStore(by=(EVERYTHING,), reach=HOP),
        NO_DELAY,
    ),
)


def car(row: dict[str, Any]) -> dict[str, Any]:
    """The wire event of a row of ``cars.json``: a driver is the visitor, a place the page."""
    return {
        "user_id": row["driver_id"],
        "event_type": row["event_type"],
        "page_url": row["location"],
        "timestamp": row["timestamp"],
    }


def impulse(row: dict[str, Any]) -> dict[str, Any]:
    """The wire event of a row of ``impulse.json``; every tenth is the same visitor's, as in the published query."""
    user = 0 if row["counter"] % 10 == 0 else row["counter"]
    return {"user_id": user, "event_type": "impulse", "timestamp": row["timestamp"], "counter": row["counter"]}


def _load(lab: Lab, events: list[dict[str, Any]], tables: tuple[StreamingTable, ...]) -> list[dict[str, RunReport]]:
    """Shuffled, in three arrivals."""
    random.Random(3).shuffle(events)
    size = -(-len(events) // 3)
    reports: list[dict[str, RunReport]] = []
    for start in range(0, len(events), size):
        lab.land(*events[start : start + size])
        reports.append(vectors.run(lab, *tables))
    return reports


@pytest.fixture(scope="module")
def cars(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lab, list[dict[str, RunReport]]]:
    home: Path = tmp_path_factory.mktemp("cars")
    lab = Lab(spark, Settings(home=home, event_types=("pickup", "dropoff")))
    return lab, _load(lab, [car(row) for row in json_lines("arroyo/cars.json.gz")], CARS)


@pytest.fixture(scope="module")
def impulses(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lab, list[dict[str, RunReport]]]:
    lab = Lab(spark, Settings(home=tmp_path_factory.mktemp("impulses"), event_types=("impulse",)))
    return lab, _load(lab, [impulse(row) for row in json_lines("arroyo/impulse.json")], IMPULSES)


def test_the_published_hours_leave_no_event_out_although_458_are_out_of_order() -> None:
    rows = json_lines("arroyo/cars.json.gz")
    times = [row["timestamp"] for row in rows]
    assert sum(after < before for before, after in pairwise(times)) == 458
    published = json_lines("arroyo/hourly_by_event_type.json")
    assert sum(row["count"] for row in published) == len(rows)
    assert Counter({(r["event_type"], r["hour"][:13]): r["count"] for r in published}) == Counter(
        (row["event_type"], row["timestamp"][:13]) for row in rows
    )


@pytest.mark.spark
@pytest.mark.parametrize("name", ["hourly_by_state", "hourly_by_lake"])
def test_hours_by_event_type_are_the_published_ones(cars: tuple[Lab, list[dict[str, RunReport]]], name: str) -> None:
    lab, _ = cars
    published = json_lines("arroyo/hourly_by_event_type.json")
    found = {(by, start, count) for by, start, _, count in vectors.rows(lab, name)}
    assert found == {(row["event_type"], time(row["hour"]), row["count"]) for row in published}


@pytest.mark.spark
def test_hours_under_a_watermark_without_delay_are_the_published_ones(
    cars: tuple[Lab, list[dict[str, RunReport]]],
) -> None:
    lab, _ = cars
    published = json_lines("arroyo/tight_watermark.json")
    found = {(end, count) for _, _, end, count in vectors.rows(lab, "tight_watermark")}
    assert found == {(time(row["timestamp"]), row["count"]) for row in published}


@pytest.mark.spark
def test_thirty_days_are_the_published_ones(cars: tuple[Lab, list[dict[str, RunReport]]]) -> None:
    lab, _ = cars
    published = json_lines("arroyo/month_loose_watermark.json")
    found = {(start, count) for _, start, _, count in vectors.rows(lab, "month_loose_watermark")}
    assert found == {(time(row["month"]), row["count"]) for row in published}


@pytest.mark.spark
def test_sessions_are_the_published_ones(impulses: tuple[Lab, list[dict[str, RunReport]]]) -> None:
    lab, _ = impulses
    published = json_lines("arroyo/session_window.json")
    expected = {(str(r["user_id"]), time(r["start"]), time(r["end"]), r["rows"]) for r in published}
    assert vectors.rows(lab, "session_window") == expected


@pytest.mark.spark
def test_the_one_session_of_everything_is_the_published_one(
    impulses: tuple[Lab, list[dict[str, RunReport]]],
) -> None:
    lab, _ = impulses
    published = json_lines("arroyo/global_session_window.json")
    found = {row[1:] for row in vectors.rows(lab, "global_session_window")}
    assert found == {(time(row["start"]), time(row["end"]), row["rows"]) for row in published}


@pytest.mark.spark
def test_sliding_windows_are_the_published_ones(impulses: tuple[Lab, list[dict[str, RunReport]]]) -> None:
    lab, _ = impulses
    published = json_lines("arroyo/sliding_window_end.json")
    found = {row[1:] for row in vectors.rows(lab, "sliding_window_end")}
    assert found == {(time(r["start"]), time(r["end"]), r["count"], r["min"], r["max"]) for r in published}


@pytest.mark.spark
@pytest.mark.parametrize("load", ["cars", "impulses"])
def test_every_table_is_exact_although_spark_alone_would_have_dropped_events(
    request: pytest.FixtureRequest, load: str
) -> None:
    lab, reports = request.getfixturevalue(load)
    names = [name for name in reports[0] if name != "events"]
    lab.assert_exact("events", *names)
    by_state = [name for name in names if isinstance(lab.contracts[name].state, StateStore)]
    assert by_state
    for name in by_state:
        assert sum(report[name].dropped_by_watermark for report in reports) > 0, name
