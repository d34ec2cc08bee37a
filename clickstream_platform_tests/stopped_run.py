"""The command line in a process of its own that stops at one of its writes: dead, or waiting for its end.

``python -m clickstream_platform_tests.stopped_run '{"nth": 1, "when": "before", "then": "kill group"}' run events``
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from clickstream_platform.cli import main
from clickstream_platform_tests.faults import at_write
from clickstream_platform_tests.few_records import told_of_few


@dataclass(frozen=True)
class Stop:
    """Where a run stops, and what happens there.

    Attributes:
        then: it kills its process group, with the JVM, or itself alone; or it waits as long as there is the file.
        nth: which write of the run, counted from 0.
        when: before or after that write's commit.
        table: if named, only writes to this table count.
        held: the file that it makes when it waits; who deletes it lets the run go on.
    """

    then: Literal["kill group", "kill python alone", "hold"]
    nth: int = 0
    when: Literal["before", "after"] = "before"
    table: str = ""
    held: str = ""

    def happen(self) -> None:
        """Die, or wait."""
        if self.then == "kill group":
            os.killpg(0, signal.SIGKILL)
        elif self.then == "kill python alone":
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            Path(self.held).touch()
            while Path(self.held).exists():
                time.sleep(0.01)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start the command line with these arguments in a process group of its own."""
        command = [sys.executable, "-m", __name__, json.dumps(asdict(self)), *arguments]
        found_there = {"PYTHONPATH": os.pathsep.join(sys.path)}  # whichever folder this process is in
        told = told_of_few({**os.environ, **found_there, **environment})
        return subprocess.Popen(command, env=told, start_new_session=True)


if __name__ == "__main__":
    stop = Stop(**json.loads(sys.argv.pop(1)))
    with at_write(stop.nth, stop.when, stop.happen, stop.table):
        main()
