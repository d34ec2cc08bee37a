"""Duplicates by ``event_id`` alone, end to end: a table of each kind, in any order, killed between any two commits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.streaming.audit.books import ledger_errors
from clickstream_platform.streaming.audit.source_account import source_account
from clickstream_platform.streaming.maintenance.backup import backup
from clickstream_platform.streaming.maintenance.erasure import forget
from clickstream_platform.streaming.maintenance.reprocess import replay
from clickstream_platform.streaming.maintenance.restore import restore
from clickstream_platform.streaming.observe.duplicates import duplicate_report
from clickstream_platform.tables.events import rules_from
from clickstream_platform_tests.conftest import KINDS, Lab, event
from clickstream_platform_tests.faults import InjectedError, fault
from clickstream_platform_tests.streamed import streaming

Wave = Sequence[dict[str, Any]]


@pytest.fixture
def by_id(lab: Lab) -> Lab:
    """A lab in which an id alone makes a copy, within a day; a table of each kind."""
    return lab.reading("", duplicates="event_id", duplicate_span=timedelta(days=1)).only(*KINDS)


def sent(at: str, event_id: str = "e", user: str = "u", **fields: Any) -> dict[str, Any]:
    return event(user, at, event_id=event_id, event_type="purchase", **fields)


# The last wave makes the first of `e` give way; then its copy of the 3rd, 11:00, is an event: nothing is before it.
WAVES: tuple[Wave, ...] = (
    (sent("2024-03-02T12:00:00Z"), sent("2024-03-02T12:01:00Z", "f"), sent("2024-03-04T00:00:00Z", "newest")),
    (sent("2024-03-03T11:00:00Z"), sent("2024-03-02T12:03:00Z", "f", "v"), sent("2024-03-04T00:01:00Z", "open")),
    (sent("2024-03-02T10:30:00Z"), sent("2024-03-03T23:59:00Z", "open")),
    (sent("2024-03-04T00:01:30Z", "more"), sent("2024-03-02T12:03:00Z", "f", "w")),
)


TIMES = ["e 02 10:30", "e 03 11:00", "f 02 12:01", "newest 04 00:00", "open 03 23:59"]  # of the first three waves


def times(lab: Lab) -> list[str]:
    return sorted(f"{row.event_id} {row.timestamp:%d %H:%M}" for row in lab.table("events").collect())


def rows(lab: Lab, name: str) -> list[Any]:
    found = lab.table(name)
    if name == "events":
        found = found.select("event_id", "timestamp", "user_id")
    dropped = found.drop("partition", "offset", "arrived_at")
    return sorted(dropped.collect(), key=str)


def test_every_table_is_exact_after_every_batch_and_the_order_does_not_matter(by_id: Lab) -> None:
    for wave in WAVES:
        by_id.land(*wave)
        by_id.run()
        by_id.assert_exact()
        assert ledger_errors(by_id.contracts["events"], by_id.lake) == []
    account = source_account(by_id.contracts["events"], by_id.lake)
    assert (account.errors, account.replaced, account.restored) == ((), 2, 1)
    verified = by_id.verify("user_patterns")["user_patterns"]
    assert verified.still_in > 0
    found = duplicate_report(by_id.lake, rules_from(by_id.settings))
    assert (found.exact, found.replaced, found.restored, found.conflicting) == (0, 2, 1, 1)

    at_once = by_id.reading("", home=by_id.settings.home / "again").only(*KINDS)
    at_once.land(*(each for wave in reversed(WAVES) for each in wave if each["user_id"] != "w"))
    at_once.run()
    at_once.assert_exact()
    for name in ("events", "user_activity", "sessions", "purchases"):
        assert rows(at_once, name) == rows(by_id, name), name


def test_without_the_setting_nothing_is_remembered(lab: Lab) -> None:
    lab.only("events").land(*WAVES[0], *WAVES[2])
    (batch,) = lab.run()["events"].batches
    assert (batch.rows_out, batch.copies.duplicates, batch.copies.set_aside) == (5, 0, 0)
    assert lab.lake.names() == ["events", "quarantine"]


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("then", [{}, {"duplicates": "event_id,timestamp"}])
def test_killed_between_any_two_of_its_commits_a_batch_finds_the_same_whatever_is_set_by_then(
    by_id: Lab, nth: int, then: dict[str, Any]
) -> None:
    by_id.only("events")
    for wave in WAVES[:2]:
        by_id.land(*wave)
        by_id.run()
    by_id.land(*WAVES[2])
    with fault(nth, "before"), pytest.raises(Exception, match="InjectedError"):
        by_id.run()
    assert ledger_errors(by_id.contracts["events"], by_id.lake) == []
    (batch,) = by_id.reading("", **then).only("events").run()["events"].batches
    assert (batch.rows_out, batch.copies.duplicates, batch.copies.replaced, batch.copies.restored) == (3, 0, 2, 1)
    assert batch.copies.span_us == 24 * 3600 * 1_000_000
    by_id.assert_exact()
    assert ledger_errors(by_id.contracts["events"], by_id.lake) == []


def test_a_lake_that_was_killed_between_two_commits_of_a_batch_goes_on_from_its_backup(
    by_id: Lab, tmp_path: Path
) -> None:
    by_id.only("events", "purchases")
    for wave in WAVES[:2]:
        by_id.land(*wave)
        by_id.run()
    by_id.land(*WAVES[2])
    with fault(1, "before"), pytest.raises(Exception, match="InjectedError"):
        by_id.run("events")
    backup([*by_id.contracts.values()], by_id.lake, tmp_path / "backup")
    there = by_id.reading(str(by_id.landing), home=tmp_path / "elsewhere").only("events", "purchases")
    restore(tmp_path / "backup", there.lake)
    for lab in (by_id, there):
        lab.run()
        lab.assert_exact()
        assert ledger_errors(lab.contracts["events"], lab.lake) == []
        assert times(lab) == TIMES


def test_a_stream_lets_events_give_way_as_runs_do(by_id: Lab) -> None:
    with streaming(by_id) as live:
        for wave in WAVES[:3]:
            by_id.land(*wave)
            live.read_all()
    assert live.failures == []
    by_id.run()
    by_id.assert_exact()
    assert times(by_id) == TIMES


def test_events_of_one_record_are_copies_as_those_of_several_are(by_id: Lab, tmp_path: Path) -> None:
    """Five in one record, two of them copies of others in it; a bad one of them takes the place of its event later."""
    file = tmp_path / "batches.toml"
    file.write_text('extends = "own"\n[envelope]\npath = "batch"\noptional = true\n')
    opening = by_id.reading("", mapping=str(file), event_types=("purchase",)).only("events", "purchases", "sessions")
    early = {**sent("2024-03-02T10:30:00Z"), "event_type": "like"}
    opening.land({"batch": [*WAVES[0][:2], early, *WAVES[1][:2]]}, {"batch": [WAVES[0][2], WAVES[1][2]]}, *WAVES[2][1:])
    (batch,) = opening.run()["events"].batches
    assert (batch.records.inside, batch.rows_out, batch.copies.set_aside, batch.records.quarantined) == (7, 4, 3, 1)
    opening.assert_exact()
    accepting = opening.reading("", event_types=("purchase", "like")).only(*opening.contracts)
    assert replay(accepting.contracts["events"], accepting.spark, accepting.lake).accepted == 1
    accepting.run()
    accepting.assert_exact()
    assert source_account(accepting.contracts["events"], accepting.lake).errors == ()
    assert times(accepting) == TIMES


def test_a_replay_decides_as_a_batch_does_and_an_erasure_reaches_what_is_remembered(by_id: Lab) -> None:
    by_id.only("events", "purchases")
    early = {**sent("2024-03-02T10:30:00Z"), "event_type": "like"}
    by_id.land(sent("2024-03-02T12:00:00Z"), early, {**sent("2024-03-02T12:30:00Z", "f"), "event_type": "like"})
    by_id.land(sent("2024-03-03T11:00:00Z"), sent("2024-03-02T12:00:00Z", "f"))
    by_id.run()
    accepting = by_id.reading("", event_types=("purchase", "like")).only("events", "purchases")
    found = replay(accepting.contracts["events"], by_id.spark, by_id.lake)
    assert (found.accepted, found.duplicates, found.stayed) == (1, 1, 0)
    accepting.run()
    accepting.assert_exact()
    assert ledger_errors(accepting.contracts["events"], accepting.lake) == []
    assert source_account(accepting.contracts["events"], accepting.lake).errors == ()
    times = [f"{row['event_id']} {row['timestamp']:%H:%M}" for row in rows(accepting, "events")]
    assert sorted(times) == ["e 10:30", "e 11:00", "f 12:00"]
    assert sorted(row["left_out_as"] for row in accepting.table("copies").collect()) == ["copy", "copy", "replaced"]

    forget("u", [*accepting.contracts.values()], by_id.spark, by_id.lake)
    assert (accepting.table("copies").count(), accepting.table("events").count()) == (0, 0)
    assert ledger_errors(accepting.contracts["events"], accepting.lake) == []


def test_a_replay_under_a_shorter_span_lets_what_is_remembered_return_though_it_accepts_nothing(by_id: Lab) -> None:
    by_id.only("events").land(sent("2024-03-02T10:00:00Z"), sent("2024-03-02T12:00:00Z"), like("2T12:30", "e"))
    by_id.reading("", event_types=("purchase",)).only("events").run()
    lab = by_id.reading("", event_types=("purchase", "like"), duplicate_span=timedelta(hours=1)).only("events")
    assert times(lab) == ["e 02 10:00"]
    with fault(2, "before"), pytest.raises(InjectedError):  # what returns is an event, and nothing has left quarantine
        replay(lab.contracts["events"], lab.spark, lab.lake)
    for _ in range(2):
        replay(lab.contracts["events"], lab.spark, lab.lake)
        assert (times(lab), lab.table("quarantine").count()) == (["e 02 10:00", "e 02 12:00"], 0)
        assert ledger_errors(lab.contracts["events"], lab.lake) == []
    assert source_account(lab.contracts["events"], lab.lake).errors == ()


def like(at: str, event_id: str) -> dict[str, Any]:
    return {**sent(f"2024-03-0{at}:00Z", event_id), "event_type": "like"}


def liked(*at: str) -> list[dict[str, Any]]:
    """Rejected at first, in the order of the ids: a copy of an event; an earlier one; one and its copy; one alone."""
    return [like(each, event_id) for each, event_id in zip(at, "abccd", strict=True)]


# What follows makes each of the events give way, those included that a replay has added or put back.
BEFORE = [sent("2024-03-02T12:00:00Z", "a"), sent("2024-03-02T12:00:00Z", "b")]
LIKED = liked("2T12:30", "2T11:00", "2T11:00", "2T11:30", "2T11:00")
AFTER = [
    sent(f"2024-03-0{at}:00Z", i) for at, i in (("1T12:10", "a"), ("2T10:00", "b"), ("2T11:40", "c"), ("2T10:00", "d"))
]


def kept(records: Sequence[dict[str, Any]]) -> list[str]:
    """By the rule, of all of them at once."""
    found: list[tuple[str, datetime]] = []
    for event_id, at in sorted((each["event_id"], datetime.fromisoformat(each["timestamp"])) for each in records):
        if not found or found[-1][0] != event_id or at - found[-1][1] > timedelta(days=1):
            found.append((event_id, at))
    return sorted(f"{event_id} {at:%d %H:%M}" for event_id, at in found)


@pytest.mark.parametrize("nth", range(4))
def test_a_replay_that_was_killed_is_whole_or_undone_before_the_next_batch_whatever_its_rules_are(
    by_id: Lab, nth: int
) -> None:
    """Its commits: what it leaves out, what gives way, what it adds, what leaves quarantine."""
    rejecting = by_id.reading("", event_types=("purchase",)).only("events", "purchases")
    rejecting.land(*BEFORE, *LIKED)
    rejecting.run("events")
    accepting = by_id.reading("", event_types=("purchase", "like")).only("events", "purchases")
    with fault(nth, "after"), pytest.raises(InjectedError):
        replay(accepting.contracts["events"], by_id.spark, by_id.lake)
    rejecting.land(*AFTER, name="after.json")
    rejecting.run()
    rejecting.assert_exact()
    assert times(rejecting) == kept([*BEFORE, *AFTER, *(LIKED if nth > 1 else ())])
    assert rejecting.table("quarantine").count() == (0 if nth > 1 else len(LIKED))
    assert ledger_errors(rejecting.contracts["events"], rejecting.lake) == []
    assert source_account(rejecting.contracts["events"], rejecting.lake).errors == ()

    replay(accepting.contracts["events"], by_id.spark, by_id.lake)
    accepting.run()
    accepting.assert_exact()
    assert times(accepting) == kept([*BEFORE, *AFTER, *LIKED])
    assert accepting.table("quarantine").count() == 0
    assert ledger_errors(accepting.contracts["events"], accepting.lake) == []
    assert source_account(accepting.contracts["events"], accepting.lake).errors == ()


@pytest.mark.parametrize(("begun", "nth"), [("event_id", 0), ("event_id", 2), ("event_id,timestamp", 0)])
def test_a_replay_that_was_killed_is_settled_by_a_batch_of_the_default_rule_before_an_id_alone_makes_a_copy_again(
    by_id: Lab, begun: str, nth: int
) -> None:
    """Undone, or, where it has added its events already, whole; some of them give way later."""

    def under(rule: str, *more: str) -> Lab:
        return by_id.reading("", duplicates=rule, event_types=("purchase", *more)).only("events", "purchases")

    default, accepting = under("event_id,timestamp"), under("event_id", "like")
    under(begun).land(*LIKED, *(BEFORE if begun == "event_id" else ()))
    under(begun).run("events")
    with fault(nth, "after"), pytest.raises(InjectedError):
        replay(under(begun, "like").contracts["events"], by_id.spark, by_id.lake)
    default.land(sent("2024-03-05T12:00:00Z", "z"), name="z.json")
    default.run()
    assert source_account(default.contracts["events"], default.lake).errors == ()
    assert default.table("quarantine").count() == (len(LIKED) if (begun, nth) == ("event_id", 0) else 0)
    accepting.land(*AFTER, name="after.json")
    accepting.run()
    replay(accepting.contracts["events"], by_id.spark, by_id.lake)
    accepting.run()
    accepting.assert_exact()
    assert accepting.table("quarantine").count() == 0
    assert source_account(accepting.contracts["events"], accepting.lake).errors == ()
    before = BEFORE if begun == "event_id" else ()
    assert times(accepting) == kept([*before, *LIKED, *AFTER, sent("2024-03-05T12:00:00Z", "z")])


def test_a_copy_keeps_its_bytes_and_an_event_all_its_columns_and_others_rows_lose_who_is_forgotten(by_id: Lab) -> None:
    declaring = by_id.reading("", contract="commerce", duplicates="event_id,timestamp").only("events", "purchases")
    declaring.land(sent("2024-03-02T12:00:00Z", amount="5.00"))
    declaring.run()
    by_id.only("events", "purchases")
    copy = sent("2024-03-02T12:30:00Z", user="v", friend="anna")
    by_id.land(sent("2024-03-02T11:00:00Z"), copy, name="b.json")
    by_id.run()
    by_id.assert_exact()
    kept, replaced = by_id.table("copies").orderBy("left_out_as").collect()
    assert (json.loads(kept.value), kept.user_id, kept.amount) == (copy, "v", None)
    assert (replaced.value, replaced.amount) == (None, Decimal("5.0000"))

    forget("anna", [*by_id.contracts.values()], by_id.spark, by_id.lake)
    kept, _ = by_id.table("copies").orderBy("left_out_as").collect()
    assert (kept.value, kept.user_id) == (None, "v")
    by_id.land(sent("2024-03-01T11:30:00Z"), name="c.json")  # and the first one comes back
    by_id.run()
    by_id.assert_exact()
    assert ledger_errors(by_id.contracts["events"], by_id.lake) == []
    back = by_id.table("events").orderBy("timestamp").collect()
    assert [(f"{row.timestamp:%d %H:%M}", row.amount) for row in back] == [
        ("01 11:30", None),
        ("02 12:00", Decimal("5.0000")),
    ]
