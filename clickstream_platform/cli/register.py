"""The command that makes the lake's tables known elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

from clickstream_platform.catalog import Metastore
from clickstream_platform.cli import app
from clickstream_platform.cli.progress import show_progress
from clickstream_platform.cli.ready import existing_lake
from clickstream_platform.errors import CatalogError
from clickstream_platform.settings import from_env
from clickstream_platform.terminal import grid, show

PANEL = "Look after"
commands = typer.Typer()


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream register thrift://metastore:9083 --database web")
def register(
    metastore: Annotated[str, typer.Argument(metavar="METASTORE", help="Its address: thrift://host:port.")],
    *,
    database: Annotated[str, typer.Option(help="Where the names go: a database that is there.")] = "default",
) -> None:
    """Give the tables names in a Hive metastore, for Spark, Trino and others that look there.

    A name stands for a place: it shows every later commit. Run it again when a table has been added.
    """
    settings, there = from_env(), Metastore(metastore, database)
    lake = existing_lake(settings)
    places = {name: lake.table(name).path.absolute() for name in lake.names()}
    if not places:
        raise CatalogError(str(lake.root), "no table is there yet", "clickstream run makes them")
    there.require()
    knowing = settings.model_copy(update={"spark_conf": {**there.conf(), **settings.spark_conf}})
    with app.spark_session(knowing) as spark, show_progress("the tables get their names"):
        registered = there.register(spark, places)
    rows = [(each.name, "new" if each.is_new else "was there", each.place) for each in registered]
    show(grid("name", "", "table", rows=rows, cut=("table",)))
