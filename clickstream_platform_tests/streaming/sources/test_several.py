"""Several sources in one lake: each goes on by itself, and the tables are those of all their events."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import StreamingQueryException

from clickstream_platform.errors import CheckpointError, RetryableError, SourceError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit.balance import imbalances
from clickstream_platform.streaming.audit.source_account import source_account
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.maintenance.reprocess import replay
from clickstream_platform.streaming.observe.lag import lags
from clickstream_platform.streaming.observe.status import TableStatus, status
from clickstream_platform.streaming.runtime.run import rebuild
from clickstream_platform_tests.conftest import KINDS, Lab, event
from clickstream_platform_tests.faults import fault
from clickstream_platform_tests.topics import Topic


@dataclass
class Sources:
    """A lake that reads two folders: its landing folder, ``main``, and another, ``history``."""

    lab: Lab
    history: Path

    def reading(self, *names: str, **settings: Any) -> Lab:
        """The lake with these sources, in this order."""
        places = {"main": self.lab.settings.home / "landing", "history": self.history}
        return self.lab.reading(json.dumps({name: str(places[name]) for name in names}), **settings)

    def land(self, source: str, name: str, *records: dict[str, Any] | str) -> None:
        folder = self.history if source == "history" else self.lab.settings.home / "landing"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
        (folder / name).write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def two(lab: Lab, tmp_path: Path) -> Sources:
    return Sources(lab, tmp_path / "history")


def of_events(lab: Lab) -> TableStatus:
    (found,) = status([lab.contracts["events"]], lab.lake)
    return found


def users(lab: Lab) -> list[tuple[str, str]]:
    return sorted((row.source, row.user_id) for row in lab.table("events").select("source", "user_id").collect())


def assert_in_order(lab: Lab) -> None:
    """The ledger balances, and rows, ledger and sources agree."""
    assert imbalances(list(entries(lab.lake.events))) == []
    assert source_account(lab.contracts["events"], lab.lake).errors == ()


def test_a_lake_of_one_source_goes_on_as_one_of_several(two: Sources) -> None:
    two.land("main", "a.json", event("u"), event("copy", event_id="1"))
    two.lab.run("events")
    two.land("main", "b.json", event("v"))
    two.land("history", "a.json", event("old"), event("copy", event_id="1"), "{")  # a file of the same name
    lab = two.reading("main", "history")
    assert {title: found.amount for title, found in lags(lab.contracts["events"], lab.lake).items()} == {  # type: ignore[union-attr]
        "events": 1,
        "events from history": 1,
    }
    report = lab.run("events")["events"]
    assert users(lab) == [("file", "copy"), ("file", "u"), ("file", "v"), ("file:history", "old")]
    assert {name: (of.rows_in, of.duplicates, of.quarantined) for name, of in report.by_source.items()} == {
        "main": (1, 0, 0),
        "history": (3, 1, 1),
    }
    booked = [(entry.source, entry.batch_id, entry.rows_in) for entry in entries(lab.lake.events)]
    assert booked == [("history", 0, 3), ("main", 1, 1), ("main", 0, 2)]
    assert lab.lake.events.transaction("events/1") == 1
    assert lab.lake.events.transaction("events/history/1") == 0
    lab.assert_exact("events")
    assert_in_order(lab)


def test_a_source_may_be_left_out_and_named_again(two: Sources) -> None:
    two.land("main", "a.json", event("u"))
    two.land("history", "a.json", event("old"))
    two.reading("main", "history").run("events")
    two.land("main", "b.json", event("v"))
    two.land("history", "b.json", event("older"))

    lab = two.reading("history")
    lab.run("events")
    history, left_out = of_events(lab).sources
    assert (history.name, history.batches, history.lag, history.is_named) == ("history", 2, 0, True)
    assert (left_out.name, left_out.batches, left_out.lag, left_out.is_named) == ("main", 1, None, False)
    assert left_out.source == f"files {two.lab.settings.home / 'landing'}"
    assert_in_order(lab)

    again = two.reading("history", "main")
    assert of_events(again).lag == 1
    again.run("events")
    assert users(again) == [("file", "u"), ("file", "v"), ("file:history", "old"), ("file:history", "older")]
    assert_in_order(again)

    with pytest.raises(CheckpointError, match=r"source was 'files .*needs a name"):
        again.reading(str(again.landing.parent / "third")).run("events")  # one that is not named is the main one
    with pytest.raises(SourceError, match="'main' would read again what 'history' has read"):
        again.reading(str(two.history)).run("events")
    landing = two.lab.settings.home / "landing"
    renamed = again.reading(json.dumps({"main": str(landing), "old": str(two.history)}))
    with pytest.raises(SourceError, match="'old' would read again what 'history' has read"):
        renamed.run("events")


def test_one_that_has_vanished_does_not_hold_up_the_others(two: Sources, tmp_path: Path) -> None:
    two.land("history", "a.json", event("old"))
    lab = two.reading("history", "main")
    two.land("main", "a.json", event("u"))
    lab.run("events")
    two.history.rename(tmp_path / "away")
    two.land("main", "b.json", event("v"))
    assert "the folder of the source 'history' is not there" in str(of_events(lab).problem)
    with pytest.raises(SourceError, match="the folder of the source 'history' is not there"):
        lab.run("events")
    assert users(lab) == [("file", "u"), ("file", "v"), ("file:history", "old")]
    assert not two.history.exists()
    (tmp_path / "away").rename(two.history)
    two.land("history", "b.json", event("older"))
    lab.run("events")
    assert len(users(lab)) == 4
    assert_in_order(lab)


def test_a_batch_killed_half_committed_is_completed_before_another_source_adds_events(two: Sources) -> None:
    two.land("history", "a.json", event("a", event_id="X"), event("b", event_id="X"))
    with fault(1, "before"), pytest.raises(StreamingQueryException):
        two.reading("main", "history").run("events")
    two.land("main", "a.json", event("c", event_id="X"))
    with pytest.raises(RetryableError, match="batch 0 of the source history was killed between its two commits"):
        two.reading("main").run("events")
    lab = two.reading("main", "history")
    lab.run("events")
    assert users(lab) == [("file:history", "a")]
    assert sorted(row.source for row in lab.table("quarantine").collect()) == ["file", "file:history"]
    assert_in_order(lab)


def test_rejected_records_of_one_source_are_replayed_alone(two: Sources) -> None:
    lab = two.reading("main", "history")
    for source in ("main", "history"):  # the same place in both, of one event
        two.land(source, "a.json", event("u", event_type="scroll", event_id="1"))
    two.land("history", "b.json", event("v", event_type="scroll", event_id="2"))
    lab.run("events")
    more = {"event_types": ("click", "scroll")}
    today = two.reading("main", "history", **more)
    assert replay(today.contracts["events"], lab.spark, lab.lake, source="main").accepted == 1
    found = replay(today.contracts["events"], lab.spark, lab.lake)
    assert (found.tried, found.accepted, found.duplicates) == (2, 1, 1)
    assert users(today) == [("file", "u"), ("file:history", "v")]
    today.assert_exact("events")
    assert_in_order(today)


LIVE = [event(f"u{i % 3}", f"2024-03-08T10:{i:02}:00Z", event_id=f"l{i}", product_id="p") for i in range(20)]
OLD = [
    event(f"u{i % 3}", f"2024-03-0{1 + i % 7}T1{i % 9}:{i:02}:00Z", event_id=f"h{i}", event_type=kind, product_id="p")
    for i, kind in enumerate(["purchase", "purchase", "click", "page_view", "purchase"] * 8)
]


def test_a_backfill_gives_the_tables_that_it_would_have_given_first(lab: Lab, topic: Topic, tmp_path: Path) -> None:
    """A topic was read for days; then its history comes in files, some of it a second time."""
    topic.made().send(*LIVE)
    history = tmp_path / "history"
    history.mkdir()
    (history / "old.json").write_text("".join(json.dumps(each) + "\n" for each in [*OLD, *LIVE[:3], {"user_id": "x"}]))
    late = lab.reading(topic.url).only(*KINDS)
    late.run()
    late = late.reading(json.dumps({"main": topic.url, "history": str(history)})).only(*KINDS)
    late.run()
    late.assert_exact()
    assert_in_order(late)
    left_out = late.table("late_events").count()
    assert left_out == len(OLD)  # the one table that takes events in their order says what came too late for it
    rebuild(late.contracts["user_patterns"], late.spark, late.lake)
    late.assert_exact()

    first = Lab(lab.spark, Settings(home=tmp_path / "first", source=json.dumps({"history": str(history)})))
    first.only(*KINDS).run()
    first = first.reading(json.dumps({"history": str(history), "main": topic.url})).only(*KINDS)
    first.run()
    first.assert_exact()
    for name in ("quarantine", *late.contracts):
        where = {"events": PLACE, "purchases": PLACE}.get(name, ())  # of a copy, the one that came first is kept
        assert rows(late, name, where) == rows(first, name, where), name


PLACE = ("source", "partition", "offset", "arrived_at", "key", "headers", "record_time", "record_time_type")


def rows(lab: Lab, name: str, without: tuple[str, ...]) -> list[Any]:
    table = lab.table(name)
    kept = [column for column in sorted(table.columns) if column not in without]
    return sorted((tuple(row) for row in table.select(*kept).collect()), key=repr)
