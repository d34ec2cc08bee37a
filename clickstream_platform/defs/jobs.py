"""What a person, a schedule or a sensor may start."""

# No `from __future__ import annotations`: Dagster looks at the types of a function's arguments, not at their text.

from dataclasses import dataclass
from functools import cached_property

import dagster as dg
from pyspark.sql import SparkSession

from clickstream_platform.defs.assets import dagster_hooks
from clickstream_platform.defs.errors import translate_errors
from clickstream_platform.defs.keys import DAILY_REPORT, REBUILD, REFRESH, REPORT, VALIDATE
from clickstream_platform.defs.launchpad import choice_field, one_op_job, time_field
from clickstream_platform.defs.metadata import Materialized, materializations, stretch_materialization
from clickstream_platform.defs.resources import SparkResource
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import layout
from clickstream_platform.streaming.lake.lease import require_free
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.tables import TimeSpan
from clickstream_platform.streaming.maintenance import stretch as stretches
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.run import rebuild
from clickstream_platform.tables import select_tables, tables

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
    asked = {
        "table": dg.Field(choice_field("DerivedTable", names), description="A table that is made of events."),
        "from": time_field(
            "Only the rows that touch the time from here: a day or a time, in UTC. Null: the whole table."
        ),
        "to": time_field("Up to here, excluded. Null: the whole table."),
    }

    @dg.op(
        name="rebuild_table",
        description="Read all of events, or those of a stretch of time, and put the rows in place in one commit.",
        config_schema=asked,
    )
    def rebuild_table(context: dg.OpExecutionContext, spark: SparkResource) -> None:
        with translate_errors(context.retry_number):
            layout.require_layout(lake)
            (table,) = select_tables(settings, [context.op_config["table"]])
            asked = RebuildRequest(table, context.op_config["from"], context.op_config["to"])
            asked.require(lake)  # before the JVM starts
            session = spark.session_for(lake.events.rows)
            done = asked.rebuild(session, lake, dagster_hooks(context.log, settings), context.run.run_id)
        for made in done:
            context.log_event(made.event(context.instance))

    return one_op_job(
        REBUILD,
        rebuild_table,
        "Make one table anew from all events, or a stretch of it, in one commit; till then the old rows serve.",
        table=names[0],
        **{"from": None, "to": None},
    )


@dataclass(frozen=True)
class RebuildRequest:
    """What the launchpad asks of a rebuild: which table, and which stretch of it, if not all."""

    table: StreamingTable
    since: str | None
    until: str | None

    @cached_property
    def stretch(self) -> TimeSpan | None:
        """The stretch; None for all of the table."""
        if self.since is None and self.until is None:
            return None
        return stretches.require_stretch(self.table, *stretches.parse_ends(self.since, self.until, ("from", "to")))

    def require(self, lake: Lake) -> None:
        """Raise the errors that are found without a JVM."""
        _ = self.stretch
        require_free([self.table.name], lake)
        self.table.offsets.require_there(self.table.name, lake)

    def rebuild(self, spark: SparkSession, lake: Lake, hooks: Hooks, run_id: str) -> list[Materialized]:
        """Make it anew, and say what came of it."""
        if self.stretch is None:
            return materializations(self.table, rebuild(self.table, spark, lake, hooks, run_id=run_id), lake)
        rebuilt = stretches.rebuild_stretch(self.table, self.stretch, spark, lake, hooks, run_id=run_id)
        return [stretch_materialization(self.table, rebuilt, lake)]
