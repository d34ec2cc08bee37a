"""What changes in the life of a lake: the wire, a threshold, a version, a delay, a conf that a checkpoint froze."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from clickstream_platform.errors import CheckpointError
from clickstream_platform.streaming.contract.watermark import Watermark
from clickstream_platform.streaming.runtime.run import rebuild
from clickstream_platform.tables import tables
from clickstream_platform_tests.conftest import KINDS, Lab, event

pytestmark = pytest.mark.spark


def test_a_wire_with_a_field_more_a_field_less_and_another_type_goes_on(lab: Lab) -> None:
    lab.only("events", "sessions").land(event("u", device_type="mobile"))
    lab.run()
    more = event("u", "10:01:00", campaign="spring")
    fewer = {name: value for name, value in event("u", "10:02:00").items() if name != "session_id"}
    other = event("u", "10:03:00", session_id=7, page_url={"path": "/a"})
    lab.land(more, fewer, other)
    lab.run()
    rows = {str(r.timestamp)[14:16]: r for r in lab.table("events").collect()}
    assert rows["01"].extra == '{"campaign":"spring"}'
    assert rows["02"].session_id is None
    assert (rows["03"].session_id, rows["03"].page_url) == ("7", '{"path":"/a"}')
    assert lab.table("quarantine").count() == 0
    lab.assert_exact()


def test_after_another_threshold_alerts_appear_and_go(lab: Lab) -> None:
    lab.land(*(event("many", f"10:00:{i:02}", event_type="purchase") for i in range(8)))
    lab.land(*(event("few", f"10:00:{i:02}", event_type="purchase") for i in range(4)))
    lab.run("events", "alerts")
    assert [row.user_id for row in lab.table("alerts").collect()] == ["many"]
    for threshold, users in ((3, ["few", "many"]), (9, [])):
        lab.contracts = tables(lab.settings.model_copy(update={"alert_purchase_count": threshold}))
        with pytest.raises(CheckpointError, match=r"many_purchases.*rebuild alerts"):
            lab.run("alerts")
        rebuild(lab.contracts["alerts"], lab.spark, lab.lake)
        assert sorted(row.user_id for row in lab.table("alerts").collect()) == users
        lab.assert_exact("alerts")


def test_a_raised_version_asks_for_a_rebuild_and_goes_on_after_it(lab: Lab) -> None:
    lab.land(event())
    lab.run("events", "sessions")
    lab.contracts["sessions"] = replace(lab.contracts["sessions"], version=2)
    with pytest.raises(CheckpointError, match="version was 1 and is 2"):
        lab.run("sessions")
    assert rebuild(lab.contracts["sessions"], lab.spark, lab.lake).generation == 2
    lab.land(event(at="10:10:00"))
    lab.run("events", "sessions")
    lab.assert_exact("sessions")


@pytest.mark.parametrize("delay", [timedelta(0), timedelta(hours=5)])
def test_another_delay_needs_nothing(lab: Lab, delay: timedelta) -> None:
    lab.only(*KINDS).land(event(at="10:00:00"), event(at="12:00:00"))
    lab.run()
    lab.contracts = {name: replace(t, watermark=Watermark("timestamp", delay)) for name, t in lab.contracts.items()}
    for at in ("10:30:00", "10:01:00", "14:00:00", "13:59:00", "10:02:00"):
        lab.land(event(at=at))
        assert {report.generation for report in lab.run().values()} == {1}
    lab.assert_exact()


def test_a_number_of_partitions_that_the_first_run_froze_stays_and_harms_nobody(lab: Lab) -> None:
    lab.land(*(event(f"u{i}", f"10:0{i}:00") for i in range(5)))
    lab.run("events", "user_activity")
    before = lab.spark.conf.get("spark.sql.shuffle.partitions")
    lab.spark.conf.set("spark.sql.shuffle.partitions", "5")
    try:
        lab.land(*(event(f"u{i}", f"10:0{i}:30") for i in range(5)), event("u1", "07:00:00"))
        lab.run("events", "user_activity")
    finally:
        lab.spark.conf.set("spark.sql.shuffle.partitions", before or "2")
    lab.assert_exact("events", "user_activity")
    assert len(list((lab.lake.checkpoints("user_activity") / "1" / "state" / "0").glob("[0-9]*"))) == int(before or 2)
