"""``clickstream``: parse arguments, call one function, print."""

from __future__ import annotations

import json
import logging
import signal
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from typer.core import TyperGroup

from clickstream_platform import demo as demonstration
from clickstream_platform import kafka_cli, producing, rendering
from clickstream_platform.answers import csv_lines, json_lines
from clickstream_platform.delivery.outbox import Outbox
from clickstream_platform.delivery.post import delivering
from clickstream_platform.doctor import diagnose
from clickstream_platform.errors import ClickstreamError, SettingsError
from clickstream_platform.events import simulation
from clickstream_platform.events.truth import Truth
from clickstream_platform.printing import show
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.spark import build_session
from clickstream_platform.streaming import erasure, retention
from clickstream_platform.streaming import maintain as maintenance
from clickstream_platform.streaming import replay as replaying
from clickstream_platform.streaming import run as runs
from clickstream_platform.streaming import validate as validation
from clickstream_platform.streaming import verify as verifying
from clickstream_platform.streaming.generation import current
from clickstream_platform.streaming.ingest import QUARANTINE
from clickstream_platform.streaming.lake import Lake
from clickstream_platform.streaming.ledger import Entry, entries, imbalances
from clickstream_platform.streaming.offsets import FileSource, KafkaSource, source_from
from clickstream_platform.streaming.progress import RunReport
from clickstream_platform.streaming.rejections import rejections
from clickstream_platform.streaming.status import lag, require_source
from clickstream_platform.streaming.status import status as statuses
from clickstream_platform.streaming.table import StreamingTable
from clickstream_platform.tables import selected, tables

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ALERTS_SHOWN = 5  # of one batch: a first run over much history may find thousands
DEMO_EVENTS = 50_000


