"""What a materialization says, of a lake that was written without Spark."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from clickstream_platform.defs.assets import describe_lags as in_words
from clickstream_platform.defs.assets import lags_to_read
from clickstream_platform.defs.metadata import materializations, stretch_materialization
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake.ledger import REBUILD, Amendment
from clickstream_platform.streaming.lake.tables import TimeSpan
from clickstream_platform.streaming.maintenance.stretch import StretchReport
from clickstream_platform_tests.defs.reports import REPORT
from clickstream_platform_tests.homes import Home, delta, entry
from clickstream_platform_tests.lakes import at, write
from clickstream_platform_tests.local import local


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(Settings.model_validate({"home": tmp_path}))


def said(home: Home, table: str) -> dict[str, Any]:
    return materializations(home.contracts[table], replace(REPORT, table=table), home.lake)[0].metadata


def test_user_patterns_says_how_many_events_its_generation_left_out_and_what_a_rebuild_would_do(home: Home) -> None:
    assert (said(home, "user_patterns")["left_out"], said(home, "user_patterns")["a rebuild"]) == (
        0,
        "would find the same rows",
    )
    write(home, "user_patterns", [{}], of=entry("user_patterns", generation=2))
    late = {"timestamp": [at("10:00:00")] * 3, "generation": [1, 2, 2]}
    write_deltalake(str(home.lake.table("late_events").path), pa.table(late))
    found = said(home, "user_patterns")
    assert found["left_out"] == 2
    assert found["a rebuild"] == "would take in 2 events that came too late, and may so find more rows"


def test_what_an_event_id_alone_leaves_out_is_an_asset_that_says_what_became_of_it(tmp_path: Path) -> None:
    home = Home(Settings.model_validate({"home": tmp_path, "duplicates": "event_id"}))
    report = replace(REPORT, batches=(entry(set_aside=2, replaced=1), entry(restored=1)))
    _, _, copies = materializations(home.contracts["events"], report, home.lake)
    assert (copies.key, copies.metadata["dagster/row_count"]) == (dg.AssetKey("copies"), 0)
    write(home, "copies", [{"timestamp": at("10:00:00"), "user_id": "visitor", "value": b"visitor"}], of=entry())
    _, _, copies = materializations(home.contracts["events"], report, home.lake)
    names = ("dagster/row_count", "set_aside", "replaced", "restored")
    assert [copies.metadata[name] for name in names] == [1, 2, 1, 1]
    assert "visitor" not in str(copies.metadata["preview"].value)
    assert copies.data_version == "0"


def test_no_other_table_leaves_anything_out(home: Home) -> None:
    assert [name for name in home.contracts if "left_out" in said(home, name)] == ["user_patterns"]


def test_what_is_to_be_read_is_said_before_a_run(home: Home) -> None:
    home.land("1.json", "2.json")
    assert in_words(lags_to_read(home.contracts["events"], home.lake)) == "events: 2 files to read"


def test_what_is_to_be_read_of_several_sources_is_said_of_each(home: Home) -> None:
    home.land("1.json")
    source = json.dumps({"main": str(home.landing), "history": str(home.landing.parent / "nowhere")})
    of_both = Home(home.settings.model_copy(update={"source": source}))
    main, history = in_words(lags_to_read(of_both.contracts["events"], of_both.lake)).split("; ", 1)
    assert main == "events: 1 file to read"
    assert "events from history" in history
    assert "the folder of the source 'history' is not there" in history


def test_a_log_that_is_gone_is_left_to_the_run_which_may_begin_a_new_generation(home: Home) -> None:
    for _ in range(3):
        home.commit("events", rows=3)
    DeltaTable(local(home.lake.events.path)).create_checkpoint()
    home.plan("sessions", 0, delta(2))
    (home.lake.events.path / "_delta_log" / f"{2:020d}.json").unlink()
    assert "the log of version 2 is gone" in in_words(lags_to_read(home.contracts["sessions"], home.lake))


def test_a_stretch_that_was_made_anew_says_from_when_to_when_and_is_another_version_of_the_table(home: Home) -> None:
    write(home, "purchases", [{"user_id": "a", "timestamp": at("10:00:00")}], of=entry("purchases"))
    amendment = Amendment("purchases", REBUILD, "run", added=1, removed=0)
    write(home, "purchases", [{"user_id": "b", "timestamp": at("11:00:00")}], of=amendment)
    stretch = TimeSpan(*(int(at(clock).timestamp()) * 1_000_000 for clock in ("10:30:00", "12:00:00")))
    made = stretch_materialization(home.contracts["purchases"], StretchReport("purchases", stretch, 1, 1, 0), home.lake)
    assert made.metadata["rebuilt_from"].value == at("10:30:00").timestamp()
    assert made.metadata["rebuilt_to"].value == at("12:00:00").timestamp()
    assert (made.metadata["dagster/row_count"], made.data_version) == (2, "1")
