"""One asset check for each expectation of a table; one scan of the table for all of them.

Every check looks at every row, in ``refresh`` as in ``validate``: simple and right, and as slow as the table is long.
"""

# No `from __future__ import annotations`: Dagster looks at the types of a function's arguments, not at their text.

from collections.abc import Iterator

import dagster as dg

from clickstream_platform.defs.errors import told_to_dagster
from clickstream_platform.defs.resources import SparkResource
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit.validate import NO_BATCH, CheckResult, described, validate
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.places import Lake


def table_checks(table: StreamingTable, settings: Settings) -> dg.AssetChecksDefinition:
    """The checks of a table. A blocking one that fails stops what is downstream, and with it the run."""
    lake = Lake(settings.lake_folder)
    specs = [
        dg.AssetCheckSpec(each.name, asset=table.name, blocking=each.blocking, description=described(each))
        for each in table.expectations
    ]

    @dg.multi_asset_check(name=f"{table.name}_checks", specs=specs, can_subset=True)
    def checks(context: dg.AssetCheckExecutionContext, spark: SparkResource) -> Iterator[dg.AssetCheckResult]:
        with told_to_dagster(context.retry_number):
            found = [result_of(each) for each in validate(table, spark.spark_session, lake)]
        asked = {key.name for key in context.selected_asset_check_keys}
        yield from (each for each in found if each.check_name in asked)

    return checks


def result_of(found: CheckResult) -> dg.AssetCheckResult:
    """A finding as Dagster shows it.

    A table that nothing has arrived for only warns: an empty landing folder must not make every run of a schedule fail.
    """
    severe = found.blocking and found.found != NO_BATCH
    rows = f"{found.found:,} rows break it" if isinstance(found.found, int) else found.found
    return dg.AssetCheckResult(
        asset_key=found.table,
        check_name=found.name,
        passed=found.passed,
        severity=dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
        metadata={"found": found.found, **found.numbers},
        description=f"{found.description} Found: {rows}.",
    )
