"""A check that looks at what is new is as strong as one that looks at everything. No JVM."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from deltalake import DeltaTable

from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.lakes import at, write
from clickstream_platform_tests.streaming.audit.checks.batches import (
    Batches,
    because,
    event,
    failed,
    kinds,
    looked,
    session,
)


def test_the_first_look_is_at_everything_and_the_next_at_what_is_new(home: Home, sessions: Batches) -> None:
    assert because(home, "sessions") == {"it has not passed before"}
    sessions([session("c")])
    found = looked(home, "sessions")["unique_key"].look
    assert found is not None
    assert str(found) == "what version 1 has beyond version 0, at which it passed"
    assert kinds(home, "sessions") == {"incremental"}


def test_nothing_new_is_looked_at_for_nothing(home: Home, sessions: Batches) -> None:
    assert failed(home, "sessions") == failed(home, "sessions") == {}
    assert kinds(home, "sessions") == {"incremental"}


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (session("a"), {"unique_key": 1}),
        (session("c", session_end=None), {"not_null": 1}),
        (session("c", purchases=-1), {"non_negative": 1}),
        (session("c", purchases=None), {}),
        (session("c", session_id=None), {}),
    ],
)
def test_a_row_of_somebody_elses_commit_is_found_while_it_is_new(
    home: Home, sessions: Batches, row: dict[str, Any], found: dict[str, int]
) -> None:
    assert failed(home, "sessions") == {}
    write(home, "sessions", [row])
    sessions([session("z")])
    assert failed(home, "sessions") == found


def test_a_key_that_is_null_is_one_key(home: Home, sessions: Batches) -> None:
    sessions([session("n", session_id=None), session("m", session_start=None)])
    assert failed(home, "sessions") == {"not_null": 1}
    write(
        home, "sessions", [session("n", session_id=None), session("m", session_start=None, session_end=at("12:00:00"))]
    )
    assert failed(home, "sessions") == {"unique_key": 2, "not_null": 2}


def test_a_failure_is_not_forgotten_until_the_fault_is_gone(home: Home, sessions: Batches) -> None:
    assert failed(home, "sessions") == {}
    write(home, "sessions", [session("bad", purchases=-1)])
    for user in "cde":
        sessions([session(user)])
        assert failed(home, "sessions") == {"non_negative": 1}
    assert because(home, "sessions") == set()  # the look goes on from where the check passed
    DeltaTable(str(home.lake.table("sessions").path)).delete("user_id = 'bad'")
    assert failed(home, "sessions") == {}
    assert kinds(home, "sessions") == {"incremental"}


def test_a_failure_of_the_first_look_stays_one(home: Home, sessions: Batches) -> None:
    write(home, "sessions", [session("bad", purchases=-1)])
    assert failed(home, "sessions") == failed(home, "sessions") == {"non_negative": 1}
    sessions([session("c")])
    assert failed(home, "sessions") == {"non_negative": 1}


@pytest.mark.parametrize(
    ("row", "more"),
    [
        (event(1), 1),
        (event(0, "b.json", "22:00:00"), 1),  # at another time
        (event(2), 0),
        (event(None), 0),
    ],
)
def test_a_place_that_comes_twice_is_found(home: Home, events: Batches, row: dict[str, Any], more: int) -> None:
    assert failed(home, "events") == {}
    write(home, "events", [row])
    assert failed(home, "events").get("unique_key", 0) == more


def test_a_place_twice_in_what_is_new_is_found(home: Home, events: Batches) -> None:
    assert failed(home, "events") == {}
    events([event(5, "c.json"), event(5, "c.json"), event(None, "d.json"), event(None, "d.json")])
    assert failed(home, "events")["unique_key"] == 2


def test_an_offset_below_those_read_is_looked_up(home: Home, events: Batches) -> None:
    events([event(7)])
    assert failed(home, "events") == {}
    events([event(3)])  # as of a replay
    assert failed(home, "events") == {}
    events([event(3)])
    assert failed(home, "events")["unique_key"] == 1


def test_rows_that_were_only_rewritten_are_good_wherever_they_lie_now(home: Home, events: Batches) -> None:
    events([event(2)])
    assert failed(home, "events") == {}
    DeltaTable(str(home.lake.events.path)).optimize.compact()
    assert failed(home, "events") == {}
    assert kinds(home, "events") == {"incremental"}


def test_purchases_are_counted_from_where_they_were(home: Home, events: Batches) -> None:
    purchases = Batches(home, "purchases")
    purchases([], events_version=0)
    assert failed(home, "purchases") == {}
    events([event(2, event_type="purchase"), event(3)])
    purchases([event(2)], events_version=1)
    assert failed(home, "purchases") == {}
    assert kinds(home, "purchases") == {"incremental"}
    write(home, "purchases", [event(9, "z.json")])
    assert failed(home, "purchases") == {"matches_events": "2 rows, 1 event of type purchase"}


def test_purchases_are_counted_anew_once_any_of_them_have_left(home: Home, events: Batches) -> None:
    purchases = Batches(home, "purchases")
    events([event(2, event_type="purchase")])
    purchases([event(2)], events_version=1)
    assert failed(home, "purchases") == {}
    DeltaTable(str(home.lake.table("purchases").path)).delete()
    assert because(home, "purchases") == {"files that it counted have left the table"}
    assert failed(home, "purchases") == {"matches_events": "0 rows, 1 event of type purchase"}


def test_the_ledger_goes_on_where_it_balanced(home: Home, events: Batches) -> None:
    assert failed(home, "events") == {}
    events([event(2)], rejected=2)
    assert failed(home, "events") == {}
    assert looked(home, "events")["conservation"].found == "the ledger balances"
    events([event(3)], start={"logOffset": 7})
    text = "events batch 2 starts at {'logOffset': 7}, but the one before ended at {'logOffset': 1}"
    assert failed(home, "events") == {"conservation": text}
    assert failed(home, "events") == {"conservation": text}


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda home: write(home, "events", [event(9)]), "events has 4 rows, its ledger 3"),
        (lambda home: write(home, "quarantine", [{}]), "quarantine has 2 rows, its ledger 1"),
    ],
)
def test_rows_that_no_ledger_booked_are_found(home: Home, events: Batches, spoil: Any, text: str) -> None:
    assert failed(home, "events") == {}
    spoil(home)
    assert failed(home, "events") == {"conservation": text}


def test_a_batch_that_was_killed_after_its_rejected_records_is_expected(home: Home, events: Batches) -> None:
    of = entry("events", 1, rows_in=2, rows_out=1, quarantined=1)
    write(home, "quarantine", [{"record_id": "x"}], of=of)
    assert failed(home, "events") == {}
    write(home, "events", [event(2)], of=of)
    assert failed(home, "events") == {}
    write(home, "events", [event(3)], of=replace(of, batch_id=2, start=of.end, end={"logOffset": 2}))
    assert failed(home, "events") == {"conservation": "batch 2: 1 quarantined, 0 landed"}


def test_files_that_were_refused_are_counted_on(home: Home, events: Batches) -> None:
    events([], unreadable={"a": "cut off", "b": "cut off"}, files={"a": [1, 0], "b": [1, 0]})
    assert looked(home, "events")["conservation"].found == (
        "the ledger balances; 2 files were refused whole (a: cut off; b: cut off)"
    )
    events([event(2)], unreadable={"c": "no text", "d": "no text"}, files={"c": [1, 0], "d": [1, 0]})
    assert looked(home, "events")["conservation"].found == (
        "the ledger balances; 4 files were refused whole (b: cut off; c: no text; d: no text; ...)"
    )
