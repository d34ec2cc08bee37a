"""Commands that bring tables up to date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from clickstream_platform.cli import app, views
from clickstream_platform.cli.app import TableName, TableNames
from clickstream_platform.cli.progress import going_on, say
from clickstream_platform.cli.ready import lake_of, require_free, require_source
from clickstream_platform.delivery.outbox import Outbox
from clickstream_platform.delivery.post import delivering
from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import from_env
from clickstream_platform.streaming.audit.shares import remarks
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.contract.trigger import trigger_from
from clickstream_platform.streaming.contract.trigger_support import require
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.status import lag
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.idle import nothing_to_do
from clickstream_platform.streaming.runtime.report import RunReport
from clickstream_platform.streaming.sources.source import RecordSource
from clickstream_platform.tables import selected
from clickstream_platform.terminal import show

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PANEL = "Run"
commands = typer.Typer()
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Take the lease that a run on another host has left behind.")
]
ALERTS_SHOWN = 5  # of one batch: a first run over much history may find thousands


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream run  |  clickstream run events sessions")
def run(
    names: TableNames = None,
    *,
    trigger: Annotated[
        str | None,
        typer.Option(help="`available now` or `once`. Default: each contract's own.", show_default=False),
    ] = None,
    take_over: TakeOver = False,
) -> None:
    """Process what is there, table after table, then stop. With nothing new, no table changes."""
    settings = from_env()
    contracts = _triggered(selected(settings, names or []), trigger)
    require_source(contracts, lake := lake_of(settings, to_write=True), settings)
    require_free((table.name for table in contracts), lake, take_over=take_over)
    if not _has_anything(contracts, lake):
        return
    if nothing_to_do(contracts, lake) and not any(channel.waiting for channel in Outbox.of(lake).status()):
        typer.echo("nothing new: every table has read all there is")
        return
    with app.spark_session(settings) as spark:
        run_all(contracts, spark, lake, delivering(hooks(), settings, say), take_over=take_over)


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream rebuild sessions")
def rebuild(name: TableName) -> None:
    """Compute a table anew from all of `events`, in one commit; until then the old rows serve."""
    from clickstream_platform.streaming.runtime.run import rebuild as rebuilt  # noqa: PLC0415 - Spark

    settings = from_env()
    (table,), lake = selected(settings, [name]), lake_of(settings, to_write=True)
    require_free([name], lake)
    with app.spark_session(settings) as spark:
        with going_on(f"{name}: computed anew"):
            report = rebuilt(table, spark, lake, delivering(hooks(), settings, say))
        report_run(table, report, lake)
    show("", views.reports([report]))


def _triggered(contracts: list[StreamingTable], text: str | None) -> list[StreamingTable]:
    """The contracts with another trigger, if one is asked for. It has to be one that ends."""
    if text is None:
        return contracts
    try:
        trigger = trigger_from(text, "--trigger")
    except SettingsError as unknown:
        finding = f"{text!r} is no trigger of a run"
        raise SettingsError("--trigger", finding, "say `available now` or `once`") from unknown
    require(trigger, "run", "--trigger")
    return [replace(table, trigger=trigger) for table in contracts]


def run_all(
    contracts: Sequence[StreamingTable], spark: SparkSession, lake: Lake, hooks: Hooks, *, take_over: bool = False
) -> None:
    """Run tables in order and say what happened, also when one fails: those after it are left alone."""
    from clickstream_platform.streaming.runtime.run import run as run_table  # noqa: PLC0415 - Spark: an idle run has none

    done: list[RunReport] = []
    try:
        for table in contracts:
            found = lag(table, lake)
            typer.echo(f"{table.name}: {found.amount:,} {found.unit} to read")
            with going_on(f"{table.name}: running"):
                done.append(run_table(table, spark, lake, hooks, take_over=take_over))
            report_run(table, done[-1], lake)
            for remark in remarks(table, done[-1].batches):
                typer.echo(f"warning: {table.name}: {remark}")
    finally:
        if done:
            show("", views.reports(done), "")
        if left := [table.name for table in contracts[len(done) :]]:
            typer.echo(f"not done: {', '.join(left)}")


def _has_anything(contracts: Sequence[StreamingTable], lake: Lake) -> bool:
    """Whether anything was ever read, or is there to be read. If not, says so, and how to get it."""
    first = contracts[0]
    if first.derived or lake.events.exists or lag(first, lake).amount:
        return True
    hint = cast("RecordSource", first.offsets).how_to_fill
    typer.echo(hint, nl=bool(hint))
    return not hint


def hooks() -> Hooks:
    """Print each batch as it is committed, and each new alert."""
    return Hooks(notify=_announce, committed=lambda entry: say(views.batch_line(entry)))


def _announce(_: StreamingTable, rows: list[dict[str, Any]]) -> None:
    for row in rows[:ALERTS_SHOWN]:
        say(views.alert_line(row))
    if len(rows) > ALERTS_SHOWN:
        say(f"  and {len(rows) - ALERTS_SHOWN:,} alerts more")


def report_run(table: StreamingTable, report: RunReport, lake: Lake) -> None:
    """Tell Dagster, if there is an instance to tell."""
    from clickstream_platform.defs.reporting import report_run as told  # noqa: PLC0415 - Dagster takes seconds to import

    told(table, report, lake)
