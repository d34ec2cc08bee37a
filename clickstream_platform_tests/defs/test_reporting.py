"""Runs of the command line on Dagster's asset pages."""

from __future__ import annotations

import logging
from pathlib import Path

import dagster as dg
import pytest

from clickstream_platform.defs.reporting import report_run
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.tables import tables
from clickstream_platform_tests.defs.reports import REPORT


def report(home: Path, table: str = "events") -> None:
    settings = Settings.model_validate({"home": home})
    report_run(tables(settings)[table], REPORT, Lake(settings.lake_folder))


def test_a_run_is_reported_with_what_its_asset_would_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    report(tmp_path)
    with dg.DagsterInstance.get() as instance:
        events = instance.get_latest_materialization_event(dg.AssetKey("events"))
        quarantine = instance.get_latest_materialization_event(dg.AssetKey("quarantine"))
    assert events is not None
    assert events.asset_materialization is not None
    said = events.asset_materialization
    assert (said.metadata["run_id"].value, said.metadata["dagster/row_count"].value) == ("by hand", 3)
    assert said.tags == {
        "dagster/code_version": "1",
        "dagster/data_version": "empty",
        "dagster/data_version_is_user_provided": "true",
        "dagster/input_data_version/landing": "INITIAL",
        "dagster/input_event_pointer/landing": "NULL",
    }
    assert quarantine is not None
    assert quarantine.asset_materialization is not None
    reasons = str(quarantine.asset_materialization.metadata["reasons"].value)
    assert "| malformed_json | 2 |" in reasons


def test_without_dagster_home_nothing_is_reported_and_nothing_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    report(tmp_path)
    assert caplog.records == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("home", ["relative/path", "{tmp}/nowhere", "{tmp}/broken"])
def test_an_instance_that_cannot_be_used_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, home: str
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "dagster.yaml").write_text("no_such_section: {}\n")
    monkeypatch.setenv("DAGSTER_HOME", home.format(tmp=tmp_path))
    with caplog.at_level(logging.WARNING):
        report(tmp_path)
    assert [record.name for record in caplog.records] == ["clickstream_platform.defs.reporting"]
    assert caplog.messages[0].startswith("events: the run was not reported to Dagster: ")
