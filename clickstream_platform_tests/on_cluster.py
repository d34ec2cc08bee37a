"""The command line, or a run with its verification, in a process of its own whose Spark runs on a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from clickstream_platform.simulator.cluster import Cluster
from clickstream_platform_tests.few_records import told_of_few

EVENTS = 6_000
PROGRAM = "import sys; from clickstream_platform.cli import main; sys.exit(main())"
# All tables and then their verification in one session: each start of one takes its seconds.
RUN_AND_VERIFY = """
import sys
from clickstream_platform.cli import app, checks, runs
from clickstream_platform.cli.ready import lake_of
from clickstream_platform.settings import from_env
from clickstream_platform.tables import select_tables

settings = from_env()
contracts, lake = select_tables(settings, sys.argv[1:]), lake_of(settings, to_write=True)
with app.spark_session(settings) as spark:
    runs.run_all(contracts, spark, lake, runs.hooks())
    found = list(checks.verify_tables(contracts, spark, lake))
sys.exit(len(found) != len(contracts) or not all(each.clean for each in found))
"""


@contextmanager
def clickstream(
    running: Cluster, home: Path, *arguments: str, program: str = PROGRAM, **settings: str
) -> Generator[subprocess.Popen[str]]:
    """The command line on the cluster, or another program, in a process of its own."""
    given = {"HOME": str(home), "SPARK_MASTER": running.master, **settings}
    environment = told_of_few(os.environ | {f"CLICKSTREAM_{name}": value for name, value in given.items()})
    command = [sys.executable, "-c", program, *arguments]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()
