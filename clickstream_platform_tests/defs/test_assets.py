"""A run through Dagster: the same tables, with everything said of them that the web interface shows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from deltalake import DeltaTable

from clickstream_platform.definitions import definitions
from clickstream_platform.defs.assets import table_asset
from clickstream_platform.defs.resources import SparkResource
from clickstream_platform.defs.sensors import failures
from clickstream_platform.settings import Settings
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.defs.jobs import execute
from clickstream_platform_tests.on_store import needs_a_folder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


EVERY_RUN_SAYS = {
    "six sentences",
    "preview",
    "dagster/row_count",
    "rows_in",
    "rows_out",
    "rows_late",
    "revisions",
    "batches",
    "start_offsets",
    "end_offsets",
    "generation",
    "run_id",
    "delta_version",
    "duration_s",
}


@dataclass(frozen=True)
class Refreshed:
    """A home that was refreshed through Dagster once, and what Dagster knows of it."""

    lab: Lab
    instance: dg.DagsterInstance
    result: dg.ExecuteInProcessResult

    def copy(self, home: Path) -> Lab:
        """A copy to be broken. It reads the original's landing folder: a checkpoint knows its source."""
        needs_a_folder("it is copied")
        shutil.copytree(self.lab.settings.home, home)
        return Lab(self.lab.spark, Settings.model_validate({"home": home, "source": str(self.lab.landing)}))


@pytest.fixture(scope="module")
def refreshed(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refreshed]:
    lab = Lab(spark, Settings.model_validate({"home": tmp_path_factory.mktemp("refreshed")}))
    lab.land(event("visitor-1", ip_address="203.0.113.7"), event("visitor-1", event_type="purchase"), "{")
    with dg.DagsterInstance.ephemeral() as instance:
        yield Refreshed(lab, instance, execute(lab, instance, "refresh"))


def materialized(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetMaterialization]:
    """What was said of each asset."""
    found = [event.materialization for event in result.get_asset_materialization_events()]
    return {each.asset_key.to_user_string(): each for each in found}


