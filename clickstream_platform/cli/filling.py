"""``clickstream fill``: declared columns of events that are there."""

from __future__ import annotations

from typing import Annotated

import typer

from clickstream_platform.cli import maintenance_views
from clickstream_platform.cli.progress import show_progress
from clickstream_platform.cli.ready import WAITS, existing_lake, say_if_busy
from clickstream_platform.settings import from_env
from clickstream_platform.tables import tables
from clickstream_platform.terminal import show

PANEL = "Look after"
commands = typer.Typer()


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream fill  |  clickstream fill amount currency")
def fill(
    columns: Annotated[
        list[str] | None, typer.Argument(metavar="COLUMNS", help="Declared columns. All, if none is named.")
    ] = None,
) -> None:
    """Fill declared columns of the events that are there, out of `extra`. Starts no JVM.

    They become what they would be had they been read with today's contract; none is rejected. Stopped anywhere, run it
    again.
    """
    from clickstream_platform.streaming.maintenance import filling  # noqa: PLC0415 - Arrow, and the types of Spark

    settings = from_env()
    lake, events = existing_lake(settings, to_write=True), tables(settings)["events"]
    filling.require_fill(events, lake, columns or ())
    say_if_busy(["events"], lake, WAITS)
    with show_progress("events get their declared columns"):
        report = filling.fill(events, lake, columns or ())
    show(maintenance_views.fill_picture(report))
