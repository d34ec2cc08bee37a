"""Half a year of a shop, through the whole engine in three cuts: every table is exact, and the same in each of them.

The shop's own numbers: 31,106 events, 3,605 sessions, 470 purchases. A session id is never used by two users and never
holds a pause of 30 minutes (the longest is 27:57), so the 3,605 are both: session ids, and rows of
``sessions``.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import functions as F

from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform_tests.conformance import ecom
from clickstream_platform_tests.conftest import Lab

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.timeout(900)  # seconds: the first test of a cut loads it, some 60 s on two quiet cores

EVENTS, SESSIONS, PURCHASES = 31_106, 3_605, 470
TABLES = ("events", "user_activity", "sessions", "purchases", "alerts")  # the property test has the others
CUTS = {"as it happened": 5, "up to a month late": 5, "all at once": 1}  # in so many arrivals
MONTH = timedelta(days=30)
PLACE = ("source", "partition", "offset", "arrived_at")  # where an event stood in the input: what a cut changes

Load = Callable[[str], Lab]


def arrivals(cut: str) -> list[list[dict[str, str]]]:
    """The same rows, ordered and cut in another way."""
    chance = random.Random(5)
    delay = MONTH if cut == "up to a month late" else timedelta(0)
    rows = sorted(ecom.rows(), key=lambda row: _time(row) + chance.random() * delay)
    size = -(-len(rows) // CUTS[cut])
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _time(row: dict[str, str]) -> datetime:
    return datetime.fromisoformat(row["timestamp"])


@pytest.fixture(scope="module")
def load(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Load:
    """A lake into which one cut was loaded. Each cut is loaded once, by the first test that asks for it."""

    def lake_of(cut: str) -> Lab:
        # The shop's busiest five minutes have 8 events and 1 purchase, far below the default thresholds.
        return _load(
            Lab(spark, Settings(home=tmp_path_factory.mktemp("ecom"), alert_total_events=5)).only(*TABLES), cut
        )

    return cache(lake_of)


def _load(lab: Lab, cut: str) -> Lab:
    """The arrivals one after another. A table is run after every second one and after the last, to save time."""
    derived, last = [name for name in lab.contracts if name != "events"], CUTS[cut]
    for number, rows in enumerate(arrivals(cut), 1):
        lab.land(*map(ecom.wire_event, rows))
        lab.run("events", *(derived if number == last else derived[number % 2 :: 2]))
    return lab


def test_a_session_id_of_the_shop_is_one_visit_of_one_user() -> None:
    times: dict[tuple[str, str], list[datetime]] = {}
    for row in ecom.rows():
        times.setdefault((row["user_id"], row["session_id"]), []).append(_time(row))
    pauses = [after - before for visit in times.values() for before, after in pairwise(sorted(visit))]
    assert len(times) == len({session_id for _, session_id in times}) == SESSIONS
    assert max(pauses) == timedelta(minutes=27, seconds=57)


@pytest.mark.spark
@pytest.mark.parametrize("cut", CUTS)
def test_every_table_is_exact_in_every_cut(load: Load, cut: str) -> None:
    lab = load(cut)
    lab.assert_exact()
    assert lab.table("events").count() == EVENTS
    assert lab.table("sessions").count() == SESSIONS
    assert lab.table("purchases").count() == PURCHASES
    assert lab.table("quarantine").count() == 0


@pytest.mark.spark
@pytest.mark.parametrize("cut", CUTS)
def test_the_ledger_balances_to_the_record_in_every_cut(load: Load, cut: str) -> None:
    lab = load(cut)
    ledgers = {name: list(entries(lab.lake.table(name))) for name in lab.contracts}
    counted = [(e.rows_in, e.rows_out, e.records.quarantined, e.copies.duplicates) for e in ledgers.pop("events")]
    assert sorted(counted) == sorted((len(rows), len(rows), 0, 0) for rows in arrivals(cut))
    assert {name: sum(entry.rows_in for entry in ledger) for name, ledger in ledgers.items()} == dict.fromkeys(
        ledgers, EVENTS
    )


@pytest.mark.spark
def test_all_cuts_give_identical_tables(load: Load) -> None:
    checksums = {cut: {name: _checksum(load(cut).table(name)) for name in load(cut).contracts} for cut in CUTS}
    first, *others = checksums.values()
    assert others == [first] * len(others)
    assert all(rows > 0 for rows, _ in first.values())


def _checksum(table: DataFrame) -> tuple[int, int]:
    """How many rows, and a sum over them that no order changes."""
    row = F.to_json(F.struct(*(name for name in table.columns if name not in PLACE)))
    found = table.agg(F.count("*"), F.sum(F.xxhash64(row).cast("decimal(38,0)"))).first()
    assert found is not None
    return found[0], int(found[1] or 0)


@pytest.mark.spark
def test_rows_that_are_there_twice_are_two_events_for_they_have_no_id(load: Load) -> None:
    copies = Counter(tuple(row.values()) for row in ecom.rows())
    assert sum(count - 1 for count in copies.values()) == 30
    events = load("all at once").table("events")
    alike = events.groupBy("user_id", "session_id", "page_url", "timestamp", "extra").count().where("count > 1")
    assert sum(row["count"] - 1 for row in alike.collect()) == 30
    assert events.where("event_id is not null").count() == 0


@pytest.mark.spark
def test_fields_that_the_platform_does_not_know_are_kept(load: Load) -> None:
    extra = F.from_json("extra", ", ".join(f"{name} string" for name in ecom.UNKNOWN_FIELDS))
    events = load("all at once").table("events").select(extra.alias("extra")).select("extra.*")
    kept = events.groupBy(*ecom.UNKNOWN_FIELDS).count().collect()
    sent = Counter(tuple(row[name] for name in ecom.UNKNOWN_FIELDS) for row in ecom.rows())
    assert {tuple(row)[:-1]: row["count"] for row in kept} == sent


@pytest.mark.spark
def test_sessions_are_those_that_plain_python_finds(load: Load) -> None:
    visits: dict[str, list[dict[str, str]]] = {}
    for row in sorted(ecom.rows(), key=lambda row: row["timestamp"]):
        visits.setdefault(row["session_id"], []).append(row)
    expected = {session_id: _summary(rows) for session_id, rows in visits.items()}
    columns = ("session_start", "session_end", "events_in_session", "purchases")
    readable = [F.col(name).cast("string") for name in columns]
    found = load("all at once").table("sessions").select("session_id", F.array(*readable).alias("facts")).collect()
    assert {row["session_id"]: tuple(row["facts"]) for row in found} == expected


def _summary(rows: Sequence[dict[str, str]]) -> tuple[str, ...]:
    purchases = sum(row["event"] == "purchase" for row in rows)
    return rows[0]["timestamp"], rows[-1]["timestamp"], str(len(rows)), str(purchases)


@pytest.mark.spark
def test_late_arrivals_are_late_and_count_all_the_same(load: Load) -> None:
    late = {cut: sum(entry.late_rows for entry in entries(load(cut).lake.events)) for cut in CUTS}
    assert late["up to a month late"] > EVENTS // 5
    assert late["as it happened"] == late["all at once"] == 0
