"""The command that looks at the machine."""

from __future__ import annotations

from dataclasses import asdict

import typer

from clickstream_platform.cli import results
from clickstream_platform.cli.app import AsJson, exit_unless, print_json
from clickstream_platform.doctor import diagnose
from clickstream_platform.settings import from_env
from clickstream_platform.terminal import show

PANEL = "Check"
commands = typer.Typer()


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream doctor || exit 1")
def doctor(*, as_json: AsJson = False) -> None:
    """Look for what a run needs of this machine. Exit code 1 if something is missing; changes nothing."""
    findings = diagnose(from_env())
    is_good = all(finding.ok for finding in findings)
    if as_json:
        print_json({"ok": is_good, "findings": [asdict(finding) for finding in findings]})
    else:
        show(results.findings(findings))
    exit_unless(is_good)