def data_versions(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    return {name: (each.tags or {})["dagster/data_version"] for name, each in materialized(result).items()}


@pytest.mark.spark
def test_refresh_materializes_every_table_and_says_what_it_did(refreshed: Refreshed) -> None:
    assert refreshed.result.success
    made = materialized(refreshed.result)
    assert made.keys() == {*refreshed.lab.contracts, "quarantine", "late_events"}
    for table in refreshed.lab.contracts:
        assert made[table].metadata.keys() >= EVERY_RUN_SAYS
    events = made["events"].metadata
    assert [events[name].value for name in ("dagster/row_count", "rows_in", "quarantined", "duplicates")] == [
        2,
        3,
        1,
        0,
    ]
    assert isinstance(events["watermark"], dg.TimestampMetadataValue)
    sentences = str(events["six sentences"].value)
    assert "**Offsets decide WHAT to process**  \nfrom the beginning up to listing 0" in sentences
    assert sentences.count(" decide") == 6
    refreshed.lab.assert_exact()


@pytest.mark.spark
def test_a_preview_does_not_say_who(refreshed: Refreshed) -> None:
    preview = materialized(refreshed.result)["events"].metadata["preview"]
    assert isinstance(preview, dg.TableMetadataValue)
    rows = [record.data for record in preview.records]
    assert [row["user_id"] for row in rows] == ["v***", "v***"]
    assert {row["ip_address"] for row in rows} == {"2***", None}


@pytest.mark.spark
def test_refresh_checks_every_expectation(refreshed: Refreshed) -> None:
    checks = refreshed.result.get_asset_check_evaluations()
    declared = {(t.name, e.name) for t in refreshed.lab.contracts.values() for e in t.expectations}
    assert {(check.asset_key.to_user_string(), check.check_name) for check in checks} == declared
    assert {check.check_name for check in checks if not check.passed} == {"fresh_events"}  # of 2024: a warning


@pytest.mark.spark
def test_a_run_says_when_its_jvm_starts_and_each_batch(refreshed: Refreshed) -> None:
    logged = refreshed.instance.all_logs(refreshed.result.run_id)
    said = [entry.user_message for entry in logged if not entry.dagster_event]
    assert said[0] == "events: 1 file to read"
    assert said[1].startswith("starting a JVM")
    assert said[2].startswith("the JVM is up after")
    assert said[3].startswith("events: batch 0 is committed: 3 read, 2 rows written")
    assert "events: 8 checks, 5 full, 3 newest" in said


@pytest.mark.spark
@pytest.mark.parametrize("selected", ["events", "quarantine", "user_patterns", "late_events"])
def test_a_table_may_be_selected_without_what_its_batches_write_beside_it(
    refreshed: Refreshed, instance: dg.DagsterInstance, selected: str
) -> None:
    result = execute(refreshed.lab, instance, "refresh", asset_selection=[dg.AssetKey(selected)])
    assert result.success
    together = [{"events", "quarantine"}, {"user_patterns", "late_events"}]
    assert materialized(result).keys() in together
    assert selected in materialized(result)


@pytest.mark.spark
def test_a_run_without_news_materializes_the_same_data_version(refreshed: Refreshed) -> None:
    again = execute(refreshed.lab, refreshed.instance, "refresh")
    assert again.success
    assert data_versions(again) == data_versions(refreshed.result)
    again_made = materialized(again)
    assert all(again_made[table].metadata["batches"].value == 0 for table in refreshed.lab.contracts)


@pytest.mark.spark
def test_a_step_with_nothing_unread_starts_no_jvm_and_says_so(
    refreshed: Refreshed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        pytest.fail("a JVM was started")

    monkeypatch.setattr("clickstream_platform.defs.resources.build_session", refused)
    settings, contracts = refreshed.lab.settings, refreshed.lab.contracts
    result = dg.materialize(
        [table_asset(table, settings) for table in contracts.values()],
        instance=refreshed.instance,
        resources={"spark": SparkResource(settings=settings)},
    )
    made = materialized(result)
    assert made.keys() == {*contracts, "quarantine", "late_events"}
    assert {str(made[name].metadata["idle"].value) for name in contracts} == {"nothing was unread: no JVM was started"}
    assert made["events"].metadata.keys() >= EVERY_RUN_SAYS
    assert data_versions(result) == data_versions(refreshed.result)


@pytest.mark.spark
def test_a_blocking_check_that_fails_stops_what_is_downstream(
    refreshed: Refreshed, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    lab = refreshed.copy(tmp_path / "home")
    DeltaTable(str(lab.lake.events.path)).delete("event_type = 'click'")
    result = execute(lab, instance, "refresh")
    assert not result.success
    assert "conservation" in {check.check_name for check in result.get_asset_check_evaluations() if not check.passed}
    assert materialized(result).keys() == {"events", "quarantine"}
    assert failures(instance, result.run_id) == [
        "events: conservation failed, found: events has 1 row, its ledger 2; see `clickstream verify events`"
    ]


@pytest.mark.spark
def test_one_check_alone_is_evaluated_alone(refreshed: Refreshed, instance: dg.DagsterInstance) -> None:
    (checks,) = [
        each
        for each in definitions(refreshed.lab.settings).asset_checks or ()
        if each.node_def.name == "sessions_checks"
    ]
    chosen = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("sessions"), "not_null"))
    result = dg.materialize(
        [checks],
        instance=instance,
        selection=chosen,
        resources={"spark": SparkResource(settings=refreshed.lab.settings)},
    )
    assert [check.check_name for check in result.get_asset_check_evaluations()] == ["not_null"]
    (said,) = [
        entry.user_message
        for entry in instance.all_logs(result.run_id)
        if not entry.dagster_event and "check" in entry.user_message
    ]
    all_of_them = len(refreshed.lab.contracts["sessions"].expectations)
    assert said == f"sessions: 1 of {all_of_them} checks (not_null), 1 incremental"


@pytest.mark.spark
def test_an_empty_landing_folder_only_warns(lab: Lab, instance: dg.DagsterInstance) -> None:
    result = execute(lab, instance, "refresh", asset_selection=[dg.AssetKey("events"), dg.AssetKey("quarantine")])
    assert result.success
    checks = result.get_asset_check_evaluations()
    assert {(e.passed, e.severity) for e in checks} == {(False, dg.AssetCheckSeverity.WARN)}
    assert materialized(result)["events"].metadata["preview"] == dg.MetadataValue.md("no rows yet")


@pytest.mark.spark
def test_rebuild_makes_a_table_anew_and_shows_it_on_its_page(
    refreshed: Refreshed, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    lab = refreshed.copy(tmp_path / "home")
    ask = {"ops": {"rebuild_table": {"config": {"table": "purchases"}}}}
    assert execute(lab, instance, "rebuild", run_config=ask).success
    shown = instance.get_latest_materialization_event(dg.AssetKey("purchases"))
    assert shown is not None
    assert shown.asset_materialization is not None
    assert shown.asset_materialization.metadata["generation"].value == 2
    read = data_versions(refreshed.result)["events"]
    assert (shown.asset_materialization.tags or {})["dagster/input_data_version/events"] == read
    lab.assert_exact("purchases")


@pytest.mark.spark
def test_a_stretch_is_made_anew_and_shown_on_the_tables_page(
    refreshed: Refreshed, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    lab = refreshed.copy(tmp_path / "home")
    DeltaTable(str(lab.lake.table("purchases").path)).delete()
    config = {"table": "purchases", "from": "2024-03-01", "to": "2024-03-02"}
    assert execute(lab, instance, "rebuild", run_config={"ops": {"rebuild_table": {"config": config}}}).success
    shown = instance.get_latest_materialization_event(dg.AssetKey("purchases"))
    assert shown is not None
    assert shown.asset_materialization is not None
    said = shown.asset_materialization.metadata
    assert [said[name].value for name in ("rows_remade", "rows_changed", "rows_gone")] == [1, 1, 0]
    assert (shown.asset_materialization.tags or {})["dagster/data_version"] == str(said["delta_version"].value)
    lab.assert_exact("purchases")
