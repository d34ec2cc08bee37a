"""A run that would find nothing is known to find nothing, without a JVM; whatever it would have to do is not missed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake.generations import current_checkpoint
from clickstream_platform.streaming.maintenance.reprocess import replay
from clickstream_platform.streaming.runtime import fingerprint
from clickstream_platform.streaming.runtime.idle import has_nothing_to_do
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.conftest import KINDS, Lab, event
from clickstream_platform_tests.homes import Home, delta, entry
from clickstream_platform_tests.local import local


@pytest.fixture
def done(lab: Lab) -> Lab:
    lab.land(event("a"), event("b", "12:00:00"))
    lab.only(*KINDS).run()
    return lab


def is_idle(lab: Lab) -> bool:
    return has_nothing_to_do(lab.contracts.values(), lab.lake)


def test_before_a_first_run_there_is_something_to_do(lab: Lab) -> None:
    assert not is_idle(lab)


def test_after_a_run_there_is_nothing_to_do_until_something_comes_or_changes(done: Lab) -> None:
    assert is_idle(done)
    done.land(event("c"))
    assert not is_idle(done)
    done.run("events")
    assert not is_idle(done)  # the other tables have not read it
    done.run()
    assert is_idle(done)
    done.contracts["sessions"] = replace(done.contracts["sessions"], parameters={"max_sequence_length": 2})
    assert not is_idle(done)


@pytest.mark.parametrize("is_replayed", [False, True])
def test_events_that_gave_way_are_something_to_do_though_none_has_come(lab: Lab, *, is_replayed: bool) -> None:
    """The rule is another one by then: what comes is left out itself, and decides of what is there."""

    def under(rule: str, *kinds: str) -> Lab:
        return lab.reading("", duplicates=rule, event_types=("purchase", *kinds)).only("events", "purchases")

    def sent(at: str, kind: str = "purchase") -> dict[str, Any]:
        return event("u", at, event_id="e", event_type=kind)

    lab.land(sent("10:00:00"), sent("11:00:00"), sent("12:00:00", "like"))
    under("event_id,timestamp").run()
    by_id = under("event_id", "like")
    if is_replayed:
        assert replay(by_id.contracts["events"], by_id.spark, by_id.lake).duplicates == 1
    else:
        by_id.land(sent("12:00:00"), name="later.json")
        by_id.run("events")
    assert by_id.table("events").count() == 1
    assert not has_nothing_to_do([by_id.contracts["purchases"]], by_id.lake)
    by_id.run("purchases")
    assert by_id.table("purchases").count() == 1
    assert has_nothing_to_do([by_id.contracts["purchases"]], by_id.lake)
    by_id.assert_exact()


@pytest.mark.parametrize("table", ["events", "sessions"])
def test_a_batch_without_its_mark_is_something_to_do(done: Lab, table: str) -> None:
    checkpoint = current_checkpoint(done.lake, table)
    Path(local(checkpoint.path / "commits" / str(checkpoint.committed()))).unlink()
    assert not is_idle(done)


def test_a_run_that_finds_nothing_starts_no_jvm(done: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in done.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("clickstream_platform.jvm.session.build_session", None)
    result = clickstream("run", *KINDS)
    assert (result.exit_code, result.stdout) == (0, "nothing new: every table has read all there is\n")


def test_a_table_whose_unread_log_is_gone_has_something_to_do(tmp_path: Path) -> None:
    home = Home(Settings(home=tmp_path))
    for _ in range(3):
        home.commit("events", rows=3)
    home.commit("sessions", rows=1, of=entry("sessions"))
    home.plan("sessions", 0, delta(2))
    sessions = home.contracts["sessions"]
    fingerprint.note_plan_checked(current_checkpoint(home.lake, "sessions"), sessions)
    DeltaTable(local(home.lake.events.path)).create_checkpoint()
    assert not has_nothing_to_do([sessions], home.lake)
    (home.lake.events.path / "_delta_log" / f"{2:020d}.json").unlink()
    assert not has_nothing_to_do([sessions], home.lake)
