"""Commands that show what is there. None starts a JVM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import typer

from clickstream_platform.cli import views
from clickstream_platform.cli.app import AsJson, TableName, exit_unless, print_json
from clickstream_platform.delivery.outbox import Outbox
from clickstream_platform.errors import SettingsError
from clickstream_platform.export import csv_lines, json_lines
from clickstream_platform.live.history import fields_of, history, last_runs
from clickstream_platform.settings import from_env
from clickstream_platform.streaming.audit.balance import imbalances
from clickstream_platform.streaming.audit.books import refused
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.generations import current
from clickstream_platform.streaming.lake.ledger import Entry, entries
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.listener import queries
from clickstream_platform.streaming.observe.quarantine import rejections
from clickstream_platform.streaming.observe.status import status as statuses
from clickstream_platform.tables import selected
from clickstream_platform.tables.events import QUARANTINE
from clickstream_platform.tables.user_patterns import LATE_EVENTS
from clickstream_platform.terminal import show

PANEL = "Look"
commands = typer.Typer()
Form = Literal["table", "csv", "json"]


@commands.command(
    rich_help_panel=PANEL,
    epilog="Example: clickstream status --watch  |  clickstream status sessions  |  clickstream status --json",
)
def status(
    name: Annotated[
        str | None, typer.Argument(metavar="[TABLE]", help="Show this table's last runs.", show_default=False)
    ] = None,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Live: queries, lag, visitors. Ctrl-C ends it.")] = False,
    every: Annotated[float, typer.Option(min=0.2, max=3600, help="With --watch: seconds between two looks.")] = 2,
    limit: Annotated[int, typer.Option(min=1, help="With a table: the newest runs shown.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Where every table stands: rows, watermark, and what is left to read; or the last runs of one. Starts no JVM."""
    settings = from_env()
    contracts, lake = selected(settings, [name] if name else []), Lake(settings.lake_folder)
    if watch and (name or as_json):
        raise SettingsError("--watch", "it shows every table, to a person", "leave out the table and --json")
    if watch:
        _watch(contracts, lake, settings.queries_folder, every)
    elif name:
        runs = last_runs(entries(lake.table(name)), limit)
        print_json({"table": name, "runs": fields_of(runs)}) if as_json else show(history(name, runs))
    else:
        _statuses(contracts, lake, settings.queries_folder, as_json=as_json)


def _watch(contracts: Sequence[StreamingTable], lake: Lake, journal: Path, every: float) -> None:
    from clickstream_platform.live.visitors import look  # noqa: PLC0415 - DuckDB and Arrow take half a second to import
    from clickstream_platform.live.watch import watch  # noqa: PLC0415

    watch(lambda before: look(contracts, lake, journal, before), timedelta(seconds=every))


def _statuses(contracts: Sequence[StreamingTable], lake: Lake, journal: Path, *, as_json: bool) -> None:
    found, told, files = statuses(contracts, lake), Outbox.of(lake).status(), refused(lake)
    if as_json:
        active = [asdict(said[-1]) for said in queries(journal) if said[-1].is_active]
        listed = {"tables": found, "deliveries": told}
        print_json(
            {**{key: [asdict(each) for each in of] for key, of in listed.items()}, "queries": active, "refused": files}
        )
    else:
        left_out = {name: lake.table(name).rows() for name in (QUARANTINE.name, LATE_EVENTS.name)}
        show(views.statuses(found, left_out, files), *views.deliveries(told))


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream explain sessions")
def explain(name: TableName) -> None:
    """The six sentences of a table, its columns, and where its checkpoint is. Starts no JVM."""
    settings = from_env()
    (table,), lake = selected(settings, [name]), Lake(settings.lake_folder)
    show(views.explanation(table, lake, current(lake, name).generation))


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream ledger --table events --limit 5")
def ledger(
    *,
    table: Annotated[str | None, typer.Option(help="Only this table's.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=0, help="Newest entries shown; 0 for all.")] = 20,
    as_json: AsJson = False,
) -> None:
    """What every batch read and wrote, newest first, and whether the ledger balances. Starts no JVM."""
    settings = from_env()
    contracts, lake = selected(settings, [table] if table else []), Lake(settings.lake_folder)
    booked = [list(entries(lake.table(contract.name))) for contract in contracts]
    wrong = [line for of_one in booked for line in imbalances(of_one)]
    newest: list[Entry] = sorted((e for of_one in booked for e in of_one), key=lambda e: -e.committed_at_ms)
    newest = newest[: limit or None]
    if as_json:
        print_json({"entries": [asdict(entry) for entry in newest], "imbalances": wrong})
    else:
        show(views.ledger(newest), "", views.imbalance(wrong))
    exit_unless(not wrong)


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream quarantine --samples 5")
def quarantine(
    *, samples: Annotated[int, typer.Option(min=0, help="Records shown of each.")] = 2, as_json: AsJson = False
) -> None:
    """Why records were rejected, how many, and the newest of each. Starts no JVM."""
    found = rejections(Lake(from_env().lake_folder).table(QUARANTINE.name), samples)
    if as_json:
        print_json({"reasons": [views.rejection_fields(each) for each in found]})
    else:
        show(views.rejections(found))


@commands.command(
    rich_help_panel=PANEL, epilog='Example: clickstream sql "select rule, count(*) from alerts_final group by rule"'
)
def sql(
    statement: Annotated[str, typer.Argument(help="One statement in DuckDB's SQL; `show tables` lists the views.")],
    *,
    form: Annotated[Form, typer.Option("--format", help="csv and json are for programs: every row, whole.")] = "table",
    limit: Annotated[int, typer.Option(min=0, help="Rows shown in a table; 0 for all.")] = 40,
) -> None:
    """Ask the tables of the lake. Starts no JVM; reads only. `<table>_final` has the rows that are final."""
    from clickstream_platform.sql import ask, connect  # noqa: PLC0415 - DuckDB and Arrow take half a second to import

    answer = ask(connect(Lake(from_env().lake_folder)), statement)
    if form == "table":
        rows = list(islice(answer.rows, limit or None))
        is_cut = bool(limit) and next(answer.rows, None) is not None
        show(views.answer(answer.columns, answer.numeric, rows), *views.length(len(rows), is_cut=is_cut))
        return
    for line in csv_lines(answer) if form == "csv" else json_lines(answer):
        typer.echo(line)


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream report --days 1 --to today.html")
def report(
    *,
    days: Annotated[int, typer.Option(min=1, max=366, help="Days up to the newest event.")] = 7,
    to: Annotated[
        Path | None, typer.Option(help="Where to write. Default: report.html of the home.", show_default=False)
    ] = None,
) -> None:
    """Write one HTML page with plots: visitors, sessions, purchases, alerts, data quality, cost. Starts no JVM."""
    from clickstream_platform.report import page  # noqa: PLC0415 - matplotlib takes a second to import

    settings = from_env()
    path = to or settings.home / "report.html"
    page.write(path, page.report(Lake(settings.lake_folder), days).html())
    typer.echo(path)
