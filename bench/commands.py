"""What whole commands cost, as a user starts them, beside another checkout of this project.

    git worktree add ../before c61f97f
    python bench/commands.py --beside ../before

Each command runs in a process of its own, by turns in this checkout and in the other, on landing folders with the same
bytes: commands that need no JVM, a catch-up of many records, cold ticks, runs with nothing new. Prints the median of
seconds on the clock and of processor time, of this checkout, of the other, and their ratio. The processor time counts
every process that the command started, the JVM and Python workers among them.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from costs import Cost

from clickstream_platform.simulator.landing import write_landing
from clickstream_platform.simulator.simulation import SPAN, START, simulate

HERE = Path(__file__).parents[1]
ENTRY = "import sys; from clickstream_platform.cli import main; sys.exit(main())"
PR_SET_CHILD_SUBREAPER = 36  # prctl(2): whoever outlives its parent becomes ours, so that its time is counted
HOURS = timedelta(hours=2)
READING = [
    "--version",
    "status",
    "explain sessions",
    "doctor",
    "ledger",
    "quarantine",
    "maintain",
    "sql 'select count(*) from events'",
    "report",
    "simulate --help",
]


class Checkout:
    """One version of this project, with a home and a landing folder of its own."""

    def __init__(self, code: Path, folder: Path) -> None:
        self.code, self.folder, self.landing = code, folder, folder / "landing"
        self.landing.mkdir(parents=True)

    def command(self, text: str) -> Cost:
        """Run it once. If it fails, the benchmark ends and shows what it printed."""
        environment = {**os.environ, "PYTHONPATH": str(self.code), "CLICKSTREAM_HOME": str(self.folder / "home")}
        environment |= {"CLICKSTREAM_SOURCE": str(self.landing)}
        environment |= {"PYTHONDONTWRITEBYTECODE": ""}  # as a user has it: sources are compiled once
        before, start = _cpu_of_children(), time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-c", ENTRY, *shlex.split(text)],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        wall = time.monotonic() - start
        _reap()
        if ended.returncode:
            sys.exit(f"{self.code}: {text}\n{ended.stdout}{ended.stderr}")
        return Cost(wall, _cpu_of_children() - before)

    def land(self, files: list[Path], prefix: str) -> None:
        """New files, as a producer leaves them."""
        for file in files:
            shutil.copy(file, self.landing / f"{prefix}-{file.name}")


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _reap() -> None:
    """Wait for what the command left behind: its JVM ends a little later than it."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def events(folder: Path, records: int, files: int, *, after: int | None = None) -> list[Path]:
    """Landing files by the simulator: of its usual days, or of the two hours so many ticks after them."""
    start, span = (START, SPAN) if after is None else (START + SPAN + after * HOURS, HOURS)
    return write_landing(folder, simulate(records, records, start, span=span), arrivals=1, files_per_arrival=files)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", type=Path, required=True, help="another checkout")
    parser.add_argument("--records", type=int, default=1_000_000, help="to catch up with")
    parser.add_argument("--times", type=int, default=3, help="how often each command, but for the catch-up")
    given = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    costs: dict[str, dict[str, list[Cost]]] = defaultdict(lambda: defaultdict(list))
    with TemporaryDirectory() as temporary:
        work = Path(temporary)
        both = {
            name: Checkout(code, work / name) for name, code in (("here", HERE), ("beside", given.beside.absolute()))
        }

        def each(what: str, command: str) -> None:
            for name, checkout in both.items():
                costs[what][name].append(checkout.command(command))

        first, history = events(work / "first", 1_000, 1), events(work / "history", given.records, 8)
        for checkout in both.values():
            checkout.land(first, "first")
            checkout.command("run")  # what only the first run does: class archive, bytecode
            checkout.land(history, "history")
        each(f"catch-up of {given.records:,}", "run")
        for n in range(given.times):
            each("nothing new", "run")
            tick = events(work / f"tick-{n}", 10_000, 1, after=n)
            for checkout in both.values():
                checkout.land(tick, f"tick-{n}")
            each("a cold tick of 10,000", "run")
        for command in READING:
            for _ in range(given.times):
                each(command, command)
    print(f"{'':<36}{'here':>20}{'beside':>20}{'ratio':>16}")
    for what, found in costs.items():
        wall, cpu = (
            {name: statistics.median(getattr(cost, kind) for cost in found[name]) for name in both}
            for kind in ("wall", "cpu")
        )
        print(
            f"{what:<36}"
            + "".join(f"{wall[name]:8.2f} s {cpu[name]:6.2f} CPU" for name in both)
            + f"{wall['here'] / wall['beside']:8.2f} {cpu['here'] / cpu['beside']:6.2f}"
        )


if __name__ == "__main__":
    main()