class Commands(TyperGroup):
    """Ends in one line what a person can mend and what Spark raised. Anything else is a bug, with its traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command. Exit code 2: a setting is wrong and nothing has begun; 130: Ctrl-C; 1: anything else."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("interrupted; what is committed stays, and the next run goes on from there", err=True)
            raise typer.Exit(130) from None
        except (ClickstreamError, PySparkException, Py4JError) as error:
            if ctx.params["debug"]:
                raise
            show(rendering.failure(error), stderr=True)
            raise typer.Exit(2 if isinstance(error, SettingsError) else 1) from error


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they print local variables: settings, records
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(kafka_cli.app, name="kafka")
TableNames = Annotated[list[str] | None, typer.Argument(metavar="TABLES", help="All tables, if none is named.")]
TableName = Annotated[str, typer.Argument(metavar="TABLE", help="Its name, as `clickstream status` lists it.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")]
Form = Literal["table", "csv", "json"]
Share = Annotated[float, typer.Option(min=0, max=1, rich_help_panel="Shares of what goes wrong, 0 to 1")]
USUAL = simulation.Shares()


def main() -> None:
    """The entry point of ``clickstream``."""
    app()


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"clickstream {version('clickstream-platform')}")
        except PackageNotFoundError:  # run from a checkout that was never installed
            typer.echo("clickstream, not installed")
        raise typer.Exit


@app.callback(epilog="Settings are variables CLICKSTREAM_... or lines of .env; see .env.example.")
def clickstream(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True)] = False,
) -> None:
    """Click events in, right Delta tables out."""
    ours = logging.StreamHandler()
    ours.setFormatter(logging.Formatter("warning: %(message)s"))
    ours.addFilter(logging.Filter("clickstream_platform"))  # py4j logs the traceback of whatever it raises
    logging.basicConfig(level=logging.WARNING, handlers=[ours], force=True)


@app.command(epilog="Example: CLICKSTREAM_HOME=/tmp/demo clickstream demo")
def demo(
    events: Annotated[int, typer.Option(min=1_000, help="Records to simulate.")] = DEMO_EVENTS,
    *,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Through a Kafka broker of its own, in the home folder.")
    ] = False,
) -> None:
    """Simulate visitors with every known fault in two arrivals, run all tables on each, compare with the known truth.

    A second demo lands nothing, reads nothing and compares again.
    """
    simulated = demonstration.simulated(events)
    with demonstration.on_kafka(from_env()) if kafka else nullcontext(from_env()) as settings:
        _demo(settings, simulated)


def _demo(settings: Settings, simulated: simulation.Simulation) -> None:
    place = demonstration.admitted(settings, simulated, lake := Lake(settings.lake_folder))
    contracts = selected(settings, [])
    with spark_session(settings) as spark:
        for arrival in demonstration.ARRIVALS:
            is_new = place.land(simulated, arrival)
            typer.echo(f"arrival {arrival} of 2 {'has landed' if is_new else 'was there already'} in {place}\n")
            if is_new or arrival == demonstration.ARRIVALS[-1]:
                _run_all(contracts, spark, lake, _hooks())
        for name in demonstration.PREVIEWS:
            show(_previewed(name, spark, lake), "")
        found = demonstration.compared(simulated.truth, lake)
        show(rendering.comparisons(found), "")
        is_exact = _verify_all(contracts, spark, lake)
    go_on = "clickstream kafka up" if isinstance(place, demonstration.Topic) else "clickstream status"
    typer.echo(f"\nThe tables are in {lake.root}\nGo on with: {go_on}, clickstream explain sessions, make dev")
    _exit_unless(is_exact and all(line.agrees for line in found))


@app.command(epilog="Example: clickstream simulate --events 1000000 --late 0.1  |  clickstream simulate --rate 200")
def simulate(
    *,
    events: Annotated[int, typer.Option(min=1, help="Records to write, faulty ones included.")] = DEMO_EVENTS,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    arrivals: Annotated[int, typer.Option(min=1, help="Parts; what is late comes in a later one.")] = 2,
    only: Annotated[int | None, typer.Option(help="Write only this part, counted from 1.", show_default=False)] = None,
    rate: Annotated[
        float | None, typer.Option(help="Instead: a live feed of so many records a second.", show_default=False)
    ] = None,
    duration: Annotated[
        float | None, typer.Option(min=0, help="Seconds that the live feed lasts; until Ctrl-C if not given.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where to write. Default: the landing folder.", show_default=False)
    ] = None,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Produce into the topic of CLICKSTREAM_SOURCE; make it, if there is none.")
    ] = False,
    late: Share = USUAL.late,
    duplicate: Share = USUAL.duplicate,
    malformed: Share = USUAL.malformed,
    future: Share = USUAL.future,
    too_large: Share = USUAL.too_large,
    no_session: Share = USUAL.no_session,
    no_event_id: Share = USUAL.no_event_id,
    extra_field: Share = USUAL.extra_field,
    no_value: Share = 0.01,
) -> None:
    """Write visitors of a web shop into the landing folder, with their faults, and say what must come of them.

    With --kafka each record has its visitor as key, and a share of them is followed by one without a value.
    """
    shares = simulation.Shares(late, duplicate, malformed, future, too_large, no_session, no_event_id, extra_field)
    place = _topic(from_env()) if kafka else folder or _landing(from_env())
    where = place if isinstance(place, Path) else f"the topic {place.topics}"
    if rate is not None:
        typer.echo(f"writing {rate:g} records a second to {where}" + ("" if duration else "; Ctrl-C ends it"))
        lasts = timedelta(seconds=duration) if duration else None
        if isinstance(place, Path):
            written = simulation.live(place, rate, seed, duration=lasts, shares=shares)
        else:
            written = producing.live(place, rate, seed, no_value, duration=lasts, shares=shares)
        typer.echo(f"{written:,} records written")
        return
    simulated = simulation.simulate(events, seed, shares=shares)
    if isinstance(place, Path):
        written, truth = _write(simulated, place, arrivals, only)
        typer.echo(f"{written} files in {place}\n")
    else:
        written, truth = producing.produce(place, simulated, no_value, arrivals=arrivals, only=only)
        typer.echo(f"{written:,} records written to {where}\n")
    show(rendering.truth(truth))


def _write(simulated: simulation.Simulation, folder: Path, arrivals: int, only: int | None) -> tuple[int, Truth]:
    """Write all parts or one. Returns the number of files, and what holds once the parts up to there have been read."""
    if only is None:
        return len(simulation.write_landing(folder, simulated, arrivals=arrivals)), simulated.truth
    files = simulation.write_arrival(folder, simulated, only, arrivals=arrivals)
    return len(files), simulated.truth_after(only, arrivals=arrivals)


@app.command(epilog="Example: clickstream run  |  clickstream run events sessions")
def run(
    names: TableNames = None,
    *,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Take the lease that a run on another host has left behind.")
    ] = False,
) -> None:
    """Process what is there, table after table, then stop. With nothing new, no table changes."""
    settings = from_env()
    contracts, lake = selected(settings, names or []), Lake(settings.lake_folder)
    require_source(contracts, lake)
    with spark_session(settings) as spark:
        _run_all(contracts, spark, lake, delivering(_hooks(), settings, typer.echo), take_over=take_over)


@app.command(epilog="Example: clickstream rebuild sessions")
def rebuild(name: TableName) -> None:
    """Compute a table anew from all of `events`, in one commit; until then the old rows serve."""
    settings = from_env()
    (table,), lake = selected(settings, [name]), Lake(settings.lake_folder)
    with spark_session(settings) as spark:
        report = runs.rebuild(table, spark, lake, delivering(_hooks(), settings, typer.echo))
        _report_run(table, report, lake)
    show("", rendering.reports([report]))


@app.command(epilog="Example: clickstream status --json | jq '.tables[] | select(.lag > 0)'")
def status(*, as_json: AsJson = False) -> None:
    """Where every table stands: rows, watermark, and what is left to read. Starts no JVM."""
    settings = from_env()
    found = statuses(tables(settings).values(), lake := Lake(settings.lake_folder))
    told = Outbox.of(lake).status()
    if as_json:
        _print_json({"tables": [asdict(table) for table in found], "deliveries": [asdict(each) for each in told]})
    else:
        show(rendering.statuses(found, lake.table(QUARANTINE).rows()), *rendering.deliveries(told))


@app.command(epilog="Example: clickstream explain sessions")
def explain(name: TableName) -> None:
    """The six sentences of a table, its columns, and where its checkpoint is. Starts no JVM."""
    settings = from_env()
    (table,), lake = selected(settings, [name]), Lake(settings.lake_folder)
    show(rendering.explanation(table, lake, current(lake, name).generation))


@app.command(epilog="Example: clickstream verify sessions")
def verify(names: TableNames = None) -> None:
    """Run every table's query over all events, and compare both ways, row by row. Exit code 1 if anything differs."""
    settings = from_env()
    contracts, lake = selected(settings, names or []), Lake(settings.lake_folder)
    with spark_session(settings) as spark:
        is_exact = _verify_all(contracts, spark, lake)
    _exit_unless(is_exact)


