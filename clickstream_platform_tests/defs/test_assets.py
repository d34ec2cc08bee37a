"""A run through Dagster: the same tables, with everything said of them that the web interface shows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from deltalake import DeltaTable

from clickstream_platform.definitions import definitions
from clickstream_platform.defs.assets import lags_to_read, table_asset
from clickstream_platform.defs.errors import translate_errors
from clickstream_platform.defs.resources import SparkResource
from clickstream_platform.defs.sensors import failures
from clickstream_platform.errors import SetupError, SourceError, TableBusyError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.runtime import fingerprint
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.defs.jobs import execute, refusal_of
from clickstream_platform_tests.homes import Home, delta
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


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"table": "sessions", "from": "2024-03-01"}, "from, to: a stretch has both ends"),
        ({"table": "sessions", "from": "monday", "to": "2024-03-02"}, "from: 'monday' is no time"),
        ({"table": "sessions", "from": "2024-03-02", "to": "2024-03-02"}, "is not after"),
        ({"table": "user_patterns", "from": "2024-03-01", "to": "2024-03-02"}, "no stretch of it can be rebuilt"),
        ({"table": "sessions"}, "there is no table events yet"),
    ],
)
def test_a_rebuild_is_refused_before_a_jvm_starts(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: dict[str, str], why: str
) -> None:
    monkeypatch.setattr("clickstream_platform.defs.resources.build_session", None)
    job = definitions(Settings(home=tmp_path)).resolve_job_def("rebuild")
    ask = {"ops": {"rebuild_table": {"config": config}}}
    assert why in refusal_of(job.execute_in_process(instance=instance, run_config=ask, raise_on_error=False))


def test_a_step_of_another_source_is_refused_before_a_jvm_starts(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, now = (Home(Settings(home=tmp_path, source=str(tmp_path / name))) for name in ("before", "now"))
    now.land("1.json")
    checkpoint = generations.current_checkpoint(before.lake, "events")
    fingerprint.write_fingerprint(checkpoint, fingerprint.declared_facts(before.contracts["events"]))
    monkeypatch.setattr("clickstream_platform.defs.resources.build_session", None)
    resources = {"spark": SparkResource(settings=now.settings)}
    asset = table_asset(now.contracts["events"], now.settings)
    result = dg.materialize([asset], instance=instance, resources=resources, raise_on_error=False)
    (said,) = failures(instance, result.run_id)
    assert said.startswith(f"events: changed since its checkpoint began: source was 'files {before.landing}' and is")
    assert "say `clickstream moved` if it is the same folder elsewhere" in said
    logged = [entry.user_message for entry in instance.all_logs(result.run_id) if not entry.dagster_event]
    assert not any("a JVM" in line for line in logged)


def a_table_made_with(home: Home) -> None:
    """``user_patterns`` has read all of ``events``, under the settings of this home."""
    home.commit("events", rows=3)
    checkpoint = generations.current_checkpoint(home.lake, "user_patterns")
    fingerprint.write_fingerprint(checkpoint, fingerprint.declared_facts(home.contracts["user_patterns"]))
    home.plan("user_patterns", 0, delta(2))


def test_a_step_of_another_threshold_is_refused_before_a_jvm_starts(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, now = (Home(Settings(home=tmp_path, pattern_clicks=clicks)) for clicks in (3, 7))
    a_table_made_with(before)
    assert lags_to_read(before.contracts["user_patterns"], before.lake)
    monkeypatch.setattr("clickstream_platform.defs.resources.build_session", None)
    asset = table_asset(now.contracts["user_patterns"], now.settings)
    resources = {"spark": SparkResource(settings=now.settings)}
    result = dg.materialize([asset], instance=instance, resources=resources, raise_on_error=False)
    (said,) = failures(instance, result.run_id)
    assert "pattern clicks was '3' and is '7'; run `clickstream rebuild user_patterns`, or set it back" in said


def test_a_table_that_begins_anew_may_declare_what_it_likes(tmp_path: Path) -> None:
    before, now = (Home(Settings(home=tmp_path, pattern_clicks=clicks)) for clicks in (3, 7))
    a_table_made_with(before)
    before.commit("events", rows=2)  # whose file is gone, and so what the table would have read next
    assert lags_to_read(now.contracts["user_patterns"], now.lake)


def test_a_step_lists_its_landing_folder_once_before_it_begins_and_its_jvm_is_for_what_is_there(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(Settings(home=tmp_path))
    (file,) = home.land("1.json")
    file.write_bytes(bytes(100_000))
    listed, asked = list[str](), list[int]()
    scandir = os.scandir

    def counted(path: Any) -> Any:
        listed.append(os.fsdecode(path))
        return scandir(path)

    def refused(*_: object, records: int, **__: object) -> None:
        asked.append(records)
        raise SetupError("java", "it is not needed here", "go on")

    monkeypatch.setattr(os, "scandir", counted)
    monkeypatch.setattr("clickstream_platform.defs.resources.build_session", refused)
    assert lags_to_read(home.contracts["events"], home.lake)["events"]
    once = listed.count(str(home.landing))
    listed.clear()
    asset = table_asset(home.contracts["events"], home.settings)
    resources = {"spark": SparkResource(settings=home.settings)}
    assert not dg.materialize([asset], instance=instance, resources=resources, raise_on_error=False).success
    assert listed.count(str(home.landing)) == once > 0
    assert asked == [500]  # of 200 bytes each


def test_only_what_may_pass_is_retried() -> None:
    with pytest.raises(dg.RetryRequested) as first, translate_errors(0):
        raise TableBusyError("events", "another run holds it", "wait")
    with pytest.raises(dg.RetryRequested) as second, translate_errors(1):
        raise TableBusyError("events", "another run holds it", "wait")
    assert (first.value.seconds_to_wait, second.value.seconds_to_wait) == (10, 20)
    with pytest.raises(dg.Failure, match="another run holds it; wait") as last, translate_errors(2):
        raise TableBusyError("events", "another run holds it", "wait")
    assert not last.value.allow_retries
    with pytest.raises(dg.Failure, match="no broker") as failed, translate_errors(0):
        raise SourceError("kafka", "no broker", "start one")
    assert not failed.value.allow_retries
    assert failed.value.metadata["remedy"].value == "start one"
    with pytest.raises(ZeroDivisionError), translate_errors(0):
        _ = 1 / 0


def test_a_step_that_gave_up_is_headed_by_what_was_in_the_way(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clickstream_platform.defs.errors.FIRST_WAIT", 0)
    attempts: list[int] = []

    @dg.asset
    def purchases() -> None:
        attempts.append(len(attempts))
        with translate_errors(attempts[-1]):
            raise TableBusyError("purchases", "another run holds it", "wait")

    result = dg.materialize([purchases], instance=instance, raise_on_error=False)
    (failed,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert attempts == [0, 1, 2]
    assert failed.error is not None
    assert (
        failed.error.message.strip()
        == "dagster._core.definitions.events.Failure: purchases: another run holds it; wait"
    )
    assert failures(instance, result.run_id) == ["purchases: another run holds it; wait"]
