"""Where tables stand, from hand-made files: a Delta log, a checkpoint, a landing folder. No JVM."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from clickstream_platform.errors import CheckpointError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.trigger import ProcessingTime
from clickstream_platform.streaming.lake.lease import lease
from clickstream_platform.streaming.observe.status import SourceStatus, TableStatus
from clickstream_platform.streaming.sources.source import Lag
from clickstream_platform_tests.homes import Home, delta, entry
from clickstream_platform_tests.local import local


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(Settings(home=tmp_path / "home"))


def test_before_the_first_run_every_table_is_empty_and_has_nothing_to_read(home: Home) -> None:
    nothing = TableStatus("sessions", 0, None, None, 0, 0, "events", 1, None, "available now")
    assert home.status("sessions") == nothing
    main = SourceStatus("main", f"files {home.landing}", True, 1, 0, None, 0, "files")
    assert home.status("events") == replace(nothing, name="events", lag_unit="files", sources=(main,))


def test_status_says_by_which_trigger_a_living_process_runs_a_table(home: Home) -> None:
    every_second = ProcessingTime(timedelta(seconds=1))
    with lease(home.lake, "sessions", "live", trigger=every_second.name):
        assert home.status("sessions").trigger == "every 1 s"
        left_behind = (home.lake.checkpoints("sessions") / "lease").read_text()
    local(home.lake.checkpoints("sessions") / "lease").write_text(left_behind)  # as kill -9 leaves it
    assert home.status("sessions").trigger == "available now"
    with lease(home.lake, "sessions", "the next run"):
        assert home.status("sessions").trigger == "available now"


def test_status_says_what_log_and_checkpoint_say(home: Home) -> None:
    home.commit("events", rows=3, of=entry(rows_in=3, rows_out=3))
    home.commit("events", rows=4, of=entry(batch_id=1, rows_in=4, rows_out=4))
    home.plan("events", 0, {"logOffset": 0})
    home.plan("events", 1, {"logOffset": 1})
    found = home.status("events")
    assert (found.rows, found.delta_version, found.batches, found.generation) == (7, 2, 2, 1)
    assert found.watermark == "2024-03-01T12:00:00.000Z"
    assert found.last_run is not None
    assert (found.last_run.run_id, found.last_run.at) == ("run-1", "2024-03-01T12:00:00.001Z")


def test_a_generation_that_was_never_committed_does_not_count(home: Home) -> None:
    home.commit("events", rows=3)
    home.commit("sessions", rows=1, of=entry("sessions"))
    home.plan("sessions", 0, delta(2))
    home.plan("sessions", 0, delta(2), generation=2, done=False)  # a rebuild that was killed
    assert home.status("sessions").generation == 1
    assert home.lag("sessions") == Lag(0, "events")


def test_a_file_counts_until_a_batch_that_read_it_is_committed(home: Home) -> None:
    files = home.land("a.json", "2024/b c+d.json", "2024/e%20f.json.gz", "_being_written.json", ".hidden", "_x/g.json")
    assert home.lag() == Lag(3, "files")
    home.list_files(0, [Path(str(file).replace("%", "%25").replace(" ", "%20")) for file in files[:3]])
    home.plan("events", 0, {"logOffset": 0}, done=False)
    assert home.lag() == Lag(3, "files")
    home.plan("events", 0, {"logOffset": 0})
    assert home.lag() == Lag(0, "files")
    home.land("new.json")
    assert home.lag() == Lag(1, "files")


def test_the_one_new_file_among_two_thousand_is_found(home: Home) -> None:
    files = home.land(*(f"{number:05d}.json" for number in range(2_000)))
    home.list_files(9, files[:1_800], name="9.compact")
    home.list_files(10, files[1_800:])
    home.plan("events", 10, {"logOffset": 10})
    home.land("new.json")
    assert home.lag() == Lag(1, "files")


def test_lag_counts_the_events_of_versions_not_yet_read(home: Home) -> None:
    for rows in (10, 20, 30):
        home.commit("events", rows=rows)
    home.plan("sessions", 0, delta(2))
    assert home.lag("sessions") == Lag(50, "events")


def test_before_batch_0_all_events_count_however_many_versions_the_log_still_has(home: Home) -> None:
    home.commit("events", rows=10)
    home.commit("events", rows=20)
    assert home.lag("sessions") == Lag(30, "events")


def test_versions_that_add_no_data_are_stepped_over(home: Home) -> None:
    home.commit("events", rows=10)
    home.plan("sessions", 0, delta(2))
    home.commit("events", rows=10, rewrites=True)  # OPTIMIZE
    home.commit("events", of=entry(batch_id=1))  # a batch of duplicates
    assert home.lag("sessions") == Lag(0, "events")


def test_a_lag_nobody_knows_does_not_hide_the_other_tables(home: Home) -> None:
    for _ in range(3):
        home.commit("events", rows=10)
    DeltaTable(local(home.lake.events.path)).create_checkpoint()
    (home.lake.events.path / "_delta_log" / f"{2:020d}.json").unlink()  # as Delta does after 30 days
    home.plan("sessions", 0, delta(2))
    home.plan("purchases", 0, delta(3))
    with pytest.raises(CheckpointError, match="the log of version 2 is gone"):
        home.lag("sessions")
    assert home.status("sessions").lag is None
    assert "the log of version 2 is gone" in (home.status("sessions").problem or "")
    assert home.status("purchases").lag == 10


def reading(home: Home, source: str) -> Home:
    return Home(home.settings.model_copy(update={"source": source}))


@pytest.mark.usefixtures("impatient")
def test_a_broker_that_is_down_is_said_so(home: Home) -> None:
    found = reading(home, "kafka://127.0.0.1:1/clicks").status("events")
    assert found.lag is None
    assert "127.0.0.1:1 does not answer" in (found.problem or "")
