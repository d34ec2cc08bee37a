"""What a person, a schedule or a sensor may start."""

# No `from __future__ import annotations`: Dagster looks at the types of a function's arguments, not at their text.

import dagster as dg

from clickstream_platform.defs.assets import hooks
from clickstream_platform.defs.errors import told_to_dagster
from clickstream_platform.defs.keys import DAILY_REPORT, REBUILD, REFRESH, REPORT, VALIDATE
from clickstream_platform.defs.launchpad import job, one_of
from clickstream_platform.defs.metadata import materialized
from clickstream_platform.defs.resources import SparkResource
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake import layout
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime.run import rebuild
from clickstream_platform.tables import selected, tables

refresh = dg.define_asset_job(
    REFRESH,
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets(DAILY_REPORT),
    description="Process what has arrived, in every table, and check the tables. One run, one SparkSession.",
)

validate = dg.define_asset_job(
    VALIDATE,
    selection=dg.AssetSelection.all_asset_checks(),
    description="Check every table, on all of its rows. Changes nothing.",
)

report = dg.define_asset_job(
    REPORT,
    selection=dg.AssetSelection.assets(DAILY_REPORT),
    description="Write the daily report from the tables as they are. Starts no Spark.",
)


def rebuild_job(settings: Settings) -> dg.JobDefinition:
    """A job that makes one table anew from ``events``. Until it is done, the old one serves."""
    lake = Lake(settings.lake_folder)
    names = [name for name, table in tables(settings).items() if table.derived]
    asked = {"table": dg.Field(one_of("DerivedTable", names), description="A table that is made of events.")}

    @dg.op(
        name="rebuild_table",
        description="Read all of events and overwrite the table, in one commit.",
        config_schema=asked,
    )
    def rebuild_table(context: dg.OpExecutionContext, spark: SparkResource) -> None:
        with told_to_dagster(context.retry_number):
            layout.require(lake)
            (table,) = selected(settings, [context.op_config["table"]])
            table.offsets.require_there(table.name, lake)  # before the JVM starts
            report = rebuild(table, spark.spark_session, lake, hooks(context.log, settings), run_id=context.run.run_id)
        for made in materialized(table, report, lake):
            context.log_event(made.event(context.instance))

    return job(
        REBUILD,
        rebuild_table,
        "Compute one table anew from all events, in one commit. Until then its old rows serve.",
        table=names[0],
    )
