"""Commands that show what is there. None starts a JVM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeVar

import typer

from clickstream_platform.cli import ledger_view, views
from clickstream_platform.cli.app import AsJson, TableName, exit_unless, print_json, tables_like
from clickstream_platform.cli.ready import existing_lake, lake_of, make_writable_folder
from clickstream_platform.errors import DamageError, SettingsError
from clickstream_platform.files import write_whole
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.terminal import line, show

if TYPE_CHECKING:
    from clickstream_platform.streaming.contract.table import StreamingTable
    from clickstream_platform.streaming.lake.entry import Entry
    from clickstream_platform.streaming.lake.ledger import Amendment
    from clickstream_platform.streaming.lake.places import Lake
    from clickstream_platform.streaming.maintenance.retention import ExpiryPlan

PANEL = "Look"
T = TypeVar("T")
commands = typer.Typer()


@commands.command(
    rich_help_panel=PANEL,
    epilog="Example: clickstream status --watch  |  clickstream status sessions  |  clickstream status --json",
)
def status(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[TABLE]", help="Show this table's last runs.", show_default=False, autocompletion=tables_like
        ),
    ] = None,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Live: queries, lag, visitors. Ctrl-C ends it.")] = False,
    every: Annotated[float, typer.Option(min=0.2, max=3600, help="With --watch: seconds between two looks.")] = 2,
    limit: Annotated[int, typer.Option(min=1, help="With a table: the newest runs shown.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Where every table stands: rows, watermark, and what is left to read; or the last runs of one. Starts no JVM."""
    from clickstream_platform.live.history import fields_of, history, last_runs  # noqa: PLC0415
    from clickstream_platform.streaming.lake.ledger import entries  # noqa: PLC0415
    from clickstream_platform.tables import select_tables  # noqa: PLC0415 - the contracts import Spark, and `ledger` has none

    settings = from_env()
    contracts, lake = select_tables(settings, [name] if name else []), lake_of(settings)
    if watch and (name or as_json):
        raise SettingsError("--watch", "it shows every table, to a person", "leave out the table and --json")
    if watch:
        _watch(contracts, lake, settings.queries_folder, every)
    elif name:
        runs = last_runs(entries(lake.table(name)), limit)
        now = datetime.now(timezone.utc)
        print_json({"table": name, "runs": fields_of(runs)}) if as_json else show(history(name, runs, now))
    else:
        _statuses(contracts, lake, settings, as_json=as_json)


def _watch(contracts: Sequence[StreamingTable], lake: Lake, journal: Path, every: float) -> None:
    from clickstream_platform.live.visitors import observe  # noqa: PLC0415 - DuckDB and Arrow take half a second to import
    from clickstream_platform.live.watch import watch  # noqa: PLC0415

    watch(lambda before: observe(contracts, lake, journal, before), timedelta(seconds=every))


def _statuses(contracts: Sequence[StreamingTable], lake: Lake, settings: Settings, *, as_json: bool) -> None:
    from clickstream_platform.delivery.outbox import Outbox  # noqa: PLC0415
    from clickstream_platform.streaming.maintenance.retention import ExpiryPlan  # noqa: PLC0415
    from clickstream_platform.streaming.observe.query_status import queries  # noqa: PLC0415
    from clickstream_platform.streaming.observe.status import status as statuses  # noqa: PLC0415

    standing, channels = statuses(contracts, lake), Outbox.of(lake).status()
    damaged = dict.fromkeys(each.damage for each in standing if each.damage)
    found: _OfEvents = _unless_damaged(
        lambda: _of_events(contracts, lake, settings), _OfEvents({}, {}, {}, ExpiryPlan()), damaged
    )
    known = [name for name in views.LEFT_OUT if name != "copies" or lake.table(name).exists]
    left_out = {name: _unless_damaged(lake.table(name).rows, 0, damaged) for name in known}
    if as_json:
        active = [asdict(of_query[-1]) for of_query in queries(settings.queries_folder) if of_query[-1].is_active]
        listed = {key: [asdict(each) for each in of] for key, of in (("tables", standing), ("deliveries", channels))}
        of_lake = {"lake": str(lake.root), "is_there": bool(lake.names()), "damaged": [*damaged]}
        of_events = {"refused": found.refused, "passed_over": found.passed_over, "violations": found.violations}
        print_json({**of_lake, **of_events, **listed, "queries": active, "too_old": views.too_old_fields(found.old)})
    else:
        shown = views.statuses(standing, left_out) if lake.names() else views.no_lake(standing)
        show(views.place(lake, is_there=bool(lake.names())), "", shown, *views.deliveries(channels))
        found.show()
        show(*(line(each, "bold red") for each in damaged))
    exit_unless(not damaged)


