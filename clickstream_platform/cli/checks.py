"""Commands that answer yes or no, also by their exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from clickstream_platform.cli import account, app, results
from clickstream_platform.cli.app import AsJson, TableNames, exit_unless, print_json
from clickstream_platform.cli.progress import show_progress
from clickstream_platform.cli.ready import existing_lake, lake_of
from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.ledger import last_entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.tables import select_tables
from clickstream_platform.terminal import show

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from clickstream_platform.streaming.audit.validate import CheckResult
    from clickstream_platform.streaming.audit.verify import Verification

PANEL = "Check"
commands = typer.Typer()


@commands.command(
    rich_help_panel=PANEL, epilog="Example: clickstream verify sessions  |  clickstream verify --source --json"
)
def verify(
    names: TableNames = None,
    *,
    source: Annotated[
        bool, typer.Option("--source", help="Instead: count the source again, and compare it with the ledger.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run every table's query over all events, and compare both ways, row by row. Exit code 1 if anything differs.

    With --source no query runs and no JVM starts: each file, or offset range, is counted and compared with the ledger.
    """
    settings = from_env()
    if source:
        _verify_source(settings, names or [], as_json=as_json)
        return
    contracts, lake = select_tables(settings, names or []), existing_lake(settings)
    from clickstream_platform.streaming.audit.books import with_batch  # noqa: PLC0415 - Arrow

    made, without = with_batch(contracts, lake)  # told before a JVM starts
    with app.spark_session(settings, records=lake.events.rows()) as spark:
        verifications = verify_tables(made, spark, lake, shown=not as_json)
    are_clean = not without and all(each.clean for each in verifications)
    if as_json:
        tables = [{**asdict(each), "clean": each.clean} for each in verifications]
        print_json({"clean": are_clean, "tables": tables, "without_batch": without})
    elif without:
        show(results.without_batch(without))
    exit_unless(are_clean)


def _verify_source(settings: Settings, names: list[str], *, as_json: bool) -> None:
    from clickstream_platform.streaming.audit.source_account import source_account  # noqa: PLC0415 - DuckDB is slow

    if names not in ([], ["events"]):
        raise SettingsError("--source", "only events has a source outside of the lake", "leave out the tables")
    (events,) = select_tables(settings, ["events"])
    with show_progress("the source: counted"):
        result = source_account(events, existing_lake(settings))
    print_json(account.account_fields(result)) if as_json else show(account.account_picture(result))
    exit_unless(result.clean)


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream validate || exit 1")
def validate(names: TableNames = None, *, as_json: AsJson = False) -> None:
    """Check what every table promises of its rows. Exit code 1 if a check of error severity fails."""
    from clickstream_platform.streaming.audit import validate as validation  # noqa: PLC0415 - Spark

    settings = from_env()
    contracts, lake = select_tables(settings, names or []), lake_of(settings)
    if any(last_entry(lake.table(table.name)) for table in contracts):
        checks = _validate_tables(contracts, settings, lake)
    else:  # told without a JVM
        checks = [result for table in contracts for result in validation.results_without_batch(table)]
    is_good = all(result.passed for result in checks if result.blocking)
    if as_json:
        print_json({"passed": is_good, "checks": [asdict(result) for result in checks]})
    else:
        show(results.checks(checks))
    exit_unless(is_good)


def _validate_tables(contracts: Sequence[StreamingTable], settings: Settings, lake: Lake) -> list[CheckResult]:
    from clickstream_platform.streaming.audit import validate as validation  # noqa: PLC0415 - Spark

    checks: list[CheckResult] = []
    with app.spark_session(settings) as spark:
        for table in contracts:
            with show_progress(f"{table.name}: checked"):
                checks += validation.validate(table, spark, lake)
    return checks


def verify_tables(
    contracts: Sequence[StreamingTable], spark: SparkSession, lake: Lake, *, shown: bool = True
) -> list[Verification]:
    """Verify table after table, and show what each came to."""
    from clickstream_platform.streaming.audit import verify as verifying  # noqa: PLC0415 - `verify --source` has no Spark

    verifications: list[Verification] = []
    for table in contracts:
        with show_progress(f"{table.name}: compared"):
            verifications.append(verifying.verify(table, spark, lake))
        if shown:
            show(results.verification(verifications[-1]))
    return verifications
