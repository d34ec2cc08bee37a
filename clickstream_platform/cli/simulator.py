"""Commands that make data, and the demo."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clickstream_platform.cli import app, results
from clickstream_platform.cli.app import exit_unless
from clickstream_platform.cli.ready import lake_of, make_writable_folder
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.simulator import kafka_producer, landing, simulation
from clickstream_platform.simulator.expected import Truth
from clickstream_platform.streaming.sources.kafka.source import KafkaSource
from clickstream_platform.streaming.sources.named import folder_from, topics_from
from clickstream_platform.terminal import show
from clickstream_platform.wording import number_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from clickstream_platform.streaming.lake.places import Lake

PANEL = "Try"
commands = typer.Typer()
DEMO_EVENTS = 50_000
Share = Annotated[float, typer.Option(min=0, max=1, rich_help_panel="Shares of what goes wrong, 0 to 1")]
End = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        help="Events lie in the seven days before this one, UTC. Default: today.",
        show_default=False,
    ),
]
USUAL = simulation.Shares()


@commands.command(rich_help_panel=PANEL, epilog="Example: CLICKSTREAM_HOME=/tmp/demo clickstream demo")
def demo(
    events: Annotated[int, typer.Option(min=1_000, help="Records to simulate.")] = DEMO_EVENTS,
    *,
    end: End = None,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Through a Kafka broker of its own, in the home folder.")
    ] = False,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="On a Spark cluster of its own: a master and two workers.")
    ] = False,
    store: Annotated[
        bool,
        typer.Option("--store", help="With the lake on an object store of its own, SeaweedFS, in the home folder."),
    ] = False,
) -> None:
    """Simulate visitors with every known fault in two arrivals, run all tables on each, compare with the known truth.

    A second demo, on whatever day, lands nothing, reads nothing and compares again.
    """
    from clickstream_platform.simulator import demo as demonstration  # noqa: PLC0415 - `simulate` needs no Spark

    settings = from_env()
    with ExitStack() as around:
        if kafka:
            settings = around.enter_context(demonstration.on_kafka(settings))
        if store:
            settings = around.enter_context(demonstration.on_store(settings))
        if cluster:  # after the store: its workers get the key
            settings = around.enter_context(demonstration.on_cluster(settings))
        exit_unless(_demo(settings, events, demonstration.demo_end(settings.home, end and end.date()), lasts=not store))


def _demo(settings: Settings, events: int, end: date, *, lasts: bool) -> bool:
    """Show it all, and how to go on if the lake lasts. Returns whether every number and table is as it must be."""
    from clickstream_platform.cli.checks import verify_tables  # noqa: PLC0415
    from clickstream_platform.cli.runs import hooks, run_all  # noqa: PLC0415
    from clickstream_platform.simulator import demo as demonstration  # noqa: PLC0415
    from clickstream_platform.simulator.comparison import compare_counts  # noqa: PLC0415
    from clickstream_platform.tables import select_tables  # noqa: PLC0415

    make_writable_folder(settings.home, "CLICKSTREAM_HOME")
    simulated = demonstration.simulate_demo(events, end)
    place = demonstration.own_input(settings, simulated, lake := lake_of(settings, to_write=True))
    demonstration.keep_end(settings.home, end)
    contracts = select_tables(settings, [])
    with app.spark_session(settings) as spark:
        for arrival in demonstration.ARRIVALS:
            is_new = place.land(simulated, arrival)
            typer.echo(f"arrival {arrival} of 2 {'has landed' if is_new else 'was there already'} in {place}\n")
            if is_new or arrival == demonstration.ARRIVALS[-1]:
                run_all(contracts, spark, lake, hooks())
        for name in demonstration.PREVIEWS:
            show(_previewed(name, spark, lake), "")
        compared = compare_counts(simulated.truth, lake)
        show(results.comparisons(compared), "")
        is_exact = all(each.clean for each in verify_tables(contracts, spark, lake))
    go_on = "clickstream kafka up" if isinstance(place, demonstration.Topic) else "clickstream status"
    typer.echo(f"\nThe tables are in {lake.root}")
    if lasts:
        typer.echo(f"Go on with: {go_on}, clickstream explain sessions, make dev")
    else:
        typer.echo("The store ends with the demo, and the tables with it")
    return is_exact and all(line.agrees for line in compared)


def _previewed(name: str, spark: SparkSession, lake: Lake) -> Any:
    from clickstream_platform.simulator import demo as demonstration  # noqa: PLC0415

    first = demonstration.first_rows(name, spark, lake)
    return results.preview(name, lake.table(name).rows(), demonstration.PREVIEWS[name], first)


@commands.command(
    rich_help_panel=PANEL,
    epilog="Example: clickstream simulate --events 1000000 --late 0.1  |  clickstream simulate --rate 200",
)
def simulate(
    *,
    events: Annotated[int, typer.Option(min=1, help="Records to write, faulty ones included.")] = DEMO_EVENTS,
    seed: Annotated[int, typer.Option(help="The same seed and end give the same bytes.")] = 1,
    end: End = None,
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
    place = (
        _topic(from_env()) if kafka else make_writable_folder(folder, "--folder") if folder else _landing(from_env())
    )
    if rate is not None:
        _feed(place, rate, seed, timedelta(seconds=duration) if duration else None, shares, no_value)
        return
    day = end.date() if end else datetime.now(timezone.utc).date()
    simulated = simulation.simulate(events, seed, simulation.start_before(day), shares=shares)
    if isinstance(place, Path):
        written, truth = _write(simulated, place, arrivals, only)
        typer.echo(f"{number_of(written, 'file')} in {place}\n")
    else:
        written, truth = kafka_producer.produce(place, simulated, no_value, arrivals=arrivals, only=only)
        typer.echo(f"{number_of(written, 'record')} written to {_destination(place)}\n")
    show(results.truth(truth))


def _feed(
    place: Path | KafkaSource,
    rate: float,
    seed: int,
    lasts: timedelta | None,
    shares: simulation.Shares,
    no_value: float,
) -> None:
    """Write what visitors do now, so many records a second."""
    landing.require_rate(rate)
    typer.echo(f"writing {rate:g} records a second to {_destination(place)}" + ("" if lasts else "; Ctrl-C ends it"))
    if isinstance(place, Path):
        written = landing.land_live(place, rate, seed, duration=lasts, shares=shares)
    else:
        written = kafka_producer.produce_live(place, rate, seed, no_value, duration=lasts, shares=shares)
    typer.echo(f"{number_of(written, 'record')} written")


def _destination(place: Path | KafkaSource) -> str:
    return str(place) if isinstance(place, Path) else f"the topic {place.topics}"


def _write(simulated: simulation.Simulation, folder: Path, arrivals: int, only: int | None) -> tuple[int, Truth]:
    """Write all parts or one. Returns the number of files, and what holds once the parts up to there have been read."""
    if only is None:
        return len(landing.write_landing(folder, simulated, arrivals=arrivals)), simulated.truth
    files = landing.write_arrival(folder, simulated, only, arrivals=arrivals)
    return len(files), simulated.truth_after(only, arrivals=arrivals)


def _landing(settings: Settings) -> Path:
    return make_writable_folder(folder_from(settings), "CLICKSTREAM_SOURCE" if settings.source else "CLICKSTREAM_HOME")


def _topic(settings: Settings) -> KafkaSource:
    source = topics_from(settings)
    kafka_producer.make_topic(source)
    return source
