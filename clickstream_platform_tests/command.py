"""``clickstream`` as a shell would run it: in this process, or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner, Result

from clickstream_platform.cli.app import program


def clickstream(*arguments: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(program, arguments)


def in_a_process_of_its_own(
    home: Path, *arguments: str, cwd: Path | None = None, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell would, with a JVM of its own."""
    program = [sys.executable, "-c", "from clickstream_platform.cli import main; main()", *arguments]
    env = os.environ | {"CLICKSTREAM_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path), **settings}
    env.pop("DAGSTER_HOME", None)
    return subprocess.run(program, cwd=cwd or home.parent, env=env, capture_output=True, text=True, check=False)
