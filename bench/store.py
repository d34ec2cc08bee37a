"""What a lake on an object store costs beside one in a folder, and how many requests a run makes.

    python bench/store.py --events 200000

A store on this machine (SeaweedFS), and two homes with the same landing files: one has its lake in a folder, one on the
store. By turns, in processes of their own: a first run of so many events, then ticks of 10,000. Prints the median of
seconds of both, and their ratio.

Then ticks and runs with nothing new on the store, whose requests a proxy counts: by client (``jvm`` is Spark's, ``own``
that of delta-rs and of our own files) and by kind, run after run, so that it shows whether they grow.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from commands import ENTRY
from commands import events as simulated

from clickstream_platform.simulator.counting import count_requests
from clickstream_platform.simulator.seaweed import Seaweed, run_store

TICK, TIMED, COUNTED = 10_000, 3, 6
FILES = 2  # that events land in


class Home:
    """A home with a landing folder, whose lake lies somewhere."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.landing = folder / "landing"
        self.landing.mkdir(parents=True)
        self.variables = {"CLICKSTREAM_HOME": str(folder / "home"), "CLICKSTREAM_SOURCE": str(self.landing)} | variables

    def land(self, files: list[Path], name: str) -> None:
        """New files, as a producer leaves them."""
        for file in files:
            shutil.copy(file, self.landing / f"{name}-{file.name}")

    def run(self, **variables: str) -> float:
        """`clickstream run`: how many seconds it takes. If it fails, the benchmark ends with what it printed."""
        begun = time.monotonic()
        environment = os.environ | self.variables | variables
        command = [sys.executable, "-c", ENTRY, "run"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if ended.returncode:
            sys.exit(f"{ended.stdout}{ended.stderr}")
        return time.monotonic() - begun


def homes_of(work: Path, store: Seaweed, name: str) -> dict[str, Home]:
    """Two homes: the lake of one is in a folder, that of the other on the store."""
    there = {"CLICKSTREAM_STORE_ENDPOINT": store.endpoint, "CLICKSTREAM_STORE_ALLOW_HTTP": "true", **store.environment}
    on_store = Home(work / f"{name}-store", CLICKSTREAM_LAKE=store.address(name), **there)
    return {"folder": Home(work / f"{name}-folder"), "store": on_store}


def compared(work: Path, store: Seaweed, events: int) -> Home:
    """Run both by turns and print what that took. The home whose lake is on the store goes on."""
    few = simulated(work / "few", 1_000, FILES)
    for home in homes_of(work, store, "once").values():  # leaves the classes that the next JVM maps
        home.land(few, "few")
        home.run()
    homes = homes_of(work, store, "lake")
    first = simulated(work / "first", events, FILES)
    took: dict[str, dict[str, list[float]]] = {f"{events:,} events": {}, f"a tick of {TICK:,}": {}, "nothing new": {}}
    for what, (times, files) in zip(took, ((1, first), (TIMED, None), (TIMED, [])), strict=True):
        for n in range(times):
            found = simulated(work / f"tick-{n}", TICK, FILES, after=n) if files is None else files
            for name, home in homes.items():
                home.land(found, f"{what.split(maxsplit=1)[0]}-{n}")
                took[what].setdefault(name, []).append(home.run())
    for what, found in took.items():
        folder, on_store = (statistics.median(found[name]) for name in homes)
        line = f"{what:<22} folder {folder:7.1f} s   store {on_store:7.1f} s   ratio {on_store / folder:.2f}"
        print(line, flush=True)
    return homes["store"]


def counted(work: Path, store: Seaweed, home: Home) -> None:
    """Ticks and runs with nothing new, and the requests of each."""
    with count_requests(store.endpoint) as (endpoint, requests):
        for n in range(COUNTED):
            for what in (f"tick {n + 1}", "nothing new"):
                if what != "nothing new":
                    home.land(simulated(work / f"counted-{n}", TICK, FILES, after=TIMED + n), f"counted-{n}")
                requests.clear()
                home.run(CLICKSTREAM_STORE_ENDPOINT=endpoint)
                counts = Counter((each.client, each.kind) for each in requests)
                by_kind = "  ".join(f"{client} {kind} {count}" for (client, kind), count in sorted(counts.items()))
                print(f"{what:<12} {counts.total():>6,} requests: {by_kind}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000, help="of the first run")
    with TemporaryDirectory() as folder:
        work = Path(folder)
        with run_store(work) as store:
            counted(work, store, compared(work, store, parser.parse_args().events))


if __name__ == "__main__":
    main()