@app.command(epilog="Example: clickstream ledger --table events --limit 5")
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
        _print_json({"entries": [asdict(entry) for entry in newest], "imbalances": wrong})
    else:
        show(rendering.ledger(newest), "", rendering.imbalance(wrong))
    _exit_unless(not wrong)


@app.command(epilog='Example: clickstream sql "select rule, count(*) from alerts_final group by rule"')
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
        show(rendering.answer(answer.columns, answer.numeric, rows), *rendering.length(len(rows), is_cut=is_cut))
        return
    for line in csv_lines(answer) if form == "csv" else json_lines(answer):
        typer.echo(line)


@app.command(epilog="Example: clickstream report --days 1 --to today.html")
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


@app.command(epilog="Example: clickstream validate || exit 1")
def validate(names: TableNames = None) -> None:
    """Check what every table promises of its rows. Exit code 1 if a check of error severity fails."""
    settings = from_env()
    contracts, lake = selected(settings, names or []), Lake(settings.lake_folder)
    with spark_session(settings) as spark:
        found = [result for table in contracts for result in validation.validate(table, spark, lake)]
    show(rendering.checks(found))
    _exit_unless(all(result.passed for result in found if result.blocking))


@app.command(epilog="Example: clickstream quarantine --samples 5")
def quarantine(
    *, samples: Annotated[int, typer.Option(min=0, help="Records shown of each.")] = 2, as_json: AsJson = False
) -> None:
    """Why records were rejected, how many, and the newest of each. Starts no JVM."""
    found = rejections(Lake(from_env().lake_folder), samples)
    if as_json:
        _print_json({"reasons": [rendering.rejection_fields(each) for each in found]})
    else:
        show(rendering.rejections(found))


@app.command(epilog="Example: CLICKSTREAM_EVENT_TYPES=click,page_view,purchase,scroll clickstream replay")
def replay(
    reason: Annotated[str | None, typer.Option(help="Only records with this fault.", show_default=False)] = None,
) -> None:
    """Put rejected records through today's rules again. What is good now becomes events, as late ones do.

    Nothing doubles, however often it is run. The other tables read the new events in their next run.
    """
    settings = from_env()
    lake = Lake(settings.lake_folder)
    replaying.require(lake, reason)
    with spark_session(settings) as spark:
        show(rendering.replay(replaying.replay(tables(settings)["events"], spark, lake, reason)))


@app.command(epilog="Example: clickstream forget --user u000117")
def forget(
    *,
    user: Annotated[str | None, typer.Option(help="Whom: a user_id as it is in events.", show_default=False)] = None,
    proof: Annotated[bool, typer.Option("--proof", help="Show the erasures so far, delete nothing.")] = False,
) -> None:
    """Delete a person from every table, and leave a proof that does not name them.

    Landing files, topics, logs and copies elsewhere are yours to clean.
    Files of older versions go with the first `maintain` after seven days.
    """
    settings = from_env()
    lake = Lake(settings.lake_folder)
    if proof or user is None:
        show(rendering.erasures(erasure.proofs(lake), user))
        return
    erasure.require(lake, user)
    with spark_session(settings) as spark:
        found = erasure.forget(user, list(tables(settings).values()), spark, lake, delivering(_hooks(), settings))
    show(rendering.erasures([found], user))


