"""One asset a table: a run of the asset is a run of the table."""

# No `from __future__ import annotations`: Dagster looks at the types of a function's arguments, not at their text.

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import dagster as dg

from clickstream_platform.defs.errors import translate_errors
from clickstream_platform.defs.keys import pool
from clickstream_platform.defs.metadata import materializations
from clickstream_platform.defs.resources import SparkResource
from clickstream_platform.defs.specs import table_specs
from clickstream_platform.delivery.post import with_delivery
from clickstream_platform.errors import CheckpointError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import layout
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.lag import Lags, describe_lag, lags
from clickstream_platform.streaming.runtime.admission import require_matching_checkpoint, require_unchanged_declarations
from clickstream_platform.streaming.runtime.backlog import estimate_backlog
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.idle import idle_run
from clickstream_platform.streaming.runtime.run import run
from clickstream_platform.tables import tables
from clickstream_platform.wording import number_of


def table_asset(table: StreamingTable, settings: Settings) -> dg.AssetsDefinition:
    """The asset of a table; ``events`` brings ``quarantine`` along, ``user_patterns`` brings ``late_events``.

    Where an ``event_id`` alone makes a copy, ``events`` brings ``copies``, too.

    Any may be selected alone: the batches write all of them, so all are materialized whatever was selected. It is
    materialized also when there was nothing new, or Dagster would skip its checks and everything downstream. The data
    version stays what it was then, and no JVM is started.
    """
    lake = Lake(settings.lake_folder)
    specs = table_specs(table, settings)

    @dg.multi_asset(name=table.name, specs=specs, pool=pool(table), can_subset=len(specs) > 1)
    def asset(context: dg.AssetExecutionContext, spark: SparkResource) -> Iterator[dg.MaterializeResult[Any]]:
        with translate_errors(context.retry_number):
            context.log.info(describe_lags(unread := lags_to_read(table, lake)))  # before the JVM starts
            hooks, run_id = dagster_hooks(context.log, settings), context.run.run_id
            session = partial(spark.session_for, backlog_of(table, settings, unread))
            report = idle_run(table, lake, hooks, run_id, unread) or run(table, session(), lake, hooks, run_id=run_id)
        for made in materializations(table, report, lake):
            if made.key in context.selected_asset_keys:
                yield made.result()
            else:
                context.log_event(made.event(context.instance))

    return asset


def lags_to_read(table: StreamingTable, lake: Lake) -> Lags:
    """What a run would read of each source.

    Raises what a run would raise of the lake's layout, of the source, and of columns that are declared otherwise now.
    """
    layout.require_layout(lake)
    require_unchanged_declarations(table, lake)
    require_matching_checkpoint(table, lake)
    try:
        return lags(table, lake)
    except CheckpointError as problem:  # a run may begin a new generation, or else it raises this itself
        return {table.title: problem}


def backlog_of(table: StreamingTable, settings: Settings, known_lags: Lags) -> Callable[[], int]:
    """A function that estimates how many records or events this table and those after it have to read.

    It does not list the source again.

    Args:
        table: the first of a run that has something to read.
        settings: of the run.
        known_lags: what this table has to read.
    """
    others = [each for each in tables(settings).values() if each.derived and each.name != table.name]
    return partial(estimate_backlog, [table, *others], Lake(settings.lake_folder), known_lags)


def describe_lags(known_lags: Lags) -> str:
    """What there is to read, in words."""
    return "; ".join(f"{title}: {describe_lag(each)}" for title, each in known_lags.items())


def dagster_hooks(log: dg.DagsterLogManager, settings: Settings) -> Hooks:
    """A line in the run's log for each batch; new alerts to the channels that the settings name."""

    def committed(entry: Entry) -> None:
        counts = f"{entry.rows_in:,} read, {number_of(entry.rows_out, 'row')} written, {entry.late_rows:,} late"
        log.info(f"{entry.title}: batch {entry.batch_id} is committed: {counts}, {entry.duration_ms / 1000:.1f} s")

    return with_delivery(Hooks(committed=committed), settings, log.info)
