"""Duplicates by ``event_id`` alone, end to end: a table of each kind, in any order, killed between any two commits."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
from clickstream_platform_tests.conftest import KINDS, Lab
from clickstream_platform_tests.faults import fault
from clickstream_platform_tests.streamed import streaming
from clickstream_platform_tests.streaming.ingest.by_id import rows, sent, times

Wave = Sequence[dict[str, Any]]

# The last wave makes the first of `e` give way; then its copy of the 3rd, 11:00, is an event: nothing is before it.
WAVES: tuple[Wave, ...] = (
    (sent("2024-03-02T12:00:00Z"), sent("2024-03-02T12:01:00Z", "f"), sent("2024-03-04T00:00:00Z", "newest")),
    (sent("2024-03-03T11:00:00Z"), sent("2024-03-02T12:03:00Z", "f", "v"), sent("2024-03-04T00:01:00Z", "open")),
    (sent("2024-03-02T10:30:00Z"), sent("2024-03-03T23:59:00Z", "open")),
    (sent("2024-03-04T00:01:30Z", "more"), sent("2024-03-02T12:03:00Z", "f", "w")),
)


TIMES = ["e 02 10:30", "e 03 11:00", "f 02 12:01", "newest 04 00:00", "open 03 23:59"]  # of the first three waves


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
