"""The command that looks at the machine."""

from __future__ import annotations

import typer

from clickstream_platform.cli import views
from clickstream_platform.cli.app import exit_unless
from clickstream_platform.doctor import diagnose
from clickstream_platform.settings import from_env
from clickstream_platform.terminal import show

PANEL = "Check"
commands = typer.Typer()


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream doctor || exit 1")
def doctor() -> None:
    """Look for what a run needs of this machine. Exit code 1 if something is missing; changes nothing."""
    found = diagnose(from_env())
    show(views.findings(found))
    exit_unless(all(finding.ok for finding in found))
