"""What the instance knows of runs: whether one is on, and how often one failed where the tables stand now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import dagster as dg

from clickstream_platform.defs.keys import FILL, FORGET, MAINTAIN, REBUILD, REFRESH, REPLAY, RESET, RESTORE
from clickstream_platform.defs.unread import UnreadState
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.places import Lake

POSITION = "clickstream/position"  # the tag of a run that a sensor asked for: where the tables stood then
ADHOC = "__ASSET_JOB"  # what the Materialize button runs
# The jobs beside which none is asked for. Not `backup`: runs go on while it copies the large files.
WRITING = (REFRESH, REBUILD, REPLAY, FILL, FORGET, MAINTAIN, RESTORE, RESET, ADHOC)
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
FREE_ATTEMPTS = 3
FIRST_PAUSE = timedelta(minutes=15)  # doubled with every further failure
LONGEST_PAUSE = timedelta(hours=6)  # so that what somebody mended at night is noticed in the morning


def idle_reason(
    instance: dg.DagsterInstance, unread: UnreadState, contracts: Iterable[StreamingTable], lake: Lake
) -> str | None:
    """Why there is nothing to run for; None if something is unread, or a table has rows and nobody told the instance.

    Raises what :meth:`.UnreadState.idle_reason` does.
    """
    reason = unread.idle_reason()
    if reason is None:
        return None
    untold = (each.name for each in contracts if not instance.get_latest_materialization_event(dg.AssetKey(each.name)))
    return None if any(lake.table(name).rows() for name in untold) else reason


def wait_reason(instance: dg.DagsterInstance, unread: UnreadState, now: datetime) -> str | None:
    """Why a sensor should not ask for a run at this position now; None if it should."""
    on = None if may_follow(instance, unread) else running_reason(instance)
    return on or stopped_reason(instance, now) or attempts(instance, unread.position).pause(now)


def running_reason(instance: dg.DagsterInstance) -> str | None:
    """Why no run should be asked for: one that writes tables is queued or running. None if there is none."""
    return next((f"run {run.run_id[:8]} ({run.job_name}) is {run.status.value.lower()}" for run in _on(instance)), None)


def may_follow(instance: dg.DagsterInstance, unread: UnreadState) -> bool:
    """Whether the only run that is on is a refresh that is done with ``events``, and there are new ones.

    It will not read those. The next run starts its JVM and reads them while this one is at its last tables; there it
    waits for the tables' pools. Whatever is slow, no third run is asked for: the second has to read its events first.
    """
    on = _on(instance)
    if not unread.is_there_for("events") or len(on) != 1 or on[0].job_name != REFRESH:
        return False
    newest = instance.get_latest_materialization_event(dg.AssetKey("events"))
    return newest is not None and newest.run_id == on[0].run_id


def _on(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    return [run for run in runs if run.job_name in WRITING]


def stopped_reason(instance: dg.DagsterInstance, now: datetime) -> str | None:
    """Why to wait: whoever stopped the last run did not mean it to start again at once. None if nobody has lately."""
    last = instance.get_run_records(dg.RunsFilter(job_name=REFRESH), limit=1)
    if not last or last[0].dagster_run.status != dg.DagsterRunStatus.CANCELED:
        return None
    again = _end(last[0]) + FIRST_PAUSE
    reason = f"run {last[0].dagster_run.run_id[:8]} was stopped; next attempt at {again:%H:%M} UTC, or start it by hand"
    return reason if now < again else None


def _end(record: dg.RunRecord) -> datetime:
    seconds = record.end_time
    return record.update_timestamp if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)


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
    records = instance.get_run_records(
        dg.RunsFilter(job_name=REFRESH, tags={POSITION: position}, statuses=[dg.DagsterRunStatus.FAILURE])
    )
    ends = [(_end(record), record.dagster_run.run_id) for record in records]
    ended, run_id = max(ends, default=(datetime.min.replace(tzinfo=timezone.utc), ""))
    return Attempts(len(records), run_id, ended)