@app.command(epilog="Example: clickstream maintain")
def maintain() -> None:
    """Roll up the ledger, join small files, delete what no reader needs any more: what a lake needs every night.

    With CLICKSTREAM_RETENTION set, events older than that leave the lake first, and the rows made of them.
    """
    settings = from_env()
    lake, contracts = Lake(settings.lake_folder), list(tables(settings).values())
    if before := retention.due(lake, settings.retention):
        with spark_session(settings) as spark:
            removed = retention.expire(before, contracts, spark, lake, delivering(_hooks(), settings))
            typer.echo(f"{removed:,} events before {before} have left the lake")
    show(rendering.maintained(maintenance.maintain(contracts, lake)))


@app.command()
def doctor() -> None:
    """Look for what a run needs of this machine. Exit code 1 if something is missing; changes nothing."""
    found = diagnose(from_env())
    show(rendering.findings(found))
    _exit_unless(all(finding.ok for finding in found))


def _run_all(
    contracts: Sequence[StreamingTable], spark: SparkSession, lake: Lake, hooks: runs.Hooks, *, take_over: bool = False
) -> None:
    """Run tables in order and say what happened, also when one fails: those after it are left alone."""
    done: list[RunReport] = []
    try:
        for table in contracts:
            found = lag(table, lake)
            typer.echo(f"{table.name}: {found.amount:,} {found.unit} to read")
            done.append(runs.run(table, spark, lake, hooks, take_over=take_over))
            _report_run(table, done[-1], lake)
    finally:
        if done:
            show("", rendering.reports(done), "")
        if left := [table.name for table in contracts[len(done) :]]:
            typer.echo(f"not done: {', '.join(left)}")


def _verify_all(contracts: Sequence[StreamingTable], spark: SparkSession, lake: Lake) -> bool:
    found: list[verifying.Verification] = []
    for table in contracts:
        found.append(verifying.verify(table, spark, lake))
        show(rendering.verification(found[-1]))
    return all(verification.clean for verification in found)


def _previewed(name: str, spark: SparkSession, lake: Lake) -> Any:
    first = demonstration.first_rows(name, spark, lake)
    return rendering.preview(name, lake.table(name).rows(), demonstration.PREVIEWS[name], first)


def _hooks() -> runs.Hooks:
    return runs.Hooks(notify=_announce, committed=lambda entry: typer.echo(rendering.batch_line(entry)))


def _announce(_: StreamingTable, rows: list[dict[str, Any]]) -> None:
    for row in rows[:ALERTS_SHOWN]:
        typer.echo(rendering.alert_line(row))
    if len(rows) > ALERTS_SHOWN:
        typer.echo(f"  and {len(rows) - ALERTS_SHOWN:,} alerts more")


def _report_run(table: StreamingTable, report: RunReport, lake: Lake) -> None:
    """Tell Dagster, if there is an instance to tell."""
    from clickstream_platform.defs.reporting import report_run  # noqa: PLC0415 - Dagster takes seconds to import

    report_run(table, report, lake)


@contextmanager
def spark_session(settings: Settings) -> Generator[SparkSession]:
    """A SparkSession for one command. What its JVM logs is kept in ``spark.log`` of the home, not shown."""
    session = build_session(settings, jvm_log=settings.home / "spark.log")
    # Spark's own handler calls the JVM while a call to it is being answered, and fails at that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield session
    finally:
        warnings.filterwarnings("ignore", "Unable to cleanly shutdown", RuntimeWarning)  # after Ctrl-C
        session.stop()


def _landing(settings: Settings) -> Path:
    source = source_from(settings)
    if not isinstance(source, FileSource):
        raise SettingsError("CLICKSTREAM_SOURCE", "it is no folder to write to", "say --kafka, or where with --folder")
    return source.folder


def _topic(settings: Settings) -> KafkaSource:
    source = source_from(settings)
    if not isinstance(source, KafkaSource):
        raise SettingsError("CLICKSTREAM_SOURCE", "it is no topic to produce to", "set it to kafka://host:port/topic")
    producing.make_topic(source)
    return source


def _print_json(found: object) -> None:
    typer.echo(json.dumps(found, indent=2))


def _exit_unless(good: bool) -> None:
    if not good:
        raise typer.Exit(1)
