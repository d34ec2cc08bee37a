"""Rejected records that come back: what is good by today's rules becomes events, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from clickstream_platform.errors import SettingsError, SourceError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit.validate import validate
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.maintenance.erasure import forget
from clickstream_platform.streaming.maintenance.replay_report import ReplayReport
from clickstream_platform.streaming.maintenance.reprocess import replay
from clickstream_platform.streaming.observe.quarantine import rejections
from clickstream_platform.tables import tables
from clickstream_platform_tests.conftest import KINDS, Lab, event, killed

SCROLLS = [event("a", f"10:0{i}:00", event_type="scroll", event_id=f"{i}") for i in range(3)]


def replayed(lab: Lab, reason: str | None = None) -> ReplayReport:
    """Replay under rules that accept scrolling."""
    accepting = tables(lab.settings.model_copy(update={"event_types": ("click", "purchase", "scroll")}))
    lab.contracts = {name: accepting[name] for name in lab.contracts}
    return replay(lab.contracts["events"], lab.spark, lab.lake, reason)


def balanced(lab: Lab) -> str | int:
    return next(r.found for r in validate(lab.contracts["events"], lab.spark, lab.lake) if r.name == "conservation")


@pytest.mark.spark
def test_what_is_good_now_reaches_every_table_and_leaves_quarantine(lab: Lab) -> None:
    lab.land(event("a", "10:01:30"), event("b", "14:00:00"), *SCROLLS, "{")
    lab.run()
    assert replayed(lab) == ReplayReport(tried=4, accepted=3, duplicates=0, landed=0)
    lab.run()
    session = lab.table("sessions").where("user_id = 'a'").first()
    assert session is not None
    assert session.events_in_session == 4
    assert [row.reasons for row in lab.table("quarantine").collect()] == [["malformed_json"]]
    lab.assert_exact()
    assert balanced(lab) == "the ledger balances"
    assert replayed(lab).accepted == 0


@pytest.mark.spark
def test_a_record_that_was_sent_again_is_a_duplicate(lab: Lab) -> None:
    lab.land(*SCROLLS, SCROLLS[0])  # twice rejected
    lab.run("events")
    assert replayed(lab) == ReplayReport(tried=4, accepted=3, duplicates=1, landed=0)
    assert (lab.table("events").count(), lab.table("quarantine").count()) == (3, 0)
    lab.assert_exact("events")
    assert balanced(lab) == "the ledger balances"


@pytest.mark.spark
def test_one_that_says_something_else_than_its_event_stays_until_that_is_gone(lab: Lab) -> None:
    lab.only(*KINDS)
    lab.land(event("a", event_id="X"), event("b", event_id="X"), event("b", event_id="X"))
    lab.land(event("a", "10:01:00", event_id="1"), *SCROLLS, event("a", "10:02:00", event_type="scroll", event_id="0"))
    lab.run()
    rejected = ReplayReport(tried=6, accepted=3, duplicates=0, landed=0, conflicting=3)
    assert replayed(lab) == rejected
    assert (rejected.stayed, replayed(lab).conflicting) == (3, 3)
    assert lab.table("quarantine").count() == 3
    lab.run()
    lab.assert_exact()
    assert balanced(lab) == "the ledger balances"
    forget("a", list(lab.contracts.values()), lab.spark, lab.lake)
    assert lab.table("quarantine").count() == 2  # her scroll beside her click is gone, those of b are there
    assert replayed(lab) == ReplayReport(tried=2, accepted=1, duplicates=1, landed=0)
    assert [row.user_id for row in lab.table("events").collect()] == ["b"]
    assert balanced(lab) == "the ledger balances"


@pytest.mark.spark
def test_whoever_is_only_in_a_conflicting_duplicate_can_be_forgotten(lab: Lab) -> None:
    lab.only("events").land(event("a", event_id="X"), event("b", event_id="X"))
    lab.run("events")
    forget("b", list(lab.contracts.values()), lab.spark, lab.lake)
    assert (lab.table("events").count(), lab.table("quarantine").count()) == (1, 0)


@pytest.mark.spark
def test_killed_before_the_records_left_quarantine_nothing_doubles(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.land(*SCROLLS)
    lab.run("events")
    with monkeypatch.context() as patched:
        patched.setattr(writer, "merge", killed)
        with pytest.raises(KeyboardInterrupt):
            replayed(lab)
    assert "still in quarantine" in str(balanced(lab))
    # They leave before anything is tried.
    assert replayed(lab) == ReplayReport(tried=0, accepted=0, duplicates=0, landed=0)
    assert (lab.table("events").count(), lab.table("quarantine").count()) == (3, 0)
    lab.assert_exact("events")
    assert balanced(lab) == "the ledger balances"


@pytest.mark.spark
def test_only_the_named_reason_is_tried(lab: Lab) -> None:
    lab.land(*SCROLLS, "{", "[]")
    lab.run("events")
    assert replayed(lab, "malformed_json") == ReplayReport(tried=1, accepted=0, duplicates=0, landed=0)
    assert {each.reason: each.records for each in rejections(lab.lake.table("quarantine"))} == {
        "unknown_event_type": 3,
        "malformed_json": 1,
        "not_an_object": 1,
    }
    assert rejections(lab.lake.table("quarantine"))[1].samples[0].value == b"{"


def test_bad_arguments_are_refused_without_a_jvm(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    lab = Lab(None, settings)  # type: ignore[arg-type] - it is not reached
    with pytest.raises(SettingsError, match="choose from malformed_json, "):
        replayed(lab, "typo")
    with pytest.raises(SourceError, match="run `clickstream run events` first"):
        replayed(lab)
    assert rejections(lab.lake.table("quarantine")) == []
