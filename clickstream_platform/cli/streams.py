"""Commands that go on until they are told to stop."""

from __future__ import annotations

import os
import signal
import uuid
from _thread import start_new_thread
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from types import FrameType
from typing import TYPE_CHECKING, Annotated, cast

import typer

from clickstream_platform.cli import app, views
from clickstream_platform.cli.app import TableNames, tables_like
from clickstream_platform.cli.ready import lake_of, make_lake_folder, require_source, say_if_busy
from clickstream_platform.cli.runs import PANEL, TakeOver, hooks, report_run
from clickstream_platform.delivery.post import with_delivery
from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.contract.trigger import ProcessingTime, stream_trigger, trigger_from
from clickstream_platform.streaming.contract.trigger_support import require_trigger
from clickstream_platform.streaming.lake.lease import free_left_behind
from clickstream_platform.streaming.sources.source import RecordSource
from clickstream_platform.tables import select_tables, tables
from clickstream_platform.terminal import cell, show

if TYPE_CHECKING:
    from clickstream_platform.streaming.tap.tap import Tap

commands = typer.Typer()
USUAL = ProcessingTime(timedelta(minutes=1))
STDOUT = 1


@commands.command(rich_help_panel=PANEL, epilog='Example: clickstream stream --every "2 minutes"')
def stream(
    names: TableNames = None,
    *,
    every: Annotated[
        str | None,
        typer.Option(help='How often, as in "30 seconds". Default: each contract\'s own interval, or a minute.'),
    ] = None,
    take_over: TakeOver = False,
) -> None:
    """Keep tables up to date in one process, until Ctrl-C or SIGTERM. A query that fails is started again."""
    from clickstream_platform.streaming.runtime import stream as streams  # noqa: PLC0415 - Spark, and a help has none

    settings = from_env()
    contracts, lake = _stream_tables(settings, names or [], every), lake_of(settings)
    streams.require_inputs(contracts, lake)
    require_source(contracts, lake, settings)
    make_lake_folder(settings)
    names_of_tables = [table.name for table in contracts]
    if take_over:
        free_left_behind(names_of_tables, lake)
    else:
        say_if_busy(names_of_tables, lake, "its query starts once that run has ended")
    observer = streams.StreamObserver(_failed, lambda table, report: report_run(table, report, lake))
    hearing = with_delivery(hooks(), settings, typer.echo)
    with app.spark_session(_with_conf(streams.CONFS, settings)) as spark, _stopped_by_signals() as stop:
        for table in contracts:
            typer.echo(f"{table.name}: {table.trigger}")
        run_id = uuid.uuid4().hex[:12]
        streams.stream(contracts, spark, lake, hearing, observer, stop, run_id=run_id)
    typer.echo("stopped; what is committed stays, and the next run goes on from there")


def _stream_tables(settings: Settings, names: list[str], every: str | None) -> list[StreamingTable]:
    """The contracts of these names, each with an interval: the one asked for, its own, or the usual one.

    Raises:
        SettingsError: a name or the interval is unknown, or the trigger is not one of a stream.
    """
    contracts = select_tables(settings, names)
    if every is None:
        return [replace(table, trigger=stream_trigger(table.trigger, USUAL)) for table in contracts]
    trigger = trigger_from(every, "--every")
    require_trigger(trigger, "stream", "--every")
    return [replace(table, trigger=trigger) for table in contracts]


def _with_conf(conf: dict[str, str], settings: Settings) -> Settings:
    """The settings, with more conf for a session that lasts; the user's own conf goes before ours."""
    return settings.model_copy(update={"spark_conf": {**conf, **settings.spark_conf}})


