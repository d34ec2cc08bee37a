"""``clickstream kafka``: a broker to try things out with."""

from __future__ import annotations

from typing import Annotated

import typer

from clickstream_platform.cli.app import AsJson, exit_unless, print_json
from clickstream_platform.cli.ready import make_writable_folder
from clickstream_platform.errors import UnreachableError
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.simulator.broker import Broker

PARTITIONS = 4  # several, so that one sees what they do
TIMEOUT = 3.0  # seconds; it is on this machine
commands = typer.Typer(
    no_args_is_help=True,
    help="A Kafka broker of your own, for development: up, status and down.",
    epilog="Example: clickstream kafka up  |  clickstream kafka status  |  clickstream kafka down",
)


def broker_of(settings: Settings) -> Broker:
    """The broker whose data lie in the home folder."""
    return Broker(settings.home / "kafka")


@commands.command(epilog='Example: export CLICKSTREAM_SOURCE="$(clickstream kafka up)"')
def up(
    topic: Annotated[str, typer.Option(help="A topic to make, if there is none of that name.")] = "clicks",
    partitions: Annotated[int, typer.Option(min=1, help="Its partitions.")] = PARTITIONS,
) -> None:
    """Start a broker on this machine, unless it runs, and print the source to set. It runs until `kafka down`."""
    from clickstream_platform.simulator import kafka_producer  # noqa: PLC0415 - what a source needs is Spark's
    from clickstream_platform.streaming.sources.kafka.source import KafkaSource  # noqa: PLC0415

    settings = from_env()
    make_writable_folder(settings.home, "CLICKSTREAM_HOME")
    address = broker_of(settings).up(settings.cache)
    kafka_producer.make_topic(KafkaSource(address, topic), partitions)
    typer.echo(f"kafka://{address}/{topic}")


@commands.command(epilog="Example: clickstream kafka status")
def status(*, as_json: AsJson = False) -> None:
    """Whether it runs, where, and which topics it has. Exit code 1 if it does not run."""
    settings = from_env()
    broker = broker_of(settings)
    address = broker.address()
    counts = topics(address) if address else {}
    if as_json:
        print_json({"running": address is not None, "address": address, "folder": str(broker.folder), "topics": counts})
    elif address is None:
        typer.echo(f"it does not run: no broker has its data in {settings.home}; `clickstream kafka up` starts one")
    else:
        typer.echo(f"it runs at {address}, with its data in {broker.folder}")
        for topic, partitions in counts.items():
            typer.echo(f"  kafka://{address}/{topic}  ({partitions} partition{'s' if partitions > 1 else ''})")
    exit_unless(address is not None)


def topics(address: str) -> dict[str, int]:
    """The topics of a broker, by name, and how many partitions each has; those of Kafka's own are left out.

    Raises:
        UnreachableError: it does not answer.
    """
    from confluent_kafka import KafkaException  # noqa: PLC0415 - only who asks a broker pays for it
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415

    try:
        listed = AdminClient({"bootstrap.servers": address}).list_topics(timeout=TIMEOUT).topics
    except KafkaException as failed:
        raise UnreachableError("kafka", f"{address} does not answer", "look into its broker.log") from failed
    return {name: len(topic.partitions) for name, topic in sorted(listed.items()) if not name.startswith("__")}


@commands.command(epilog="Example: clickstream kafka down")
def down() -> None:
    """Stop it. Its topics stay, in the folder `kafka` of the home."""
    settings = from_env()
    was_up = broker_of(settings).down()
    typer.echo("stopped" if was_up else f"it was not running: no broker has its data in {settings.home}")
