"""Lakes that earlier releases made: today's code opens them, goes on where they stopped, and skips and doubles nothing.

What is in the lakes and how they were made: docs/kept-lakes.md.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from deltalake import DeltaTable, write_deltalake

from clickstream_platform.settings import Settings
from clickstream_platform.simulator.broker import Broker
from clickstream_platform.streaming.audit.source_account import source_account
from clickstream_platform.streaming.lake.tables import TimeSpan
from clickstream_platform.streaming.maintenance.backup import backup
from clickstream_platform.streaming.maintenance.filling import fill
from clickstream_platform.streaming.maintenance.moved import follow_moved_folder, moved_source
from clickstream_platform.streaming.maintenance.restore import restore
from clickstream_platform.streaming.maintenance.stretch import rebuild_stretch
from clickstream_platform.streaming.sources.named import folders_from
from clickstream_platform_tests.conftest import KINDS, Lab, event
from clickstream_platform_tests.kept.make import TOPIC
from clickstream_platform_tests.kept.opened import (
    RELEASES,
    Held,
    Place,
    Row,
    expected_of,
    id_of,
    ledger_of,
    lines_of,
    records_of,
    rows_by_place,
    rows_of,
    running,
    status,
    total,
    unpacked,
)
from clickstream_platform_tests.local import local
from clickstream_platform_tests.on_store import needs_a_folder
from clickstream_platform_tests.topics import Topic

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


pytestmark = pytest.mark.spark
PLACE = ("partition", "offset")
LEFT = "a release before there were others left it there"


@pytest.mark.parametrize("release", RELEASES)
def test_a_lake_over_files_is_taken_over(spark: SparkSession, release: str) -> None:
    needs_a_folder(LEFT)
    with unpacked(release, "files") as home:
        lab, expected = Lab(spark, Settings(home=home)), expected_of(release, "files")
        assert_taken_over(lab, expected, lambda: lines_of(lab.landing, expected["unreadable"]), lab.land)


@pytest.mark.parametrize("release", RELEASES)
def test_a_lake_over_kafka_is_taken_over(spark: SparkSession, release: str) -> None:
    needs_a_folder(LEFT)
    with unpacked(release, "kafka") as home, running(Broker(home / "kafka")) as address:
        topic = Topic(address, TOPIC)
        lab = Lab(spark, Settings(home=home, source=topic.url))
        assert_taken_over(lab, expected_of(release, "kafka"), lambda: records_of(topic), topic.send)


@pytest.mark.parametrize("release", RELEASES)
def test_a_lake_is_moved_widened_mended_and_restored_over_the_years(
    spark: SparkSession, topic: Topic, tmp_path: Path, release: str
) -> None:
    needs_a_folder(LEFT)
    with unpacked(release, "files") as made:
        Lab(spark, Settings(home=made)).run("events")  # that release named files by their whole paths
        shutil.copytree(made, tmp_path / "home")
    lab = Lab(spark, Settings(home=tmp_path / "home")).only(*KINDS)
    landing, history = lab.landing, tmp_path / "history"
    follow_moved_folder(lab.contracts["events"], moved_source(folders_from(lab.settings), lab.lake), lab.lake)
    lab.run()

    before, held = rows_by_place(lab, "events"), lines_of(landing, expected_of(release, "files")["unreadable"])
    newer, late, copy, bad = arriving_after(before, held)
    topic.made(1).send(newer, copy)
    bought = {"event_type": "purchase", "amount": "12.50", "currency": "EUR"}
    lab.land(late, copy, bad, event("h", "2025-12-01T10:00:00Z", **bought), into=history)
    sources = {"main": str(landing), "live": topic.url, "history": str(history)}
    lab = lab.reading(json.dumps(sources)).only(*KINDS)
    lab.run()
    assert len(rows_by_place(lab, "events")) == len(before) + 3

    lab = lab.reading(lab.settings.source, contract="commerce").only(*KINDS)
    lab.land(event("buyer", "2026-01-01T11:00:00Z", **bought), into=landing, name="bought.json")
    fill(lab.contracts["events"], lab.lake)
    lab.run()
    amounts = {row["user_id"]: row["amount"] for row in rows_of(lab, "events")}
    assert [amounts[user] for user in ("h", "buyer")] == [Decimal("12.50")] * 2

    lab = lab.reading(lab.settings.source, duplicates="event_id").only(*KINDS)
    place, sent = sent_once(before, held)
    moved_by = {-1: sent, 1: {**sent, "user_id": "another"}}
    earlier, later = (at_another_time(each, before[place], by) for by, each in moved_by.items())
    topic.send(earlier)
    lab.land(later, into=history, name="again.json")
    lab.run()
    left_out = {row["left_out_as"]: row for row in rows_of(lab, "copies")}
    assert tuple(left_out["replaced"][name] for name in PLACE) == place
    assert json.loads(left_out["copy"]["value"]) == later

    sessions = local(lab.lake.table("sessions").path)
    write_deltalake(sessions, DeltaTable(sessions).to_pyarrow_table().slice(1), mode="overwrite")  # one is lost
    since, until = (datetime(year, 1, 1, tzinfo=timezone.utc) for year in (2020, 2030))
    stretch = TimeSpan(*(int(each.timestamp()) * 1_000_000 for each in (since, until)))
    assert rebuild_stretch(lab.contracts["sessions"], stretch, spark, lab.lake).added == 1

    backup([*lab.contracts.values()], lab.lake, tmp_path / "backup")
    there = lab.reading(lab.settings.source, home=tmp_path / "elsewhere").only(*KINDS)
    restore(tmp_path / "backup", there.lake)
    shutil.rmtree(local(lab.lake.root))
    topic.send(event("last", "2026-01-02T10:00:00Z"))
    there.run()
    there.assert_exact()
    assert source_account(there.contracts["events"], there.lake).errors == ()
    assert len(rows_by_place(there, "events")) == len(before) + 5


def sent_once(before: dict[Place, Row], held: Held) -> tuple[Place, Row]:
    """An event whose id no other event has: its place, and what was sent."""
    ids = Counter(row["event_id"] for row in before.values())
    place = next(place for place, row in before.items() if row["event_id"] and ids[row["event_id"]] == 1)
    return place, json.loads(held[place] or b"")


def at_another_time(sent: Row, stored: Row, hours: int) -> Row:
    return {**sent, "timestamp": (stored["timestamp"] + timedelta(hours=hours)).isoformat()}


def assert_taken_over(lab: Lab, expected: Row, held: Callable[[], Held], land: Callable[..., object]) -> None:
    """The lake stands where its release left it, goes on from there, and again once more has landed."""
    assert_stands(lab, expected)
    before = rows_by_place(lab, "events")
    lab.run()
    then, ledger = held(), ledger_of(lab)
    assert_all_read_once(lab, then, ledger, expected["unreadable"])
    interrupted = expected["interrupted"]
    assert [e["rows_in"] for e in ledger if e["batch_id"] == interrupted["batch_id"]] == [interrupted["records"]]

    land(*arriving_after(before, then))
    lab.run()
    now, longer = held(), ledger_of(lab)
    assert len(now) == len(then) + 4
    assert_all_read_once(lab, now, longer, expected["unreadable"])
    assert total(longer, "duplicates") == total(ledger, "duplicates") + 1
    after = rows_by_place(lab, "events")
    assert {place: {name: after[place][name] for name in row} for place, row in before.items()} == before
    assert [(table["name"], table["lag"]) for table in status(lab)] == [(name, 0) for name in lab.contracts]
    lab.assert_exact()
    account = source_account(lab.contracts["events"], lab.lake)
    assert account.errors == ()
    assert account.recount.records == len(now)


def assert_stands(lab: Lab, expected: Row) -> None:
    """``status`` says of every table of the release what the release said itself."""
    told = {table["name"]: table for table in status(lab)}
    for table in expected["tables"]:
        assert table.items() <= told[table["name"]].items()
        assert table["rows"] > 0
    for name, rows in expected["rows"].items():
        assert len(rows_of(lab, name)) == rows > 0
    assert expected["interrupted"]["batch_id"] not in {entry["batch_id"] for entry in ledger_of(lab)}


def assert_all_read_once(lab: Lab, held: Held, ledger: list[Row], unreadable: list[str]) -> None:
    """Every record of the source is in ``events`` or ``quarantine``, or is a copy of one in ``events``; none twice."""
    events, quarantine = rows_by_place(lab, "events"), rows_by_place(lab, "quarantine")
    assert not events.keys() & quarantine.keys()
    assert events.keys() | quarantine.keys() <= held.keys()
    left_out = held.keys() - events.keys() - quarantine.keys()
    assert {id_of(held[place]) for place in left_out} <= {id_of(held[place]) for place in events} - {None}
    found = [total(ledger, name) for name in ("rows_in", "rows_out", "quarantined", "duplicates")]
    assert found == [len(held), len(events), len(quarantine), len(left_out)]
    assert sorted(path for entry in ledger for path in entry["unreadable"]) == unreadable


def arriving_after(before: dict[Place, Row], held: Held) -> tuple[Row | bytes, ...]:
    """One event that is newer than all others, one that is too late, one that is there already, and no event."""
    copy = next(value for place, value in held.items() if place in before and value and id_of(value))
    newest = max(row["timestamp"] for row in before.values()) + timedelta(hours=1)
    return event("new", newest.isoformat()), event("late", "2026-01-01T10:00:00Z"), copy, b"{"
