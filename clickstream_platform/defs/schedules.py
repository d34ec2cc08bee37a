"""The schedules, off as shipped.

The sensor looks more often than every five minutes, and starts nothing for nothing. The nightly job deletes files that
no reader needs any more, which somebody should have decided.
"""

from __future__ import annotations

import dagster as dg

from clickstream_platform.defs.jobs import refresh
from clickstream_platform.defs.keys import MAINTAIN
from clickstream_platform.defs.runs import under_way


@dg.schedule(
    name="every_five_minutes",
    job=refresh,
    cron_schedule="*/5 * * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Process what has arrived, every five minutes, whether something has or not. Instead of the sensor.",
)
def every_five_minutes(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """A run, unless one is on: runs that wait for the same tables would only pile up."""
    reason = under_way(context.instance)
    return dg.SkipReason(reason) if reason else dg.RunRequest()


every_night = dg.ScheduleDefinition(
    name="every_night",
    job_name=MAINTAIN,
    cron_schedule="0 3 * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Maintain the lake at 3:00 UTC, when few are looking.",
)
