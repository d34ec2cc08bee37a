"""Commands that bring tables up to date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from clickstream_platform.cli import app, maintenance_views, views
from clickstream_platform.cli.app import TableName, TableNames
from clickstream_platform.cli.failures import failure
from clickstream_platform.cli.progress import print_line, show_progress
from clickstream_platform.cli.ready import existing_lake, lake_of, make_lake_folder, require_source
from clickstream_platform.defs.reporting import report_run as tell_dagster
from clickstream_platform.delivery.outbox import Outbox
from clickstream_platform.delivery.post import with_delivery
from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.streaming.audit.shares import run_notes, run_warnings
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.contract.trigger import trigger_from
from clickstream_platform.streaming.contract.trigger_support import require_trigger
from clickstream_platform.streaming.lake.lease import free_left_behind, require_free
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.lag import Lags, describe_lag, lags, unread_amount
from clickstream_platform.streaming.runtime.backlog import estimate_backlog
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.idle import has_nothing_to_do
from clickstream_platform.streaming.runtime.report import RunReport
from clickstream_platform.streaming.sources.source import RecordSource
from clickstream_platform.tables import select_tables
from clickstream_platform.terminal import show
from clickstream_platform.wording import number_of

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
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            help="Tables at a time, once events is done. Default: one a core, 4 at most.",
            show_default=False,
        ),
    ] = None,
    take_over: TakeOver = False,
) -> None:
    """Process what is there in every table, then stop. With nothing new, no table changes."""
    settings = from_env()
    contracts = _with_trigger(select_tables(settings, names or []), trigger)
    known_lags = require_source(contracts, lake := lake_of(settings), settings)
    if not _has_anything(contracts, lake, known_lags):
        return
    make_lake_folder(settings)
    names_of_tables = [table.name for table in contracts]
    if take_over:
        free_left_behind(names_of_tables, lake)
    require_free(names_of_tables, lake)
    if has_nothing_to_do(contracts, lake, known_lags) and not any(
        channel.waiting for channel in Outbox.of(lake).status()
    ):
        typer.echo("nothing new: every table has read all there is")
        return
    with app.spark_session(settings, records=estimate_backlog(contracts, lake, known_lags)) as spark:
        hearing = with_delivery(hooks(), settings, print_line)
        run_all(contracts, spark, lake, hearing, known_lags, jobs=jobs)


@commands.command(
    rich_help_panel=PANEL,
    epilog="Example: clickstream rebuild sessions  |  clickstream rebuild sessions --from 2026-11-02 --to 2026-11-04",
)
def rebuild(
    name: TableName,
    *,
    since: Annotated[
        str | None, typer.Option("--from", help="Only rows that touch the time from here.", show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="Up to here, excluded. A day, or a time; UTC.", show_default=False)
    ] = None,
) -> None:
    """Compute a table anew from all of `events`, in one commit; until then the old rows serve.

    With --from and --to only the rows of that stretch, from the events around it; the other rows stay as they are.
    """
    settings = from_env()
    (table,), lake = select_tables(settings, [name]), existing_lake(settings, to_write=True)
    if since is not None or until is not None:
        _rebuild_stretch(table, lake, settings, since, until)
        return
    from clickstream_platform.streaming.runtime import run as running  # noqa: PLC0415 - Spark

    running.require_rebuildable(table, lake)
    require_free([name], lake)
    with app.spark_session(settings, records=lake.events.rows()) as spark:
        with show_progress(f"{name}: computed anew"):
            report = running.rebuild(table, spark, lake, with_delivery(hooks(), settings, print_line))
        report_run(table, report, lake)
    show("", views.reports([report]))


def _rebuild_stretch(
    table: StreamingTable, lake: Lake, settings: Settings, since: str | None, until: str | None
) -> None:
    from clickstream_platform.streaming.maintenance import stretch as stretches  # noqa: PLC0415 - Spark

    stretch = stretches.require_stretch(table, *stretches.parse_ends(since, until, ("--from", "--to")))
    require_free([table.name], lake)
    table.offsets.require_there(table.name, lake)
    with app.spark_session(settings) as spark, show_progress(f"{table.name}: a stretch is computed anew"):
        result = stretches.rebuild_stretch(table, stretch, spark, lake, with_delivery(hooks(), settings, print_line))
    show(maintenance_views.stretch_picture(result))


def _with_trigger(contracts: list[StreamingTable], text: str | None) -> list[StreamingTable]:
    """The contracts with another trigger, if one is asked for. It has to be one that ends."""
    if text is None:
        return contracts
    try:
        trigger = trigger_from(text, "--trigger")
    except SettingsError as unknown:
        finding = f"{text!r} is no trigger of a run"
        raise SettingsError("--trigger", finding, "say `available now` or `once`") from unknown
    require_trigger(trigger, "run", "--trigger")
    return [replace(table, trigger=trigger) for table in contracts]


def run_all(
    contracts: Sequence[StreamingTable],
    spark: SparkSession,
    lake: Lake,
    hooks: Hooks,
    known_lags: Lags | None = None,
    *,
    jobs: int | None = 1,
) -> None:
    """Run tables, so many at a time (None: as many as is usual), and say what happened.

    Of sources that were listed just now, say what there is to read by ``known_lags``; they are not listed again.

    Raises:
        The error of the first table that failed; of others it prints theirs.
    """
    from clickstream_platform.streaming.runtime.side_by_side import side_by_side  # noqa: PLC0415 - an idle run has none

    progress = _Progress(lake, known_lags or {})
    try:
        with show_progress(progress):
            side_by_side(contracts, spark, lake, hooks, progress, jobs=jobs)
    finally:
        _say_what_was_done(contracts, progress)
    for error in [*progress.failures.values()][1:]:
        show(failure(error), stderr=True)
    for error in progress.failures.values():
        raise error


def _say_what_was_done(contracts: Sequence[StreamingTable], progress: _Progress) -> None:
    """A line for each table that did something; and which have failed, or have not read all there was."""
    reports = [progress.done[table.name] for table in contracts if table.name in progress.done]
    if shown := [each for each in reports if each.batches or not each.is_cut_short]:
        show("", views.reports(shown), "")
    if progress.failures:
        typer.echo(f"failed: {', '.join(progress.failures)}")
    ended = {each.table for each in reports if not each.is_cut_short}
    if not_done := [each.name for each in contracts if each.name not in {*ended, *progress.failures}]:
        typer.echo(f"not done: {', '.join(not_done)}")


@dataclass
class _Progress:
    """What the tables of a run are at; as text, for the line that says what goes on."""

    lake: Lake
    known_lags: Lags
    running: list[str] = field(default_factory=list[str])
    done: dict[str, RunReport] = field(default_factory=dict[str, RunReport])
    failures: dict[str, Exception] = field(default_factory=dict[str, Exception])

    def __str__(self) -> str:
        """The tables that are on."""
        return f"{', '.join(self.running)}: running"

    def begins(self, table: StreamingTable) -> None:
        """Say what it has to read."""
        titles = [each.title for each in table.by_source()]
        known = {title: self.known_lags[title] for title in titles if title in self.known_lags}
        for title, lag in (known or lags(table, self.lake)).items():
            print_line(f"{title}: {describe_lag(lag)}")
        self.running.append(table.name)

    def ended(self, table: StreamingTable, report: RunReport) -> None:
        """Tell Dagster, and warn of what is remarkable."""
        self.running.remove(table.name)
        self.done[table.name] = report
        report_run(table, report, self.lake)

    def failed(self, table: StreamingTable, failure: Exception) -> None:
        """Keep what went wrong for the end."""
        if table.name in self.running:  # not if it could not even be asked what it has to read
            self.running.remove(table.name)
        self.failures[table.name] = failure


def _has_anything(contracts: Sequence[StreamingTable], lake: Lake, known_lags: Lags) -> bool:
    """Whether anything was ever read, or is there to be read. If not, says so, and how to get it."""
    first = contracts[0]
    if first.derived or lake.events.exists or any(unread_amount(each) for each in known_lags.values()):
        return True
    hint = cast("RecordSource", first.offsets).how_to_fill
    typer.echo(hint, nl=bool(hint))
    return not hint


def hooks() -> Hooks:
    """Print each batch as it is committed, and each new alert."""
    return Hooks(notify=_announce, committed=lambda entry: print_line(views.batch_line(entry)))


def _announce(_: StreamingTable, rows: list[dict[str, Any]]) -> None:
    for row in rows[:ALERTS_SHOWN]:
        print_line(views.alert_line(row))
    if len(rows) > ALERTS_SHOWN:
        print_line(f"  and {number_of(len(rows) - ALERTS_SHOWN, 'alert')} more")


def report_run(table: StreamingTable, report: RunReport, lake: Lake) -> None:
    """Tell Dagster, if there is an instance to tell; and the person, if too much was rejected or there already."""
    tell_dagster(table, report, lake)
    for line in run_notes(report.batches):
        print_line(f"{table.name}: {line}")
    for remark in run_warnings(table, report.batches):
        print_line(f"warning: {table.name}: {remark}")
