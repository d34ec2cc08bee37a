"""What changes in the life of a lake: the wire, a threshold, a version, a delay, a conf that a checkpoint froze."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from clickstream_platform.errors import CheckpointError
from clickstream_platform.streaming.contract.watermark import Watermark
from clickstream_platform.streaming.lake.generations import current_checkpoint
from clickstream_platform.streaming.runtime import fingerprint
from clickstream_platform.streaming.runtime.run import rebuild
from clickstream_platform.tables import tables
from clickstream_platform_tests.conftest import KINDS, Lab, event, without_a_column

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
    for wave in (("10:30:00", "10:01:00"), ("14:00:00",), ("13:59:00", "10:02:00")):
        lab.land(*(event(at=at) for at in wave))
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


def test_events_gains_a_column_in_one_commit_and_every_table_goes_on(lab: Lab) -> None:
    now = lab.only(*KINDS).contracts
    without_a_column(lab, "ip_address").land(event("u", ip_address="10.0.0.1"), event("u", "10:20:00"))
    lab.run()
    for name in KINDS[1:]:  # as an earlier release has left it
        fewer = fingerprint.fingerprint_of(now[name], lab.spark, [c.name for c in lab.contracts["events"].columns])
        fingerprint.write_fingerprint(current_checkpoint(lab.lake, name), fewer)
    lab.land(event("v", "10:21:00"))
    lab.run("events")  # which the others have not read yet when the column comes
    lab.contracts, version = now, lab.lake.events.version() or 0
    lab.land(event("u", "10:01:00", ip_address="10.0.0.2"), event("u", "13:00:00"))
    assert {report.generation for report in lab.run().values()} == {1}
    assert [commit["operation"] for commit in lab.lake.events.log.history(2)] == ["WRITE", "ADD COLUMN"]
    assert lab.lake.events.version() == version + 2
    assert sorted(str(row.ip_address) for row in lab.table("events").collect()) == ["10.0.0.2", *["None"] * 4]
    assert lab.table("events").schema["ip_address"].metadata["comment"].startswith("The visitor's network address")
    lab.assert_exact()


def test_a_column_that_events_loses_or_that_changes_its_type_is_refused(lab: Lab) -> None:
    now = lab.only("events").contracts["events"]
    lab.land(event())
    lab.run()
    without_a_column(lab, "ip_address")
    with pytest.raises(CheckpointError, match=r"columns was .*ip_address.* and is .*set it back"):
        lab.run()
    other = [replace(column, type="int") if column.name == "ip_address" else column for column in now.columns]
    for columns in (tuple(other), (*now.columns[1:], now.columns[0])):
        lab.contracts["events"] = replace(now, columns=columns)
        with pytest.raises(CheckpointError, match="columns was"):
            lab.run()


def test_a_derived_table_with_a_new_column_asks_for_a_rebuild(lab: Lab) -> None:
    sessions = lab.only("events", "sessions").contracts["sessions"]
    without_a_column(lab, "purchases", of="sessions").land(event())
    lab.contracts["sessions"] = replace(
        lab.contracts["sessions"], query=lambda events: sessions.query(events).drop("purchases")
    )
    lab.run()
    lab.contracts["sessions"] = sessions
    with pytest.raises(CheckpointError, match=r"columns was .*rebuild sessions"):
        lab.run("sessions")
