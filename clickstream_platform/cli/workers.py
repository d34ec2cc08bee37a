"""The command that asks the workers of a cluster."""

from __future__ import annotations

from dataclasses import asdict

import typer

from clickstream_platform.cli import app
from clickstream_platform.cli.app import AsJson, print_json
from clickstream_platform.cli.ready import lake_of
from clickstream_platform.settings import from_env

PANEL = "Check"
commands = typer.Typer()


@commands.command(
    rich_help_panel=PANEL, epilog="Example: CLICKSTREAM_SPARK_MASTER=spark://host:7077 clickstream workers"
)
def workers(*, as_json: AsJson = False) -> None:
    """Ask each worker of the Spark cluster what it has. Exit code 1 if one lacks what a run needs."""
    settings = from_env()
    if settings.on_one_machine:
        if as_json:
            print_json({"master": settings.spark_master, "workers": []})
        else:
            typer.echo(f"{settings.spark_master}: tasks run in one process on this machine; there are no workers")
        return
    lake_of(settings, to_write=True)
    from clickstream_platform.jvm.workers import make_ready  # noqa: PLC0415 - Spark, and one machine has no workers

    with app.spark_session(settings) as spark:
        ready = sorted(make_ready(spark.sparkContext, settings), key=lambda worker: worker.host)
    if as_json:
        print_json({"master": settings.spark_master, "workers": [asdict(worker) for worker in ready]})
        return
    for worker in ready:
        packages = ", ".join(f"{name} {version}" for name, version in worker.versions.items())
        typer.echo(f"{worker.host}: Python {worker.python} ({worker.executable}), {packages}; it sees the lake")
