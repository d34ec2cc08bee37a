"""Jobs of the definitions, executed in this process."""

from __future__ import annotations

import dagster as dg

from clickstream_platform.definitions import definitions
from clickstream_platform_tests.conftest import Lab


def execute(lab: Lab, instance: dg.DagsterInstance, job: str, **options: object) -> dg.ExecuteInProcessResult:
    """Run a job on the session that this process has; the executor and the resource are those of a real run."""
    found = definitions(lab.settings).resolve_job_def(job)
    return found.execute_in_process(instance=instance, raise_on_error=False, **options)  # pyright: ignore[reportArgumentType]


def metadata_of(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    """What the one op of a job says of what it did."""
    assert result.success, refusal_of(result)
    (output,) = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    return {name: value.value for name, value in output.step_output_data.metadata.items()}


def refusal_of(result: dg.ExecuteInProcessResult) -> str:
    """The sentence that the failure of a job's one op is headed by."""
    (failed,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    told = failed.step_failure_data.user_failure_data
    assert told is not None, failed.step_failure_data.error
    return told.description or ""
