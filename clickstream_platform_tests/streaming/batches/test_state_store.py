"""A state store that outgrows what it may hold: a warning, then an error, and nothing lost."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from clickstream_platform.errors import StateError
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.state import is_near_limit
from clickstream_platform.streaming.lake import generations
from clickstream_platform_tests.conftest import Lab, event

STATEFUL = ("user_activity", "clickstream_aggregated")


def test_a_state_store_is_near_its_limit_from_eighty_per_cent_on() -> None:
    assert [is_near_limit("t", rows, 10) for rows in (0, 7, 8, 10)] == [False, False, True, True]


def test_a_state_store_beyond_its_limit_is_told_with_the_setting() -> None:
    with pytest.raises(StateError) as error:
        is_near_limit("sessions", 12_345, 10_000)
    assert str(error.value) == (
        "sessions: its state store holds 12,345 rows, 10,000 are allowed; give Spark more memory and raise "
        "CLICKSTREAM_MAX_STATE_ROWS, or look for what opens so many windows: `clickstream status sessions`"
    )


def limited(lab: Lab, rows: int) -> Lab:
    lab.contracts["user_activity"] = replace(lab.contracts["user_activity"], max_state_rows=rows)
    return lab


@pytest.mark.spark
def test_a_run_whose_state_outgrows_its_limit_fails_and_keeps_what_it_committed(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    lab.land(*(event(user, "10:00:00") for user in "abcd"))
    lab.run("events")
    with pytest.raises(StateError, match="user_activity: its state store holds 4 rows, 3 are allowed"):
        limited(lab, 3).run("user_activity")
    lab.assert_exact("user_activity")
    with caplog.at_level(logging.WARNING, "clickstream_platform"):
        lab.land(event("e", "10:01:00"))
        lab.run("events")
        limited(lab, 6).run("user_activity")
    assert caplog.messages == ["user_activity: its state store holds 5 of 6 rows allowed"]
    lab.assert_exact("user_activity")


@pytest.mark.spark
def test_what_the_watermark_has_passed_does_not_count(lab: Lab) -> None:
    lab.land(*(event("a", f"{hour:02}:00:00") for hour in range(8, 20)))
    lab.run("events")
    limited(lab, 2).run("user_activity")
    lab.assert_exact("user_activity")


@pytest.mark.spark
def test_a_run_finds_the_state_whole_and_old_state_goes(lab: Lab) -> None:
    """Else it would replay what every batch since the first one changed, and keep all of it for ever."""
    snapshots = set[int]()
    lab.spark.conf.set(retained := "spark.sql.streaming.minBatchesToRetain", 2)
    try:
        for hour in range(8, 18):
            lab.land(event("a", f"{hour:02}:00:00"))
            lab.run("events", "user_activity")
            snapshots = _snapshots(checkpoint := generations.current_checkpoint(lab.lake, "user_activity"))
            assert max(snapshots) == checkpoint.committed() + 1
        assert 1 not in snapshots
    finally:
        lab.spark.conf.unset(retained)


def _snapshots(checkpoint: Checkpoint) -> set[int]:
    """The versions of the state, one a batch from 1 on, of which a partition has a snapshot."""
    return {int(file.stem) for file in checkpoint.path.glob("state/0/0/*.zip")}


def test_a_first_batch_also_has_what_its_state_store_drops_as_late(lab: Lab) -> None:
    lab.land(event(at="1969-12-31T23:58:00Z"), event(at="10:00:00"))
    reports = lab.run("events", *STATEFUL)
    assert [reports[name].dropped_by_watermark for name in STATEFUL] == [1, 2]  # windows that end by 1970
    lab.assert_exact(*STATEFUL)
