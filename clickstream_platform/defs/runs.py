"""What the instance knows of runs: whether one is on, and how often one failed where the tables stand now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import dagster as dg

from clickstream_platform.defs.keys import REBUILD, REFRESH

POSITION = "clickstream/position"  # the tag of a run that a sensor asked for: where the tables stood then
ADHOC = "__ASSET_JOB"  # what the Materialize button runs
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
# A run that a person stopped has not done its work either.
FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]

FREE_ATTEMPTS = 3
FIRST_PAUSE = timedelta(minutes=15)  # doubled with every further failure
LONGEST_PAUSE = timedelta(hours=6)  # so that what somebody mended at night is noticed in the morning


def under_way(instance: dg.DagsterInstance) -> str | None:
    """Why no run should be asked for: one that writes tables is queued or running. None if there is none."""
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    found = next((run for run in runs if run.job_name in (REFRESH, REBUILD, ADHOC)), None)
    return f"run {found.run_id[:8]} ({found.job_name}) is {found.status.value.lower()}" if found else None


@dataclass(frozen=True)
class Attempts:
    """Runs that failed at one position, which is where the tables still stand.

    Attributes:
        failures: how many.
        run_id: the newest of them.
        ended: when it did.
    """

    failures: int
    run_id: str
    ended: datetime

    def pause(self, now: datetime) -> str | None:
        """Why the next attempt has to wait: what failed three times is likely to fail again. None if it need not."""
        if self.failures < FREE_ATTEMPTS:
            return None
        wait = min(FIRST_PAUSE * 2 ** min(self.failures - FREE_ATTEMPTS, 10), LONGEST_PAUSE)
        if now >= self.ended + wait:
            return None
        failed = f"{REFRESH} failed {self.failures} times at this position, last in run {self.run_id[:8]}"
        return f"{failed}; next attempt at {self.ended + wait:%H:%M} UTC, or start it by hand"


def attempts(instance: dg.DagsterInstance, position: str) -> Attempts:
    """The failures at a position."""
    records = instance.get_run_records(dg.RunsFilter(job_name=REFRESH, tags={POSITION: position}, statuses=FAILED))
    ends = [(record.end_time or record.update_timestamp.timestamp(), record.dagster_run.run_id) for record in records]
    ended, run_id = max(ends, default=(0.0, ""))
    return Attempts(len(records), run_id, datetime.fromtimestamp(ended, timezone.utc))
