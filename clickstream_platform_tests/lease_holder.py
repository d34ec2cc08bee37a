"""A process that holds a lease on a store and does as it is told: a word a line comes in, what became of it goes out.

``python -m clickstream_platform_tests.lease_holder s3://bucket/lake http://store 2.0 stranger``
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from clickstream_platform.errors import TableBusyError
from clickstream_platform.store.place import StorePath
from clickstream_platform.streaming.lake import processes
from clickstream_platform.streaming.lake.store_lease import hold_on_store, require_held
from clickstream_platform_tests.on_store import place_on


@dataclass
class Holder:
    """Such a process.

    Attributes:
        process: it.
    """

    process: subprocess.Popen[str]

    @classmethod
    def started(
        cls,
        place: str,
        endpoint: str,
        ttl: float,
        environment: dict[str, str],
        *,
        stranger: bool,
        enter: tuple[str, ...] = (),
    ) -> Holder:
        """Start one. A stranger is as if on another host: nobody can tell whether it lives. One may be on another."""
        command = [
            *enter,
            sys.executable,
            "-m",
            __name__,
            place,
            endpoint,
            str(ttl),
            "stranger" if stranger else "here",
        ]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        found = {"PYTHONPATH": str(Path(__file__).parents[1])}  # on another host it begins in another folder
        return cls(subprocess.Popen(command, env=os.environ | found | environment, **pipes))

    def told(self, word: str) -> dict[str, Any]:
        """Tell it a word, and wait for what becomes of it."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def signalled(self, which: signal.Signals) -> None:
        """Send it a signal; wait for its end, if that is one."""
        self.process.send_signal(which)
        if which == signal.SIGKILL:
            self.process.wait()


def _serve(root: StorePath, ttl: timedelta) -> None:
    held = ExitStack()
    for line in sys.stdin:
        began = time.monotonic()
        try:
            if line.strip() == "take":
                said = {"run_id": f"of {os.getpid()}"}
                lease = held.enter_context(hold_on_store(root / "lease", root, "events", said, timedelta(0), ttl))
                done: dict[str, Any] = {"fence": lease.holder["fence"]}
            elif line.strip() == "let go":
                held.close()
                done = {"let go": True}
            else:
                require_held(root)
                done = {"held": True}
        except TableBusyError as busy:
            done = {"busy": str(busy)}
        print(json.dumps({**done, "seconds": time.monotonic() - began}), flush=True)


if __name__ == "__main__":
    place, endpoint, ttl, who = sys.argv[1:]
    if who == "stranger":
        processes._machine = lambda: ""  # pyright: ignore[reportPrivateUsage] - as where the system does not tell
    _serve(place_on(endpoint, place), timedelta(seconds=float(ttl)))
