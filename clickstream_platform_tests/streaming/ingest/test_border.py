"""What arrives at the border of ``events`` is booked, and says what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from pyspark.errors import StreamingQueryException

from clickstream_platform.errors import SourceError
from clickstream_platform.streaming.audit.source_account import source_account
from clickstream_platform.streaming.ingest.record_ids import record_id
from clickstream_platform.streaming.lake.ledger import entries, last_entry
from clickstream_platform.streaming.maintenance.reprocess import replay
from clickstream_platform.streaming.observe.quarantine import rejections
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.faults import fault

pytestmark = pytest.mark.spark


def test_ids_that_are_none_are_booked_and_warned_of(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    lab.land(event("undefined"), event("u", event_id=" "), event("u"), event("null", event_type="scroll"))
    lab.run("events")
    booked = last_entry(lab.lake.events)
    assert booked is not None
    assert (booked.rows_out, booked.records.placeholder_ids) == (3, 2)  # the rejected one has a reason of its own
    assert "events: 2 records have an id that is none" in caplog.text
    lab.assert_exact("events")


def test_a_duplicate_that_says_something_else_is_kept_in_quarantine(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    first, page = event("a", event_id="X1", page_url="/a"), event("a", event_id="X1", page_url="/b")
    other = event("OTHER", event_id="X1", event_type="purchase", page_url="/c")
    lab.land(first, page, first, other, event("a", "10:02:00", event_id="X1", page_url="/a"))
    lab.run("events")
    lab.land(other, first)  # the original is in the table by now
    lab.run("events")
    booked = [
        (e.rows_out, e.records.quarantined, e.copies.duplicates, e.copies.reused_ids, e.records.reasons)
        for e in entries(lab.lake.events)
    ]
    reason = "conflicting_duplicate"
    assert booked == [(0, 1, 1, 0, {reason: 1}), (2, 2, 1, 2, {reason: 2})]
    rows = lab.table("quarantine").orderBy("arrived_at", "partition", "offset").collect()
    assert [json.loads(row.value) for row in rows] == [page, other, other]
    assert [(row.offset, row.reasons, row.size) for row in rows] == [
        (1, [reason], len(json.dumps(page))),
        (3, [reason], len(json.dumps(other))),
        (0, [reason], len(json.dumps(other))),
    ]
    assert {row.record_id for row in rows} == {record_id(row.source, row.partition, row.offset) for row in rows}
    assert "events: 2 records have the event_id and timestamp of an event that says something else" in caplog.text
    lab.assert_exact("events")
    assert source_account(lab.contracts["events"], lab.lake).errors == ()


def test_a_batch_killed_between_quarantine_and_events_keeps_each_duplicate_once(lab: Lab) -> None:
    lab.land(event("a", event_id="X"), event("b", event_id="X"), "{")
    with fault(1, "before"), pytest.raises(StreamingQueryException):
        lab.run("events")
    assert (lab.table("events").count(), lab.table("quarantine").count()) == (0, 2)
    with pytest.raises(SourceError, match="run `clickstream run events` first"):
        replay(lab.contracts["events"], lab.spark, lab.lake)
    lab.run("events")
    assert [row.user_id for row in lab.table("events").collect()] == ["a"]
    assert lab.table("quarantine").count() == 2
    lab.assert_exact("events")
    assert source_account(lab.contracts["events"], lab.lake).errors == ()


def test_ids_that_are_none_are_rejected_where_that_is_set(lab: Lab) -> None:
    strict = replace(lab, settings=lab.settings.model_copy(update={"placeholder_ids": "reject"}))
    strict.land(event("[object Object]"), event("u"))
    strict.run("events")
    booked = last_entry(lab.lake.events)
    assert booked is not None
    assert (booked.records.reasons, booked.records.placeholder_ids) == ({"placeholder_id": 1}, 0)


def test_a_time_that_is_none_says_why_in_quarantine(lab: Lab) -> None:
    texts = ("2024-02-30", "2016-12-31T23:59:60Z")
    lab.land(*(event(timestamp=text) for text in texts), event(timestamp=1_709_287_200), event(timestamp=0))
    lab.run("events")
    times = lab.table("events").selectExpr("string(timestamp) AS time").collect()
    assert [row.time for row in times] == ["2024-03-01 10:00:00"]
    found = {each.reason: {sample.why for sample in each.samples} for each in rejections(lab.lake.table("quarantine"))}
    assert found == {
        "bad_timestamp": {
            "2024-02-30: a date or a time of day that does not exist, or beyond the years 1 to 9999",
            "2016-12-31T23:59:60Z: a leap second, which no clock that counts from 1970 has",
        },
        "ambiguous_timestamp": {
            "0: a number that may be a date, a year or a counter: CLICKSTREAM_TIMESTAMP_UNIT names the unit of numbers"
        },
    }
