"""``clickstream``: parse arguments, call one function, print. A module for each panel of ``clickstream --help``."""

from __future__ import annotations

from clickstream_platform.cli import care, checking, kafka, looking, program, running, streaming, trying

app = program.app
for panel in (trying, running, streaming, looking, checking, care):
    app.add_typer(panel.app)
app.add_typer(kafka.app, name="kafka", rich_help_panel=trying.PANEL)


def main() -> None:
    """The entry point of ``clickstream``."""
    app()
