"""Does the driver's memory grow with what a run on a cluster catches up with?

    python bench/cluster.py --events 20000000

A master, two workers of a core each and an object store (SeaweedFS), all processes of this machine, and a lake on that
store. So many events land in a folder; one `clickstream run` takes them through all tables, batch after batch. For each
tenth of its time, prints the most resident memory that the driver had, of its Python and of its JVM, and, at the end,
the ratio of the last tenth to the first third's. Then `clickstream verify --source` counts the files again, and
`clickstream verify` compares every table with its query, on the same cluster; how long each took is printed.

20,000,000 events need 20 GB of disk and some two hours.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

from commands import ENTRY
from costs import children_of, words

from clickstream_platform.simulator.cluster import Cluster, cluster
from clickstream_platform.simulator.landing import write_landing
from clickstream_platform.simulator.seaweed import Seaweed, lend_credentials, run_store
from clickstream_platform.simulator.simulation import START, simulate

PART = 1_000_000  # events simulated at once: they are held in memory
PART_DAYS = timedelta(days=10)  # that they spread over: a larger lake is an older one, not a busier one
FILES = 8  # of a part
LOOKED = 1.0  # seconds between two looks at the memory
PARTS = 10  # of a run, for reading


@dataclass(frozen=True)
class Memory:
    """Resident memory of a driver at one time, in bytes."""

    seconds: float
    python: int
    jvm: int


def land(folder: Path, events: int) -> int:
    """Simulated events in files, part after part, each of the days after the one before. Returns their bytes."""
    for part in range(ceil(events / PART)):
        simulated = simulate(min(PART, events - part * PART), part + 1, START + part * PART_DAYS, span=PART_DAYS)
        write_landing(folder, simulated, arrivals=1, files_per_arrival=FILES)
    return sum(file.stat().st_size for file in folder.iterdir())


def environment_of(folder: Path, store: Seaweed, running: Cluster) -> dict[str, str]:
    """The environment of a command whose lake is on the store and whose tasks run on the cluster."""
    given = {"HOME": str(folder / "home"), "SOURCE": str(folder / "landing"), "LAKE": f"s3://{store.bucket}/lake"}
    given |= {"STORE_ENDPOINT": store.endpoint, "STORE_ALLOW_HTTP": "true", "SPARK_MASTER": running.master}
    return os.environ | {f"CLICKSTREAM_{name}": value for name, value in given.items()}


def watched(environment: dict[str, str], log: Path, *command: str) -> list[Memory]:
    """Run a command of clickstream to its end, and look at its memory. If it fails, the benchmark ends."""
    begun, found = time.monotonic(), list[Memory]()
    with log.open("w") as output:
        run = subprocess.Popen([sys.executable, "-c", ENTRY, *command], env=environment, stdout=output, stderr=output)
        while run.poll() is None:
            jvm = sum(map(_resident, children_of(run.pid)))
            found.append(Memory(time.monotonic() - begun, _resident(run.pid), jvm))
            time.sleep(LOOKED)
    if run.returncode:
        sys.exit(log.read_text())
    return found


def _resident(pid: int) -> int:
    """Bytes of memory that a process has, 0 once it has ended (proc_pid_statm(5))."""
    pages = words(Path(f"/proc/{pid}/statm"))
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") if pages else 0


def print_memory(found: list[Memory]) -> None:
    """The most of each tenth of the time, and what the last has more than the largest of the first third."""
    tenths: list[Memory] = []
    for part in range(PARTS):
        of_part = found[part * len(found) // PARTS : (part + 1) * len(found) // PARTS]
        tenths.append(Memory(of_part[-1].seconds, max(m.python for m in of_part), max(m.jvm for m in of_part)))
        last = tenths[-1]
        print(
            f"to {last.seconds:6.0f} s   Python {last.python / 1e6:6.0f} MB   JVM {last.jvm / 1e6:6.0f} MB", flush=True
        )
    early, last = tenths[: PARTS // 3], tenths[-1]
    python = last.python / max(each.python for each in early)
    jvm = last.jvm / max(each.jvm for each in early)
    print(f"the last tenth to the first three: Python {python:.2f}, JVM {jvm:.2f}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000_000)
    events = parser.parse_args().events
    with TemporaryDirectory() as place:
        work = Path(place)
        landed = land(work / "landing", events)
        print(f"{events:,} events and their faults in {landed:,} bytes", flush=True)
        with run_store(work) as store, lend_credentials(store), cluster(work / "cluster") as running:
            environment = environment_of(work, store, running)
            found = watched(environment, work / "run.log", "run")
            print((work / "run.log").read_text(), flush=True)
            print(f"run: {found[-1].seconds:.0f} s, {events / found[-1].seconds:,.0f} events/s", flush=True)
            print_memory(found)
            for command in (("verify", "--source"), ("verify",)):
                found = watched(environment, work / "verify.log", *command)
                print((work / "verify.log").read_text())
                peak = max(each.python + each.jvm for each in found) / 1e6
                print(f"{' '.join(command)}: {found[-1].seconds:.0f} s, at most {peak:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
