"""What Dagster is given: everything by name, loaded without Spark, without a landing folder, without a broker."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_dg_core.context import DgContext
from syrupy.assertion import SnapshotAssertion

from clickstream_platform.definitions import definitions
from clickstream_platform.settings import Settings

ROOT = Path(__file__).parents[1]


def loaded(home: str = "/home", **settings: Any) -> dg.Definitions:
    """The definitions under the default settings, with a home that is the same on every machine."""
    return definitions(Settings.model_validate({"home": home, **settings}))


def windows(policy: dg.FreshnessPolicy | None) -> dict[str, str]:
    names = ("warn_window", "fail_window")
    return {name: str(getattr(policy, name).to_timedelta()) for name in names} if policy else {}


def an_asset(spec: dg.AssetSpec, pool: str | None) -> dict[str, Any]:
    schema = spec.metadata.get("dagster/column_schema")
    return {
        "deps": [dep.asset_key.to_user_string() for dep in spec.deps],
        "group": spec.group_name,
        "kinds": sorted(spec.kinds),
        "owners": list(spec.owners),
        "description": spec.description,
        "contract": contract.text if (contract := spec.metadata.get("contract")) else None,
        "code_version": spec.code_version,
        "pool": pool,
        "freshness": windows(spec.freshness_policy),
        "columns": [f"{c.name} {c.type}" for c in schema.columns] if schema else [],
        "uri": spec.metadata["dagster/uri"],
    }


def test_assets(snapshot: SnapshotAssertion) -> None:
    found = loaded()
    pools = {
        key: node.op.pool for node in found.assets or () if isinstance(node, dg.AssetsDefinition) for key in node.keys
    }
    specs = {spec.key: spec for spec in found.resolve_all_asset_specs()}
    assert {key.to_user_string(): an_asset(spec, pools.get(key)) for key, spec in sorted(specs.items())} == snapshot


def test_checks(snapshot: SnapshotAssertion) -> None:
    specs = [spec for each in loaded().asset_checks or () for spec in each.check_specs]
    assert {f"{s.asset_key.to_user_string()} {s.name}": (s.blocking, s.description) for s in specs} == snapshot


def test_a_contract_of_columns_brings_a_check_that_only_warns_and_columns_of_purchases() -> None:
    found = loaded(contract="commerce")
    checks = {spec.name: spec for each in found.asset_checks or () for spec in each.check_specs}
    assert not checks["contract_violations"].blocking
    assert "at most 5% of what came last" in (checks["contract_violations"].description or "")
    specs = {spec.key.to_user_string(): spec for spec in found.resolve_all_asset_specs()}
    columns = [
        f"{column.name} {column.type}" for column in specs["purchases"].metadata["dagster/column_schema"].columns
    ]
    said = ["order_id string", "amount decimal(18,4)", "currency string", "quantity bigint", "items string"]
    assert columns[-5:] == said


def test_copies_are_an_asset_where_an_event_id_alone_makes_one() -> None:
    found = loaded(duplicates="event_id", contract="commerce")
    specs = {spec.key.to_user_string(): spec for spec in found.resolve_all_asset_specs()}
    columns = {column.name for column in specs["copies"].metadata["dagster/column_schema"].columns}
    assert columns >= {"event_id", "left_out_as", "value", "amount"}
    assert [dep.asset_key for dep in specs["copies"].deps] == [dep.asset_key for dep in specs["events"].deps]
    assert "copies" not in {spec.key.to_user_string() for spec in loaded().resolve_all_asset_specs()}
    dg.Definitions.validate_loadable(found)


def test_jobs_schedules_and_sensors(snapshot: SnapshotAssertion) -> None:
    repository = loaded().get_repository_def()
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    assert {
        "jobs": {job.name: sorted(node.name for node in job.nodes) for job in jobs},
        "executors": {job.name: job.executor_def.name for job in repository.get_all_jobs()},
        "schedules": {s.name: (s.cron_schedule, s.job_name, s.default_status.value) for s in repository.schedule_defs},
        "sensors": {s.name: (s.minimum_interval_seconds, s.default_status.value) for s in repository.sensor_defs},
    } == snapshot


def test_a_topic_is_the_source_when_the_settings_name_one() -> None:
    specs = {spec.key: spec for spec in loaded(source="kafka://broker:9092/clicks.v1").resolve_all_asset_specs()}
    topic = dg.AssetKey(["kafka", "clicks.v1"])
    assert specs[topic].kinds == {"kafka"}
    assert [dep.asset_key for dep in specs[dg.AssetKey("events")].deps] == [topic]


def test_definitions_are_valid() -> None:
    dg.Definitions.validate_loadable(loaded())


def test_a_setting_that_is_wrong_is_what_the_code_location_is_said_to_fail_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_SORCE", "/landing")
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"no such setting, but .* say CLICKSTREAM_SOURCE"):
        runpy.run_path(str(ROOT / "clickstream_platform" / "definitions.py"))


def test_a_description_is_bare_text_as_the_catalog_shows_it() -> None:
    described = {spec.key.to_user_string(): spec.description or "" for spec in loaded().resolve_all_asset_specs()}
    assert all(described.values())
    assert [name for name, text in described.items() if any(sign in text for sign in ("*", "`", "&", "\n", "["))] == []


def test_every_entrance_names_the_code_location_as_the_package() -> None:
    named = DgContext.for_project_environment(ROOT, {}).code_location_name
    assert named == "clickstream_platform"


@pytest.mark.parametrize(
    "job",
    [
        *("refresh", "validate", "report", "rebuild", "verify", "replay", "fill", "forget", "maintain"),
        *("backup", "restore", "reset"),
    ],
)
def test_the_launchpad_of_every_job_opens_with_config_that_is_valid(job: str) -> None:
    found = loaded().resolve_job_def(job)
    assert dg.validate_run_config(found, dict(found.run_config or {}))


def test_the_launchpad_offers_the_tables_and_refuses_other_words() -> None:
    rebuild = loaded().resolve_job_def("rebuild")
    with pytest.raises(dg.DagsterInvalidConfigError, match="not in enum type DerivedTable"):
        dg.validate_run_config(rebuild, {"ops": {"rebuild_table": {"config": {"table": "events"}}}})


def test_the_code_server_can_tell_the_web_interface_of_every_job() -> None:
    jobs = loaded().get_repository_def().get_all_jobs()
    assert all(job.get_job_snapshot_id() for job in jobs)
