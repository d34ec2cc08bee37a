"""Dagster's entry point: everything it is given, by name. Loading it starts no Spark and asks nobody."""

from __future__ import annotations

import dagster as dg

from clickstream_platform.defs.assets import table_asset
from clickstream_platform.defs.backups import whole_lake_jobs
from clickstream_platform.defs.checks import table_checks
from clickstream_platform.defs.errors import show_loading_errors
from clickstream_platform.defs.jobs import rebuild_job, refresh, report, validate
from clickstream_platform.defs.maintenance import maintenance_jobs
from clickstream_platform.defs.report import daily_report
from clickstream_platform.defs.resources import SparkResource
from clickstream_platform.defs.schedules import every_five_minutes, every_morning, every_night
from clickstream_platform.defs.sensors import tell_failures, unread_sensor
from clickstream_platform.defs.specs import source_specs
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.tables import tables


def definitions(settings: Settings) -> dg.Definitions:
    """All that Dagster is given, under these settings."""
    contracts = tables(settings).values()
    return dg.Definitions(
        assets=[
            *source_specs(settings),
            *(table_asset(table, settings) for table in contracts),
            daily_report(settings),
        ],
        asset_checks=[table_checks(table, settings) for table in contracts],
        jobs=[
            refresh,
            validate,
            report,
            rebuild_job(settings),
            *maintenance_jobs(settings),
            *whole_lake_jobs(settings),
        ],
        schedules=[every_five_minutes, every_morning, every_night],
        sensors=[unread_sensor(settings), tell_failures],
        resources={"spark": SparkResource(settings=settings)},
        # One run is one process with one SparkSession. Dagster's default is a process, so a JVM, for each step.
        executor=dg.in_process_executor,
    )


with show_loading_errors():
    defs = definitions(from_env())
