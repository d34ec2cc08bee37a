"""Replays where an ``event_id`` alone makes a copy: decided as a batch is, and settled if they are killed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from clickstream_platform.streaming.audit.books import ledger_errors
from clickstream_platform.streaming.audit.source_account import source_account
from clickstream_platform.streaming.maintenance.erasure import forget
from clickstream_platform.streaming.maintenance.reprocess import replay
from clickstream_platform_tests.conftest import Lab
from clickstream_platform_tests.faults import InjectedError, fault
from clickstream_platform_tests.streaming.ingest.by_id import rows, sent, times


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
