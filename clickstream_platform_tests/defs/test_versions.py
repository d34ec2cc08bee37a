"""Whether Dagster shows an asset as in sync, after runs that it did not start itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from clickstream_platform.definitions import definitions
from clickstream_platform.defs.reporting import report_run
from clickstream_platform.streaming.contract.side_tables import LATE_EVENTS, QUARANTINE
from clickstream_platform_tests.defs.test_reporting import ENTRY, REPORT
from clickstream_platform_tests.lakes import at, write
from clickstream_platform_tests.streaming.observe.test_status import Home

EVENTS = dg.AssetKey("events")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    yield Home(tmp_path)


def batch(home: Home, table: str, batch_id: int, events_version: int = -1, rows: int = 1) -> None:
    """A batch of a table that is booked as the engine does."""
    entry = replace(ENTRY, table=table, batch_id=batch_id, events_version=events_version, rows_out=rows)
    write(home, table, [{"user_id": "u", "timestamp": at("10:00:00")} for _ in range(rows)], of=entry)


def told(home: Home, *names: str) -> None:
    """What the command line tells after a run of tables."""
    for name in names:
        report_run(home.contracts[name], replace(REPORT, table=name), home.lake)


def status(home: Home, name: str) -> str:
    """What the web interface shows on the asset's page."""
    graph = definitions(home.settings).resolve_asset_graph()
    with dg.DagsterInstance.get() as instance:
        return (
            CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
            .get_status(dg.AssetKey(name))
            .value
        )


def test_every_asset_is_in_sync_after_a_run_of_the_command_line(home: Home) -> None:
    batch(home, "events", 0)
    derived = [name for name in home.contracts if name != "events"]
    for name in derived:
        batch(home, name, 0, events_version=1)
    told(home, "events", *derived)
    shown = {name: status(home, name) for name in ("events", QUARANTINE, *derived, LATE_EVENTS)}
    assert set(shown.values()) == {"FRESH"}, shown
