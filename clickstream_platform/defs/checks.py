"""One asset check for each expectation of a table; one scan of the table for all of them.

Every check looks at every row, in ``refresh`` as in ``validate``: simple and right, and as slow as the table is long.
"""

# No `from __future__ import annotations`: Dagster looks at the types of a function's arguments, not at their text.

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import dagster as dg

from clickstream_platform.defs.errors import told_to_dagster
from clickstream_platform.defs.resources import SparkResource
from clickstream_platform.expectations import FreshEvents
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit.validate import NO_BATCH, CheckResult, described, validate
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import layout
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.tables import LakeTable


def table_checks(table: StreamingTable, settings: Settings) -> dg.AssetChecksDefinition:
    """The checks of a table. A blocking one that fails stops what is downstream, and with it the run."""
    lake = Lake(settings.lake_folder)
    specs = [
        dg.AssetCheckSpec(each.name, asset=table.name, blocking=each.blocking, description=described(each))
        for each in table.expectations
    ]

    @dg.multi_asset_check(name=f"{table.name}_checks", specs=specs, can_subset=True)
    def checks(context: dg.AssetCheckExecutionContext, spark: SparkResource) -> Iterator[dg.AssetCheckResult]:
        context.log.info(f"{table.name}: {len(specs)} checks, on every row")
        with told_to_dagster(context.retry_number):
            layout.require(lake)
            found = [result_of(each, lake) for each in validate(table, spark.spark_session, lake)]
        asked = {key.name for key in context.selected_asset_check_keys}
        yield from (each for each in found if each.check_name in asked)

    return checks


def result_of(found: CheckResult, lake: Lake) -> dg.AssetCheckResult:
    """A finding as Dagster shows it, with numbers, which it plots over time.

    A table that nothing has arrived for only warns: an empty landing folder must not make every run of a schedule fail.
    """
    severe = found.blocking and found.found != NO_BATCH
    rows = f"{found.found:,} rows break it" if isinstance(found.found, int) else found.found
    return dg.AssetCheckResult(
        asset_key=found.table,
        check_name=found.name,
        passed=found.passed,
        severity=dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
        metadata={"found": found.found, **_numbers(found, lake), **found.numbers},
        description=f"{found.description} Found: {rows}.",
    )


def _numbers(found: CheckResult, lake: Lake) -> dict[str, int | float]:
    """The rows that were looked at; of a check of freshness, the age of the newest event. By the Delta log alone."""
    table = lake.table(found.table)
    newest = _newest(table) if found.name == FreshEvents.name else None
    if newest is None:
        return {"rows": table.rows()}
    age = datetime.now(timezone.utc) - newest
    return {"rows": table.rows(), "age_hours": round(age / timedelta(hours=1), 2)}


def _newest(table: LakeTable) -> datetime | None:
    held = table.open()
    times = held.get_add_actions(flatten=True).column("max.timestamp").to_pylist() if held and held.count() else []
    return max(filter(None, times), default=None)