@contextmanager
def _stopped_by_signals() -> Generator[Event]:
    """An event that SIGTERM and the first Ctrl-C set. The second Ctrl-C does not wait for anything."""
    stop = Event()

    def on_signal(signum: int, _: FrameType | None) -> None:
        if stop.is_set() and signum == signal.SIGINT:
            raise KeyboardInterrupt
        start_new_thread(stop.set, ())  # the wait that is interrupted may hold the event's lock

    before = {signum: signal.signal(signum, on_signal) for signum in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _failed(table: StreamingTable, failure: BaseException, pause: float) -> None:
    show(views.retry(table, failure, pause), stderr=True)


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream tap  |  clickstream tap --console user_activity")
def tap(
    *,
    real_time: Annotated[
        bool, typer.Option("--real-time", help="Kafka: Spark's real-time mode, not its continuous one.")
    ] = False,
    console: Annotated[
        str | None,
        typer.Option(
            metavar="TABLE",
            help="Instead: all of this table's rows, again and again.",
            show_default=False,
            autocompletion=tables_like,
        ),
    ] = None,
    every: Annotated[
        str | None,
        typer.Option(help='How often, as in "10 seconds". Default: a second; in real time five.', show_default=False),
    ] = None,
    from_start: Annotated[bool, typer.Option("--from-start", help="Begin with what is there already.")] = False,
    rows: Annotated[int, typer.Option(min=1, help="Of --console: rows shown.")] = 20,
    source: Annotated[
        str | None, typer.Option(help="Of several sources, which. Default: the first.", show_default=False)
    ] = None,
) -> None:
    """Show events as they come, parsed, until Ctrl-C. Writes no table and leaves no checkpoint.

    From Kafka without micro-batches, from files in micro-batches. --console is Spark's console sink in complete mode,
    for debugging: what a table's query makes of the events that came since the start.
    """
    from clickstream_platform.streaming.runtime.streaming_query import POLLED_EVERY  # noqa: PLC0415 - Spark, and a help has none
    from clickstream_platform.streaming.tap.tap import CONFS, Tap, tap_trigger  # noqa: PLC0415

    settings = from_env()
    events, (table,) = _source_to_tap(settings, source), select_tables(settings, [console]) if console else (None,)
    require_source([events], lake_of(settings), settings)
    tapped = Tap(events, table, tap_trigger(events, table, every, real_time=real_time), from_start, rows)
    reading, writing = os.pipe()
    jvm_stdout = STDOUT if table else writing
    with TemporaryDirectory(ignore_cleanup_errors=True) as checkpoint:  # noqa: SIM117 - the session ends first
        with (
            app.spark_session(_wide(_with_conf(CONFS, settings), tapped), jvm_stdout, on_lake=False) as spark,
            _stopped_by_signals() as stop,
        ):
            Thread(target=_show_lines, args=(reading, tapped, stop), daemon=True).start()
            query = tapped.start(spark, Path(checkpoint))
            try:
                while not stop.is_set() and not query.awaitTermination(POLLED_EVERY):  # pyright: ignore[reportArgumentType] - takes parts of a second
                    pass
            finally:
                query.stop()


def _source_to_tap(settings: Settings, source: str | None) -> StreamingTable:
    """The contract of ``events`` with one source: of this name, or the first."""
    sources = {each.offsets.source_name: each for each in tables(settings)["events"].by_source()}
    if source is None:
        return next(iter(sources.values()))
    if source not in sources:
        raise SettingsError("--source", f"there is no source {source!r}", f"choose from {', '.join(sources)}")
    return sources[source]


def _wide(settings: Settings, tapped: Tap) -> Settings:
    """The settings, with a core for each partition: without micro-batches, a task stays with each to the end.

    Raises what Kafka has to say, before a JVM starts.
    """
    partitions = cast("RecordSource", tapped.events.offsets).partitions()
    is_enough = isinstance(tapped.trigger, ProcessingTime) or not settings.on_one_machine
    master = settings.spark_master if is_enough else f"local[{partitions + 1}]"
    return settings.model_copy(update={"spark_master": master})


def _show_lines(reading: int, tapped: Tap, stop: Event) -> None:
    """Show the records that the console sink prints, until nobody reads them any more."""
    from clickstream_platform.streaming.tap.console import records_of  # noqa: PLC0415

    try:
        with os.fdopen(reading, "rb", buffering=0) as output:
            for records in records_of(output):
                for line in tapped.lines(records):
                    typer.echo(cell(line))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)  # or Python would complain at its end
    finally:
        stop.set()