class _OfEvents(NamedTuple):
    """What `status` says of the last run of ``events`` and of all of them: see its JSON."""

    passed_over: dict[str, int]
    violations: dict[str, int]
    refused: dict[str, str]
    old: ExpiryPlan

    def show(self) -> None:
        """A line for each that there is."""
        from clickstream_platform.streaming.audit.books import describe_refused  # noqa: PLC0415
        from clickstream_platform.streaming.audit.shares import describe_violations  # noqa: PLC0415

        if self.passed_over:
            show(line(views.passed_over(self.passed_over)))
        if self.violations:
            show(line(f"the last run counted {describe_violations(self.violations)}", "yellow"))
        if self.old.has_any:
            show(views.too_old(self.old))
        if self.refused:
            show(line(f"{describe_refused(self.refused)}: `clickstream verify --source` lists them", "yellow"))


def _of_events(contracts: Sequence[StreamingTable], lake: Lake, settings: Settings) -> _OfEvents:
    from clickstream_platform.streaming.audit import books  # noqa: PLC0415
    from clickstream_platform.streaming.maintenance.retention import plan_expiry  # noqa: PLC0415

    old = plan_expiry(contracts, lake, settings.retention, settings.quarantine_retention)
    return _OfEvents(books.newest_passed_over(lake), books.newest_violations(lake), books.all_refused_files(lake), old)


def _unless_damaged(read: Callable[[], T], otherwise: T, damaged: dict[str, None]) -> T:
    """What is read; where a table is damaged, what to take instead, and the error is noted."""
    try:
        return read()
    except DamageError as error:
        damaged[str(error)] = None
        return otherwise


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream explain sessions")
def explain(name: TableName, *, as_json: AsJson = False) -> None:
    """The six sentences of a table, its columns, and where its checkpoint is. Starts no JVM."""
    from clickstream_platform.streaming.lake.generations import current_checkpoint  # noqa: PLC0415
    from clickstream_platform.tables import select_tables  # noqa: PLC0415

    settings = from_env()
    (table,), lake = select_tables(settings, [name]), lake_of(settings)
    generation = current_checkpoint(lake, name, table.offsets.source_name).generation
    if as_json:
        print_json(views.explanation_fields(table, lake, generation))
    else:
        show(views.explanation(table, lake, generation))


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream ledger --table events --limit 5")
def ledger(
    *,
    table: Annotated[
        str | None, typer.Option(help="Only this table's.", show_default=False, autocompletion=tables_like)
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Newest entries shown; 0 for all.")] = 20,
    as_json: AsJson = False,
) -> None:
    """What every batch read and wrote, newest first, and whether the ledger balances. Starts no JVM.

    Below it what was added and removed outside of batches: replays, erasures, what was too old, stretches
    rebuilt; and which dates were filled.
    """
    from clickstream_platform.streaming.audit.balance import imbalances  # noqa: PLC0415
    from clickstream_platform.streaming.lake.entry import entry_fields  # noqa: PLC0415
    from clickstream_platform.streaming.lake.ledger import Amendment, entries, ledger_lines  # noqa: PLC0415

    settings = from_env()
    lake = existing_lake(settings)
    booked = [list(entries(lake.table(name))) for name in _with_a_ledger(table, settings, lake)]
    wrong = [line for of_one in booked for line in imbalances(of_one)]
    newest = sorted((e for of_one in booked for e in of_one), key=_when)[: limit or None]
    all_lines = (each for name in ([table] if table else lake.names()) for each in ledger_lines(lake.table(name)))
    amended = sorted((each for each in all_lines if isinstance(each, Amendment)), key=_when)[: limit or None]
    if as_json:
        listed = {"entries": [entry_fields(each) for each in newest], "amendments": [asdict(each) for each in amended]}
        print_json({**listed, "imbalances": wrong})
    elif not newest and not amended:
        show(line("no batch is committed yet: `clickstream run`"))
    else:
        outside = ["", ledger_view.amendments(amended)] if amended else []
        show(ledger_view.ledger(newest), *outside, "", ledger_view.imbalance(wrong))
    exit_unless(not wrong)


def _when(line: Entry | Amendment) -> int:
    """The key by which lines of a ledger are sorted: the newest first."""
    return -line.committed_at_ms


def _with_a_ledger(table: str | None, settings: Settings, lake: Lake) -> list[str]:
    """The table asked for, or all that the lake has. The contracts are asked only about one that it has not."""
    with_ledger = [name for name in lake.names() if name not in views.LEFT_OUT]
    if table is None or table in with_ledger:
        return [table] if table else with_ledger
    from clickstream_platform.tables import select_tables  # noqa: PLC0415 - the contracts import Spark

    return [contract.name for contract in select_tables(settings, [table])]


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
    if path.is_dir():
        raise SettingsError("--to" if to else "CLICKSTREAM_HOME", f"{path} is a folder", "name a file to write")
    lake = existing_lake(settings)
    make_writable_folder(path.absolute().parent, "--to" if to else "CLICKSTREAM_HOME")
    write_whole(path, page.report(lake, days, datetime.now(timezone.utc)).html())
    typer.echo(path)
