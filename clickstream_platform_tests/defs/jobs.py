"""Jobs of the definitions, executed in this process."""

from __future__ import annotations

import dagster as dg

from clickstream_platform.definitions import definitions
from clickstream_platform_tests.conftest import Lab


def execute(lab: Lab, instance: dg.DagsterInstance, job: str, **options: object) -> dg.ExecuteInProcessResult:
    """Run a job on the session that this process has; the executor and the resource are those of a real run."""
    found = definitions(lab.settings).resolve_job_def(job)
    return found.execute_in_process(instance=instance, raise_on_error=False, **options)  # pyright: ignore[reportArgumentType]
