"""What maintenance deletes, nobody needs; what it keeps, somebody does."""

from __future__ import annotations

import os
import shutil
import time
from datetime import timedelta
from pathlib import Path

import pytest

from clickstream_platform.streaming.audit.validate import validate
from clickstream_platform.streaming.lake import upkeep
from clickstream_platform.streaming.lake.ledger import VersionedLine, entries, is_ledger_complete, versioned_lines
from clickstream_platform.streaming.maintenance import housekeeping as maintenance
from clickstream_platform.streaming.maintenance.housekeeping import MaintenanceReport, maintain
from clickstream_platform_tests.conftest import KINDS, Lab, event
from clickstream_platform_tests.local import local

pytestmark = pytest.mark.spark


@pytest.fixture
def kept_for_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a month had passed: files and log that no reader needs may go."""
    monkeypatch.setattr(maintenance, "FILES_KEPT", timedelta(0))
    monkeypatch.setattr(maintenance, "LOG_KEPT", timedelta(0))
    # The tables are not told: what is to go has the age that Delta goes by, what a run has just written has not.
    monkeypatch.setattr(upkeep, "_LOG_KEPT_BY_DEFAULT", "interval 0 hours")


def maintained(lab: Lab) -> dict[str, MaintenanceReport]:
    _age(lab)
    return {done.table: done for done in maintain(list(lab.contracts.values()), lab.lake)}


def _age(lab: Lab) -> None:
    """Delta tells a commit's age by its file's."""
    then = time.time() - 31 * 86_400
    for file in lab.lake.root.glob("*/_delta_log/*.json"):
        os.utime(local(file), (then, then))


def ledger(lab: Lab, name: str) -> list[VersionedLine]:
    return list(versioned_lines(lab.lake.table(name)))


def test_the_ledger_outlives_the_log_and_still_balances(lab: Lab, kept_for_no_time: None) -> None:
    for i in range(12):  # Delta writes a checkpoint every ten commits, and cleans only what is before it
        lab.land(event(at=f"10:{i:02}:00"), "{")
        lab.run("events")
    lab.only(*KINDS).run()
    before = {name: ledger(lab, name) for name in [*lab.contracts, "quarantine"]}
    done = maintained(lab)
    assert done["events"].rolled_up == 12
    assert done["events"].cleaned > 0
    assert {name: ledger(lab, name) for name in before} == before
    assert all(is_ledger_complete(lab.lake.table(name)) for name in before)
    lab.land(event(at="11:00:00"))
    lab.run()
    assert [e.batch_id for e in entries(lab.lake.events)] == list(range(12, -1, -1))
    assert maintained(lab)["events"].rolled_up == 1
    checks = {each.name: each.passed for each in validate(lab.contracts["events"], lab.spark, lab.lake)}
    assert checks["conservation"]
    lab.assert_exact()


def test_small_files_are_joined_and_no_stream_reads_them_again(lab: Lab) -> None:
    lab.only(*KINDS)
    for i in range(3):
        lab.land(event(at=f"10:{i:02}:00"))
        lab.run()
    assert maintained(lab)["events"].joined >= 3
    assert all(report.rows_in == 0 for report in lab.run().values())
    lab.land(event(at="10:01:30"))
    lab.run()
    lab.assert_exact()


def test_a_table_that_is_behind_keeps_the_files_it_has_still_to_read(lab: Lab, kept_for_no_time: None) -> None:
    lab.only("events", "user_activity", "sessions", "purchases").land(event(at="10:00:00"))
    lab.run()
    lab.land(event(at="10:01:00"), event(at="08:00:00"))
    lab.run("events")
    lab.land(event(at="10:02:00"))
    lab.run("events", "user_activity", "purchases")
    assert maintained(lab)["events"].held_back_by == "sessions"
    report = lab.run("sessions")["sessions"]
    assert (report.generation, report.rows_in) == (1, 3)
    lab.assert_exact()
    assert maintained(lab)["events"].held_back_by is None


@pytest.mark.parametrize("lost", ["files", "log"])
def test_a_table_down_for_longer_than_files_and_log_are_kept_begins_anew(
    lab: Lab, lost: str, caplog: pytest.LogCaptureFixture
) -> None:
    lab.only("events", "sessions").land(event(at="10:00:00"))
    lab.run()
    lab.land(event(at="10:01:00"))
    lab.run("events")
    unread = lab.lake.events.version()
    maintain(list(lab.contracts.values()), lab.lake)  # joins both files, so the unread one is no longer the table's
    if lost == "files":
        (file,) = lab.lake.events.log.added_files(unread or 0, unread or 0)
        (lab.lake.events.path / file.path).unlink()
    else:
        lab.lake.events.open().create_checkpoint()  # type: ignore[union-attr]
        (lab.lake.events.path / "_delta_log" / f"{unread:020d}.json").unlink()
    report = lab.run("sessions")["sessions"]
    assert report.generation == 2
    assert "sessions: it was down for too long" in caplog.text
    lab.assert_exact("sessions")


def test_checkpoints_that_no_longer_serve_are_deleted(lab: Lab) -> None:
    lab.land(event())
    lab.run("events", "sessions")
    folder = lab.lake.checkpoints("sessions")
    shutil.copytree(local(folder / "1"), local(folder / "7"))  # a rebuild that was killed before its first commit
    assert maintained(lab)["sessions"].generations == 1
    assert sorted(path.name for path in folder.iterdir()) == ["1", "lease"]
    assert Path(local(folder / "1" / "commits")).is_dir()
