"""Whether Dagster shows an asset as in sync, after runs that it did not start itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest
from deltalake import CommitProperties, write_deltalake

from clickstream_platform.definitions import definitions
from clickstream_platform.defs.reporting import report_run
from clickstream_platform.defs.versions import data_version, input_versions
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake.ledger import Amendment
from clickstream_platform_tests.defs.reports import REPORT
from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.lakes import at, write


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return Home(Settings.model_validate({"home": tmp_path}))


def commit(home: Home, table: str, batch_id: int, *, read: int = -1, rows: int = 1) -> None:
    """A batch of a table, which has read ``events`` at that version. The first one is version 0."""
    booked = entry(table, batch_id, events_version=read, rows_out=rows)
    write(home, table, [{"timestamp": at("10:00:00")}] * rows, of=booked)


def tell(home: Home, *names: str) -> None:
    """What the command line tells of its run of these tables."""
    for name in names:
        report_run(home.contracts[name], replace(REPORT, table=name), home.lake)


def shown(home: Home, *names: str) -> dict[str, str]:
    """What the web interface says of these assets."""
    graph = definitions(home.settings).resolve_asset_graph()
    with dg.DagsterInstance.get() as instance:
        resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
        return {name: resolver.get_status(dg.AssetKey(name)).value for name in names}


def read(home: Home) -> str:
    """The version of ``events`` that ``purchases`` is told to be made of."""
    return input_versions(home.contracts["purchases"], home.lake)[dg.AssetKey("events")]


def test_every_asset_is_in_sync_after_a_run_of_the_command_line(home: Home) -> None:
    commit(home, "events", 0)
    derived = [name for name in home.contracts if name != "events"]
    for name in derived:
        commit(home, name, 0, read=0)
    tell(home, "events", *derived)
    names = ("events", "quarantine", *derived, "late_events")
    assert shown(home, *names) == dict.fromkeys(names, "FRESH")


def test_every_asset_is_in_sync_after_a_run_that_found_nothing_at_all(home: Home) -> None:
    tell(home, "events", "sessions")
    assert shown(home, "events", "sessions") == {"events": "FRESH", "sessions": "FRESH"}


def test_a_table_that_has_not_read_the_newest_events_is_out_of_sync(home: Home) -> None:
    commit(home, "events", 0)
    commit(home, "purchases", 0, read=0)
    commit(home, "sessions", 0, read=0)
    commit(home, "events", 1)
    commit(home, "sessions", 1, read=1)
    tell(home, "events", "purchases", "sessions")
    assert shown(home, "purchases", "sessions") == {"purchases": "STALE", "sessions": "FRESH"}


def test_the_event_that_told_of_the_events_read_is_pointed_to(home: Home) -> None:
    commit(home, "events", 0)
    commit(home, "purchases", 0, read=0)
    tell(home, "events", "purchases")
    with dg.DagsterInstance.get() as instance:
        told, made = (instance.get_latest_data_version_record(dg.AssetKey(n)) for n in ("events", "purchases"))
    assert told is not None
    assert made is not None
    assert made.event_log_entry.tags is not None
    assert made.event_log_entry.tags["dagster/input_event_pointer/events"] == str(told.storage_id)


def test_commits_that_bring_no_rows_count_as_read(home: Home) -> None:
    commit(home, "events", 0)
    commit(home, "purchases", 0, read=0)
    commit(home, "events", 1, rows=0)
    assert read(home) == data_version(home.lake, "events") == "0"
    amend(home, removed=1)
    assert read(home) == data_version(home.lake, "events") == "2"


def test_an_erasure_after_events_that_were_not_read_is_not_read_either(home: Home) -> None:
    commit(home, "events", 0)
    commit(home, "purchases", 0, read=0)
    commit(home, "events", 1)
    amend(home, removed=1)
    assert (read(home), data_version(home.lake, "events")) == ("0", "2")


def test_events_that_a_replay_added_are_not_read_before_the_next_batch(home: Home) -> None:
    commit(home, "events", 0)
    commit(home, "purchases", 0, read=0)
    amend(home, added=1)
    assert (read(home), data_version(home.lake, "events")) == ("0", "1")
    commit(home, "purchases", 1, read=1, rows=0)
    assert read(home) == "1"


def amend(home: Home, added: int = 0, removed: int = 0) -> None:
    """A commit outside of any batch."""
    carried = CommitProperties(
        custom_metadata={"userMetadata": Amendment("events", "any", "run", added, removed).to_json()}
    )
    held = home.lake.events.open()
    assert held is not None
    write_deltalake(held, held.to_pyarrow_table().slice(0, 0), mode="append", commit_properties=carried)
