"""The sensors: one starts a run when something is unread, the other says why a run failed."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import dagster as dg

from clickstream_platform.defs.jobs import refresh
from clickstream_platform.defs.keys import input_key
from clickstream_platform.defs.metadata import markdown_table
from clickstream_platform.defs.runs import POSITION, idle_reason, wait_reason
from clickstream_platform.defs.unread import UnreadState, stream_reason, unread_state
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.tables import tables


def unread_sensor(settings: Settings) -> dg.SensorDefinition:
    """Ask for a ``refresh`` when a table has something unread, unless one is on, was stopped, or failed there often.

    One that is on and is done with ``events`` may be followed by the next: a run reads what is there when it starts.
    Of tables that were filled elsewhere (`clickstream demo`, a lake that was restored) Dagster knows nothing: one
    refresh, which finds nothing new, tells it. Unread is what the checkpoints have not committed: a failed run leaves
    it unread, so the next tick asks again. The cursor only says what was observed last.
    """
    contracts, lake = tables(settings), Lake(settings.lake_folder)

    @dg.sensor(
        name="unread_input",
        job=refresh,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for a refresh when a table has something unread, or was filled and Dagster was never told."
        " Reads files and offsets, starts no Spark.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        unread, now = unread_state(contracts.values(), lake), datetime.now(timezone.utc)
        idle = idle_reason(context.instance, unread, contracts.values(), lake)
        skip = idle or stream_reason(contracts.values(), lake) or wait_reason(context.instance, unread, now)
        described = json.dumps(unread.describe())
        return dg.SensorResult(
            run_requests=None if skip else [dg.RunRequest(tags={POSITION: unread.position})],
            skip_reason=skip,
            asset_events=[] if described == context.cursor else observations(contracts["events"], unread),
            cursor=described,
        )

    return sensor


def observations(events: StreamingTable, unread: UnreadState) -> list[dg.AssetObservation]:
    """How much of each source is unread, for its asset."""
    return [_observation(each, unread) for each in events.by_source()]


def _observation(events: StreamingTable, unread: UnreadState) -> dg.AssetObservation:
    lag = unread.lags.get(events.title)
    return dg.AssetObservation(
        input_key(events.offsets),
        description="Unread, when it last changed",
        metadata={
            **({"lag": lag.amount, "unit": lag.unit} if lag else {}),
            **({"partitions": dg.MetadataValue.json(lag.partitions)} if lag and lag.partitions else {}),
            "unread": dg.MetadataValue.md(markdown_table(("table", "unread"), unread.describe().items())),
        },
    )


@dg.run_failure_sensor(
    name="tell_failures",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Logs what failed in a run, and the remedy. The place to call whoever should know.",
)
def tell_failures(context: dg.RunFailureSensorContext) -> None:
    """Say it in the tick's log. It runs in the daemon, so that a run whose worker was killed is told of too."""
    for sentence in failures(context.instance, context.dagster_run.run_id) or [
        context.failure_event.message or "no word"
    ]:
        context.log.error(f"{context.dagster_run.job_name} {context.dagster_run.run_id[:8]}: {sentence}")


def failures(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """What failed in a run: steps, then blocking checks; each as table, finding, remedy. Nothing if it was killed."""
    steps = _events(instance, run_id, dg.DagsterEventType.STEP_FAILURE)
    checks = _events(instance, run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    return [*filter(None, map(_of_step, steps)), *filter(None, map(_of_check, checks))]


def _events(instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType) -> list[dg.DagsterEvent]:
    records = instance.get_records_for_run(run_id, of_type=kind).records
    return [event for record in records if (event := record.event_log_entry.dagster_event)]


def _of_step(event: dg.DagsterEvent) -> str | None:
    failed = event.step_failure_data
    if failed.user_failure_data and failed.user_failure_data.description:
        return failed.user_failure_data.description
    error = failed.error
    if error is None or error.cls_name == "DagsterAssetCheckFailedError":  # each check speaks for itself
        return None
    while error.cause:
        error = error.cause
    return f"{event.step_key}: {error.message.strip().splitlines()[0]}; the run's log has the rest"


def _of_check(event: dg.DagsterEvent) -> str | None:
    check = event.asset_check_evaluation_data
    if check.passed or check.severity != dg.AssetCheckSeverity.ERROR:
        return None
    table, finding = check.asset_key.to_user_string(), check.metadata["found"].value
    return f"{table}: {check.check_name} failed, found: {finding}; see `clickstream verify {table}`"
