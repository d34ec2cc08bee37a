"""One asset check for each expectation of a table, all of them in one look at the table.

The job ``validate`` looks at all rows. Any other run looks at what is new since each check passed.
"""

# No `from __future__ import annotations`: Dagster looks at the types of a function's arguments, not at their text.

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import dagster as dg

from clickstream_platform.defs.errors import translate_errors
from clickstream_platform.defs.keys import VALIDATE
from clickstream_platform.defs.resources import SparkResource
from clickstream_platform.expectations import FreshEvents
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit.result import NO_BATCH, CheckResult, describe_expectation
from clickstream_platform.streaming.audit.validate import check
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import layout
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.tables import LakeTable
from clickstream_platform.wording import number_of


def table_checks(table: StreamingTable, settings: Settings) -> dg.AssetChecksDefinition:
    """The checks of a table. A blocking one that fails stops what is downstream, and with it the run."""
    lake = Lake(settings.lake_folder)
    specs = [
        dg.AssetCheckSpec(each.name, asset=table.name, blocking=each.blocking, description=describe_expectation(each))
        for each in table.expectations
    ]

    @dg.multi_asset_check(name=f"{table.name}_checks", specs=specs, can_subset=True)
    def checks(context: dg.AssetCheckExecutionContext, spark: SparkResource) -> Iterator[dg.AssetCheckResult]:
        chosen = only(table, {key.name for key in context.selected_asset_check_keys})
        with translate_errors(context.retry_number):
            layout.require_layout(lake)
            everything = context.run.job_name == VALIDATE
            results = check(chosen, lambda: spark.spark_session, lake, everything=everything)
        context.log.info(f"{said_of(table, chosen)}, {describe_scopes(results)}")
        yield from (result_of(each, lake) for each in results)

    return checks


def only(table: StreamingTable, names: Collection[str]) -> StreamingTable:
    """The table with the checks alone that were asked for."""
    return replace(table, expectations=tuple(each for each in table.expectations if each.name in names))


def said_of(table: StreamingTable, chosen: StreamingTable) -> str:
    """Which checks are run: how many, if it is all of them; else each by its name."""
    if chosen.expectations == table.expectations:
        return f"{table.name}: {number_of(len(table.expectations), 'check')}"
    names = ", ".join(each.name for each in chosen.expectations)
    return f"{table.name}: {len(chosen.expectations)} of {number_of(len(table.expectations), 'check')} ({names})"


def describe_scopes(results: Sequence[CheckResult]) -> str:
    """How many checks looked at all rows, and how many only at new ones, in words."""
    kinds = Counter(each.look.kind for each in results if each.look)
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or NO_BATCH


def result_of(result: CheckResult, lake: Lake) -> dg.AssetCheckResult:
    """A finding as Dagster shows it, with numbers, which it plots over time.

    A table that nothing has arrived for only warns: an empty landing folder must not make every run of a schedule fail.
    """
    severe = result.blocking and result.found != NO_BATCH
    return dg.AssetCheckResult(
        asset_key=result.table,
        check_name=result.name,
        passed=result.passed,
        severity=dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
        metadata={"found": result.found, **_numbers(result, lake), **result.numbers, **_look(result)},
        description=f"{result.description} Found: {result.finding}.",
    )


def _look(result: CheckResult) -> dict[str, str]:
    """What was looked at: in words, and from which version on where that was not all. A version is nothing to plot."""
    if result.look is None:
        return {}
    since = {} if result.look.since is None else {"since_version": str(result.look.since)}
    return {"look": result.look.kind, "looked_at": str(result.look), "version": str(result.look.version), **since}


def _numbers(result: CheckResult, lake: Lake) -> dict[str, int | float]:
    """The rows of the table; of a check of freshness, the age of the newest event. By the Delta log alone."""
    table = lake.table(result.table)
    newest = _newest(table) if result.name == FreshEvents.name else None
    if newest is None:
        return {"rows": table.rows()}
    age = datetime.now(timezone.utc) - newest
    return {"rows": table.rows(), "age_hours": round(age / timedelta(hours=1), 2)}


def _newest(table: LakeTable) -> datetime | None:
    held = table.open()
    times = held.get_add_actions(flatten=True).column("max.timestamp").to_pylist() if held and held.count() else []
    return max(filter(None, times), default=None)
