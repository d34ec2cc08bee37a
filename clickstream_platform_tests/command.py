"""``clickstream`` as a shell would run it, except that it is this process."""

from __future__ import annotations

from typer.testing import CliRunner, Result

from clickstream_platform.cli import program


def clickstream(*arguments: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(program, arguments)
