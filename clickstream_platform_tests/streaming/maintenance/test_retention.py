"""Old events leave, with the rows made of them; every table still equals its query over those that stay."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from clickstream_platform.streaming.audit.validate import validate
from clickstream_platform.streaming.maintenance import retention
from clickstream_platform.streaming.maintenance.retention import expire, expiry_date
from clickstream_platform_tests.conftest import KINDS, Lab, event, killed

pytestmark = pytest.mark.spark

TWO_DAYS = timedelta(days=2)
CUT = date(2024, 3, 2)  # two days before the newest event's


def days(lab: Lab) -> Lab:
    """Four days; a session goes on over the midnight at which they are cut."""
    lab.land(*(event("a", f"2024-03-0{d}T12:00:00Z", event_type="purchase", page_url="/b") for d in (1, 2, 4)))
    views = ("2024-03-01T23:50:00Z", "2024-03-02T00:10:00Z", "2024-03-02T00:20:00Z")
    lab.land(*(event("b", view, event_type="page_view", product_id="p") for view in views))
    return lab


def test_what_straddles_the_date_is_computed_anew(lab: Lab) -> None:
    days(lab.only(*KINDS)).run()
    assert expiry_date(lab.lake, TWO_DAYS) == CUT
    assert expire(CUT, list(lab.contracts.values()), lab.spark, lab.lake) == 2
    visit = lab.table("sessions").where("user_id = 'b'").collect()
    assert [(row.session_start.isoformat(), row.events_in_session) for row in visit] == [("2024-03-02T00:10:00", 2)]
    assert lab.table("purchases").count() == 2
    lab.assert_exact()
    assert not [r for r in validate(lab.contracts["events"], lab.spark, lab.lake) if r.blocking and not r.passed]
    assert expiry_date(lab.lake, TWO_DAYS) is None
    lab.land(
        event("b", "2024-03-02T00:05:00Z"), event("c", "2024-03-01T10:00:00Z")
    )  # late, one of them too late to stay
    lab.run()
    lab.assert_exact()


def test_killed_before_events_were_deleted_a_second_attempt_completes_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    days(lab.only(*KINDS)).run()
    with monkeypatch.context() as patched:
        patched.setattr(retention, "_expire_side_output", killed)
        with pytest.raises(KeyboardInterrupt):
            expire(CUT, list(lab.contracts.values()), lab.spark, lab.lake)
    lab.land(event("b", "2024-03-01T23:40:00Z"))
    lab.run()
    assert expire(CUT, list(lab.contracts.values()), lab.spark, lab.lake) == 3
    lab.assert_exact()


def test_without_a_retention_nothing_is_due(lab: Lab) -> None:
    days(lab).run("events")
    assert expiry_date(lab.lake, None) is None
    assert expiry_date(lab.lake, timedelta(days=400)) is None
