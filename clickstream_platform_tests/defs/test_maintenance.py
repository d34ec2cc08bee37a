"""The jobs that look after a lake do what the command line does, with their arguments as run config."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pytest

from clickstream_platform.definitions import definitions
from clickstream_platform.settings import Settings
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.defs.jobs import execute, metadata_of, refusal_of
from clickstream_platform_tests.homes import Home
from clickstream_platform_tests.lakes import write

OPS = {"replay": "replay_records", "forget": "forget_person", "verify": "verify_tables"}


def executed(lab: Lab, instance: dg.DagsterInstance, job: str, **config: object) -> dg.ExecuteInProcessResult:
    return execute(lab, instance, job, run_config={"ops": {OPS[job]: {"config": config}}} if config else None)


def metadata(result: dg.ExecuteInProcessResult) -> str:
    return "\n".join(f"{name}: {value}" for name, value in metadata_of(result).items())


@pytest.mark.spark
def test_a_lake_is_looked_after_in_dagster(lab: Lab, instance: dg.DagsterInstance) -> None:
    lab.land(event("a"), event("b"), event("c", event_type="scroll"))
    lab.run("events", "sessions")
    lab.settings = lab.settings.model_copy(update={"event_types": ("click", "scroll")})
    replayed = executed(lab, instance, "replay", reason="unknown_event_type")
    assert "accepted: 1" in metadata(replayed)
    forgotten = executed(lab, instance, "forget", user="a")
    assert "| events | 1 |" in metadata(forgotten)
    assert "| events | 2 | 0 | 0 | 0 | balances |" in metadata(executed(lab, instance, "verify", tables=["events"]))
    assert "| quarantine | " in metadata(executed(lab, instance, "maintain"))
    assert [row.user_id for row in lab.table("sessions").orderBy("user_id").collect()] == ["b", "c"]


@pytest.mark.spark
def test_a_table_that_differs_or_has_no_batch_fails_the_job(lab: Lab, instance: dg.DagsterInstance) -> None:
    lab.land(event("a", event_type="purchase"))
    lab.run("events", "purchases")
    lab.lake.table("purchases").open().delete()  # type: ignore[union-attr]
    result = executed(lab, instance, "verify", tables=["alerts", "purchases"])
    assert not result.success
    (failed,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    told = failed.step_failure_data.user_failure_data
    assert told is not None
    assert told.description == "they differ: purchases; no committed batch yet: alerts"
    assert "| purchases | 0 | 1 | 0 | 0 |" in str(told.metadata["tables"].value)


def test_fill_as_its_launchpad_opens_fills_all_declared_columns_and_starts_no_jvm(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    home = Home(Settings.model_validate({"home": tmp_path, "contract": "commerce"}))
    extra = {"extra": '{"amount":1,"currency":"EUR"}', "event_date": datetime(2024, 3, 1, tzinfo=timezone.utc).date()}
    write(home, "events", [{"user_id": "a", "event_type": "purchase", **extra}])
    result = definitions(home.settings).resolve_job_def("fill").execute_in_process(instance=instance)
    assert "filled: {'amount': 1, 'currency': 1}" in metadata(result)
    assert [entry for entry in instance.all_logs(result.run_id) if "JVM" in entry.user_message] == []


def test_forget_as_its_launchpad_opens_forgets_nobody_and_starts_no_jvm(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    home = Home(Settings.model_validate({"home": tmp_path}))
    write(home, "events", [{"user_id": "a"}])
    job = definitions(home.settings).resolve_job_def("forget")
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert "an empty id is nobody's" in refusal_of(result)
    assert [entry for entry in instance.all_logs(result.run_id) if "JVM" in entry.user_message] == []


def test_maintain_says_what_is_too_old_and_removes_nothing_if_it_only_looks(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    home = Home(Settings(home=tmp_path, retention=timedelta(days=2)))
    days = [datetime(2024, 3, day, tzinfo=timezone.utc).date() for day in (1, 4)]
    write(home, "events", [{"user_id": "a", "event_date": day} for day in days])
    write(home, "quarantine", [])
    look = {"ops": {"maintain_lake": {"config": {"dry_run": True}}}}
    job = definitions(home.settings).resolve_job_def("maintain")
    found = metadata_of(job.execute_in_process(instance=instance, run_config=look))
    assert found["would_leave"] == "1 event of before 2024-03-02"
    assert home.lake.events.rows() == 2
    kept = definitions(Settings(home=tmp_path)).resolve_job_def("maintain").execute_in_process(instance=instance)
    assert metadata_of(kept)["left"] == "nothing is too old"
    assert [entry for entry in instance.all_logs(kept.run_id) if "JVM" in entry.user_message] == []
