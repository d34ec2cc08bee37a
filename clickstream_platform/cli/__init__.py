"""``clickstream``: parse arguments, call one function, print. A module for each panel of ``clickstream --help``."""

from __future__ import annotations

from clickstream_platform.cli import checks, inspect, kafka, maintenance, runs, simulator, streams
from clickstream_platform.cli.app import program

for panel in (simulator, runs, streams, inspect, checks, maintenance):
    program.add_typer(panel.commands)
program.add_typer(kafka.commands, name="kafka", rich_help_panel=simulator.PANEL)


def main() -> None:
    """The entry point of ``clickstream``."""
    program()
