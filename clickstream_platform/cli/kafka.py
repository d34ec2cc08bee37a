"""``clickstream kafka``: a broker to try things out with."""

from __future__ import annotations

from typing import Annotated

import typer

from clickstream_platform.settings import Settings, from_env
from clickstream_platform.simulator import kafka_producer
from clickstream_platform.simulator.broker import Broker
from clickstream_platform.streaming.sources.kafka.source import KafkaSource

commands = typer.Typer(no_args_is_help=True, help="A Kafka broker of your own, for development: up and down.")


def broker_of(settings: Settings) -> Broker:
    """The broker whose data lie in the home folder."""
    return Broker(settings.home / "kafka")


@commands.command(epilog='Example: export CLICKSTREAM_SOURCE="$(clickstream kafka up)"')
def up(
    topic: Annotated[str, typer.Option(help="A topic to make, if there is none of that name.")] = "clicks",
    partitions: Annotated[int, typer.Option(min=1, help="Its partitions.")] = kafka_producer.PARTITIONS,
) -> None:
    """Start a broker on this machine, unless it runs, and print the source to set. It runs until `kafka down`."""
    settings = from_env()
    address = broker_of(settings).up(settings.cache)
    kafka_producer.make_topic(KafkaSource(address, topic), partitions)
    typer.echo(f"kafka://{address}/{topic}")


@commands.command()
def down() -> None:
    """Stop it. Its topics stay, in the folder `kafka` of the home."""
    settings = from_env()
    was_up = broker_of(settings).down()
    typer.echo("stopped" if was_up else f"it was not running: no broker has its data in {settings.home}")
