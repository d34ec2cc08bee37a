"""What arrives at the border of ``events`` is booked, and says what is wrong with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clickstream_platform.streaming.lake.ledger import last_entry
from clickstream_platform.streaming.observe.quarantine import rejections
from clickstream_platform_tests.conftest import Lab, event

pytestmark = pytest.mark.spark


def test_ids_that_are_none_are_booked_and_warned_of(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    lab.land(event("undefined"), event("u", event_id=" "), event("u"), event("null", event_type="scroll"))
    lab.run("events")
    booked = last_entry(lab.lake.events)
    assert booked is not None
    assert (booked.rows_out, booked.placeholder_ids) == (3, 2)  # the rejected one has a reason of its own
    assert "events: 2 records have an id that is none" in caplog.text
    lab.assert_exact("events")


def test_ids_that_are_none_are_rejected_where_that_is_set(lab: Lab) -> None:
    strict = replace(lab, settings=lab.settings.model_copy(update={"placeholder_ids": "reject"}))
    strict.land(event("[object Object]"), event("u"))
    strict.run("events")
    booked = last_entry(lab.lake.events)
    assert booked is not None
    assert (booked.reasons, booked.placeholder_ids) == ({"placeholder_id": 1}, 0)


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
