"""Commands that go on until they are told to stop."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Event
from types import FrameType
from typing import Annotated

import typer

from clickstream_platform import rendering
from clickstream_platform.cli import program
from clickstream_platform.cli.program import TableNames
from clickstream_platform.cli.running import PANEL, TakeOver, hooks, report_run
from clickstream_platform.delivery.post import delivering
from clickstream_platform.printing import show
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.streaming import stream as streams
from clickstream_platform.streaming.lake import Lake
from clickstream_platform.streaming.status import require_source
from clickstream_platform.streaming.table import StreamingTable
from clickstream_platform.streaming.trigger import ProcessingTime, repeating, trigger_from
from clickstream_platform.streaming.trigger_facts import require
from clickstream_platform.tables import selected

app = typer.Typer()
USUAL = ProcessingTime(timedelta(minutes=1))


@app.command(rich_help_panel=PANEL, epilog='Example: clickstream stream --every "2 minutes"')
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
    settings = from_env()
    contracts, lake = _streamed(settings, names or [], every), Lake(settings.lake_folder)
    streams.require_inputs(contracts, lake)
    require_source(contracts, lake)
    told = streams.Told(_failed, lambda table, report: report_run(table, report, lake))
    hearing = delivering(hooks(), settings, typer.echo)
    with program.spark_session(_lasting(settings)) as spark, _stopped_by_signals() as stop:
        for table in contracts:
            typer.echo(f"{table.name}: {table.trigger}")
        run_id = uuid.uuid4().hex[:12]
        streams.stream(contracts, spark, lake, hearing, told, stop, run_id=run_id, take_over=take_over)
    typer.echo("stopped; what is committed stays, and the next run goes on from there")


def _streamed(settings: Settings, names: list[str], every: str | None) -> list[StreamingTable]:
    """The contracts of these names, each with an interval: the one asked for, its own, or the usual one.

    Raises:
        SettingsError: a name or the interval is unknown, or the trigger is not one of a stream.
    """
    contracts = selected(settings, names)
    if every is None:
        return [replace(table, trigger=repeating(table.trigger, USUAL)) for table in contracts]
    trigger = trigger_from(every, "--every")
    require(trigger, "stream", "--every")
    return [replace(table, trigger=trigger) for table in contracts]


def _lasting(settings: Settings) -> Settings:
    """The same settings for a session that lasts."""
    return settings.model_copy(update={"spark_conf": {**streams.CONFS, **settings.spark_conf}})


@contextmanager
def _stopped_by_signals() -> Generator[Event]:
    """An event that SIGTERM and the first Ctrl-C set. The second Ctrl-C does not wait for anything."""
    stop = Event()

    def told(signum: int, _: FrameType | None) -> None:
        if stop.is_set() and signum == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {signum: signal.signal(signum, told) for signum in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _failed(table: StreamingTable, failure: BaseException, pause: float) -> None:
    show(rendering.retry(table, failure, pause), stderr=True)
