"""The jobs that look after a lake do what the command line does, with their arguments as run config."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from clickstream_platform.definitions import definitions
from clickstream_platform_tests.conftest import Lab, event

pytestmark = pytest.mark.spark


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def execute(lab: Lab, instance: dg.DagsterInstance, job: str, **config: object) -> dg.ExecuteInProcessResult:
    found = definitions(lab.settings).resolve_job_def(job)
    ops = {"ops": {found.graph.nodes[0].name: {"config": config}}} if config else None
    return found.execute_in_process(instance=instance, raise_on_error=False, run_config=ops)


def metadata(result: dg.ExecuteInProcessResult) -> str:
    (output,) = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    return "\n".join(f"{name}: {value.value}" for name, value in output.step_output_data.metadata.items())


def test_a_lake_is_looked_after_in_dagster(lab: Lab, instance: dg.DagsterInstance) -> None:
    lab.land(event("a"), event("b"), event("c", event_type="scroll"))
    lab.run()
    lab.settings = lab.settings.model_copy(update={"event_types": ("click", "scroll")})
    replayed = execute(lab, instance, "replay", reason="unknown_event_type")
    assert "accepted: 1" in metadata(replayed)
    forgotten = execute(lab, instance, "forget", user="a")
    assert "| events | 1 |" in metadata(forgotten)
    assert "| events | 2 | 0 | 0 | 0 | balances |" in metadata(execute(lab, instance, "verify", tables=["events"]))
    assert "| quarantine | " in metadata(execute(lab, instance, "maintain"))
    assert [row.user_id for row in lab.table("sessions").orderBy("user_id").collect()] == ["b", "c"]


def test_a_table_that_differs_fails_the_job(lab: Lab, instance: dg.DagsterInstance) -> None:
    lab.land(event("a", event_type="purchase"))
    lab.run("events", "purchases")
    lab.lake.table("purchases").open().delete()  # type: ignore[union-attr]
    result = execute(lab, instance, "verify", tables=["purchases"])
    assert not result.success
    (failed,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    told = failed.step_failure_data.user_failure_data
    assert told is not None
    assert told.description == "they differ: purchases"
    assert "| purchases | 0 | 1 | 0 | 0 |" in str(told.metadata["tables"].value)
