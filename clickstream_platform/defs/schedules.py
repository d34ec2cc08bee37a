"""The schedules, off as shipped.

The sensor looks more often than every five minutes, and starts nothing for nothing. The daily report is for who wants
one. The nightly job deletes files that no reader needs any more, which somebody should have decided.
"""

from __future__ import annotations

import dagster as dg

from clickstream_platform.defs.jobs import refresh, report
from clickstream_platform.defs.keys import MAINTAIN
from clickstream_platform.defs.runs import running_reason


@dg.schedule(
    name="every_five_minutes",
    job=refresh,
    cron_schedule="*/5 * * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Process what has arrived, every five minutes, whether something has or not. Instead of the sensor.",
)
def every_five_minutes(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """A run, unless one is on: runs that wait for the same tables would only pile up."""
    reason = running_reason(context.instance)
    return dg.SkipReason(reason) if reason else dg.RunRequest()


every_morning = dg.ScheduleDefinition(
    name="every_morning",
    job=report,
    cron_schedule="0 6 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Write the daily report at six in the morning, UTC.",
)

every_night = dg.ScheduleDefinition(
    name="every_night",
    job_name=MAINTAIN,
    cron_schedule="0 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Maintain the lake at three in the morning, UTC, when few are looking.",
)
