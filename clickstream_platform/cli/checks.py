"""Commands that answer yes or no, also by their exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from clickstream_platform.cli import app, views
from clickstream_platform.cli.app import AsJson, TableNames, exit_unless, print_json
from clickstream_platform.doctor import diagnose
from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.streaming.audit import validate as validation
from clickstream_platform.streaming.audit import verify as verifying
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.tables import selected
from clickstream_platform.terminal import show

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

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

    With --source no table is computed: every file, or offset range, is counted again and compared with the ledger.
    """
    settings = from_env()
    if source:
        _verify_source(settings, names or [], as_json=as_json)
        return
    if as_json:
        raise SettingsError("--json", "it is for --source", "leave it out, or add --source")
    contracts, lake = selected(settings, names or []), Lake(settings.lake_folder)
    with app.spark_session(settings) as spark:
        is_exact = verify_all(contracts, spark, lake)
    exit_unless(is_exact)


def _verify_source(settings: Settings, names: list[str], *, as_json: bool) -> None:
    from clickstream_platform.streaming.audit.source_account import source_account  # noqa: PLC0415 - DuckDB is slow

    if names not in ([], ["events"]):
        raise SettingsError("--source", "only events has a source outside of the lake", "leave out the tables")
    (events,) = selected(settings, ["events"])
    found = source_account(events, Lake(settings.lake_folder))
    print_json(views.source_account_fields(found)) if as_json else show(views.source_account(found))
    exit_unless(found.clean)


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream validate || exit 1")
def validate(names: TableNames = None) -> None:
    """Check what every table promises of its rows. Exit code 1 if a check of error severity fails."""
    settings = from_env()
    contracts, lake = selected(settings, names or []), Lake(settings.lake_folder)
    with app.spark_session(settings) as spark:
        found = [result for table in contracts for result in validation.validate(table, spark, lake)]
    show(views.checks(found))
    exit_unless(all(result.passed for result in found if result.blocking))


@commands.command(rich_help_panel=PANEL)
def doctor() -> None:
    """Look for what a run needs of this machine. Exit code 1 if something is missing; changes nothing."""
    found = diagnose(from_env())
    show(views.findings(found))
    exit_unless(all(finding.ok for finding in found))


def verify_all(contracts: Sequence[StreamingTable], spark: SparkSession, lake: Lake) -> bool:
    """Verify table after table and show each; whether all are clean."""
    found: list[verifying.Verification] = []
    for table in contracts:
        found.append(verifying.verify(table, spark, lake))
        show(views.verification(found[-1]))
    return all(verification.clean for verification in found)
