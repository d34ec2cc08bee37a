"""Commands that answer yes or no, also by their exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from clickstream_platform.cli import app, views
from clickstream_platform.cli.app import TableNames, exit_unless
from clickstream_platform.settings import from_env
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


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream verify sessions")
def verify(names: TableNames = None) -> None:
    """Run every table's query over all events, and compare both ways, row by row. Exit code 1 if anything differs."""
    settings = from_env()
    contracts, lake = selected(settings, names or []), Lake(settings.lake_folder)
    with app.spark_session(settings) as spark:
        is_exact = verify_all(contracts, spark, lake)
    exit_unless(is_exact)


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream validate || exit 1")
def validate(names: TableNames = None) -> None:
    """Check what every table promises of its rows. Exit code 1 if a check of error severity fails."""
    settings = from_env()
    contracts, lake = selected(settings, names or []), Lake(settings.lake_folder)
    with app.spark_session(settings) as spark:
        found = [result for table in contracts for result in validation.validate(table, spark, lake)]
    show(views.checks(found))
    exit_unless(all(result.passed for result in found if result.blocking))


def verify_all(contracts: Sequence[StreamingTable], spark: SparkSession, lake: Lake) -> bool:
    """Verify table after table and show each; whether all are clean."""
    found: list[verifying.Verification] = []
    for table in contracts:
        found.append(verifying.verify(table, spark, lake))
        show(views.verification(found[-1]))
    return all(verification.clean for verification in found)
