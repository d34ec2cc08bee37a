"""``make hosts``: a lake on a store, a Spark cluster and two drivers, each on a host of its own, and what goes wrong.

After each fault a run goes on, every table is compared with its query, and what was accepted with what had landed. How
many rounds, kills and cuts there were is printed. Takes the rights of root (:mod:`.network`).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from clickstream_platform.simulator.cluster import REGISTERED, Process, master_at, worker_at
from clickstream_platform.simulator.seaweed import Seaweed, run_store
from clickstream_platform.store.place import StorePath
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform_tests.accounts import counts_of_records
from clickstream_platform_tests.conftest import event
from clickstream_platform_tests.lease_holder import Holder
from clickstream_platform_tests.network import Network, apart, lacking, network
from clickstream_platform_tests.on_cluster import PROGRAM, RUN_AND_VERIFY
from clickstream_platform_tests.stopped_run import Stop
from clickstream_platform_tests.waiting import wait_until

TABLES = ("events", "sessions", "user_activity")
NEW = 3_000  # events that land in each round, and once more
PORTS = (8333, 9333, 8080, 8888)
LOST = "this run was away for longer than its lease lasts"
BUSY = "holds it (pid"
# One core of each worker for each of the three programs that there are at most.
SHARE = {"spark.cores.max": "2", "spark.executor.cores": "1", "spark.executor.memory": "600m"}
SECONDS = 600.0  # for one run: a busy machine is no fault


@dataclass
class Hosts:
    """The hosts, and what runs on them."""

    net: Network
    folder: Path
    running: ExitStack
    store: ExitStack = field(default_factory=ExitStack)
    workers: dict[str, Process] = field(default_factory=dict[str, Process])
    landed: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("kills", "cuts", "stops", "restarts"), 0))

    def up(self) -> None:
        """Start everything but drivers."""
        for name in ("store", "master", "worker-1", "worker-2", "driver-1", "driver-2"):
            self.net.add(name)
        (self.folder / "landing").mkdir()
        self.open_store()
        self.running.callback(self.store.close)
        # Workers have the key of the store in their environment, as a driver has.
        os.environ.update(self.seaweed.environment)
        self.master = master_at(self.net.hosts["master"], self.folder, self.running)
        for name in ("worker-1", "worker-2"):
            self.open_worker(name)

    def open_store(self) -> None:
        """Start the store, on what it had."""
        self.seaweed: Seaweed = self.store.enter_context(
            run_store(self.folder / "store", self.net.hosts["store"], ports=PORTS)
        )

    def open_worker(self, name: str) -> None:
        """Start a worker."""
        worker = worker_at(self.net.hosts[name], name, self.folder, self.running, self.master, cores=3)
        worker.await_line(REGISTERED)
        self.workers[name] = worker

    @property
    def lake(self) -> Lake:
        """The lake, as this process sees it."""
        return Lake(StorePath.from_url("s3://lake/hosts", self.seaweed.access))

    def land(self) -> None:
        """Let events land, some of them twice, and a line that is none."""
        self.landed += 1
        ids = range(self.landed * NEW, (self.landed + 1) * NEW)
        records = [event(f"u{one % 50}", f"{one % 24:02}:{one % 60:02}:00", event_id=f"{one}") for one in ids]
        lines = [*map(json.dumps, [*records, *records[:100]]), "{"]
        for part in range(2):  # a task each
            file = self.folder / "landing" / f"{self.landed:04}-{part}.json"
            file.write_text("".join(f"{line}\n" for line in lines[part::2]))

    def start(self, host: str, *command: str) -> Run:
        """Start a program of Python on a host."""
        given = {"HOME": str(self.folder / host), "SOURCE": str(self.folder / "landing"), "LAKE": str(self.lake.root)}
        given |= {"STORE_ENDPOINT": self.seaweed.endpoint, "STORE_ALLOW_HTTP": "true", "SPARK_MASTER": self.master}
        given |= {"SPARK_CONF": json.dumps(SHARE), "SPARK_WAIT": "PT10M"}
        named = [f"CLICKSTREAM_{name}={value}" for name, value in given.items()]
        of_tests = f"PYTHONPATH={Path(__file__).parents[1]}"
        log = self.folder / f"{host}-{time.monotonic_ns()}.log"
        words = [*self.net.hosts[host].enter, "env", *named, of_tests, sys.executable, *command]
        with log.open("wb") as output:
            return Run(subprocess.Popen(words, stdout=output, stderr=output, start_new_session=True), log)

    def run(self, host: str) -> Run:
        """Start a run on a host."""
        return self.start(host, "-c", PROGRAM, "run", *TABLES)

    def held(self, host: str) -> tuple[Run, Path]:
        """Start one that stops before it commits events, and wait until it has; it goes on when its file is gone."""
        file = self.folder / "held"
        stop = json.dumps(asdict(Stop("hold", 1, "before", held=str(file))))
        run = self.start(host, "-m", "clickstream_platform_tests.stopped_run", stop, "run", *TABLES)
        wait_until(file.exists, run.process, seconds=SECONDS)
        return run, file

    def settle(self, host: str) -> None:
        """Go on from a host, verify, and compare what was accepted with what has landed."""
        self.start(host, "-c", RUN_AND_VERIFY, *TABLES).must_end(0)
        found = counts_of_records(self.lake) | {"staged": len([*(self.lake.root / "_staging").rglob("*")])}
        of_each = {"events": NEW, "duplicates": 100, "quarantine": 1, "read": NEW + 101, "staged": 0}
        expected = {what: count * self.landed for what, count in of_each.items()}
        assert found == expected, f"{found} is not {expected}"

    def is_staged(self) -> bool:
        """Whether a task has staged something."""
        return any(True for _ in (self.lake.root / "_staging").rglob("*.parquet"))


@dataclass
class Run:
    """A program that runs on a host."""

    process: subprocess.Popen[bytes]
    log: Path

    def signal(self, which: signal.Signals) -> None:
        """Send a signal to all of it, the JVM included."""
        os.killpg(self.process.pid, which)

    def must_end(self, *codes: int, saying: str = "") -> int:
        """Wait for its end, which must have one of these codes, and a reason for any but 0; returns the code."""
        code = self.process.wait(SECONDS)
        said = " ".join(self.log.read_text(errors="replace").split())
        assert code in codes, f"it ended with {code}: {said[-3000:]}"
        assert code == 0 or saying in said, f"it ended with {code}, but not for {saying}: {said[-3000:]}"
        return code


def worker_killed_in_staging(hosts: Hosts) -> None:
    """A worker dies once something is staged."""
    run = hosts.run("driver-1")
    wait_until(hosts.is_staged, run.process, seconds=SECONDS, every=0.1)
    _kill_worker(hosts, "worker-1")
    run.must_end(0)
    hosts.open_worker("worker-1")


def worker_killed_in_a_change(hosts: Hosts) -> None:
    """A worker dies once events are committed and the tables that read them change."""
    before, run = hosts.lake.events.rows() if hosts.lake.events.exists else 0, hosts.run("driver-1")
    wait_until(lambda: hosts.lake.events.exists and hosts.lake.events.rows() > before, run.process, seconds=SECONDS)
    _kill_worker(hosts, "worker-2")
    run.must_end(0)
    hosts.open_worker("worker-2")


def _kill_worker(hosts: Hosts, name: str) -> None:
    hosts.workers[name].kill()
    hosts.counts["kills"] += 1


def driver_killed_between_its_commits(hosts: Hosts) -> None:
    """A driver dies with its JVM, quarantine committed and events not; one of another host goes on."""
    run, file = hosts.held("driver-1")
    run.signal(signal.SIGKILL)
    run.process.wait()
    file.unlink()
    hosts.counts["kills"] += 1


def driver_cut_off(hosts: Hosts) -> None:
    """A driver does not reach the store for longer than its lease; another takes over, and the first is let back."""
    run, file = hosts.held("driver-1")
    hosts.net.cut("driver-1", "store")
    hosts.counts["cuts"] += 1
    hosts.run("driver-2").must_end(0)
    hosts.net.mend("driver-1", "store")
    file.unlink()
    run.must_end(1, saying=LOST)


def driver_stopped(hosts: Hosts) -> None:
    """A driver and its JVM sleep for longer than its lease; another takes over, and the first is woken."""
    run, file = hosts.held("driver-1")
    run.signal(signal.SIGSTOP)
    hosts.counts["stops"] += 1
    hosts.run("driver-2").must_end(0)
    file.unlink()
    run.signal(signal.SIGCONT)
    run.must_end(1, saying=LOST)


def store_restarted(hosts: Hosts) -> None:
    """The store is killed in the middle of a run, and started again on what it had."""
    run, file = hosts.held("driver-1")
    hosts.store.close()
    hosts.counts["restarts"] += 1
    hosts.open_store()
    file.unlink()
    run.must_end(0, 1, saying="the store does not answer")  # where it took a minute to be back


def two_drivers_and_maintain(hosts: Hosts) -> None:
    """Two drivers run all tables at once, while a third program maintains them."""
    if not hosts.lake.events.exists:  # in the first round there is nothing to maintain
        hosts.run("driver-1").must_end(0)
        hosts.land()
    together = [hosts.run("driver-1"), hosts.run("driver-2"), hosts.start("driver-2", "-c", PROGRAM, "maintain")]
    ended = [each.must_end(0, 1, saying=BUSY) for each in together]
    assert 0 in ended


def leases(ttl: float = 3.0) -> None:
    """Without Spark: a holder is cut off for longer than its lease, another host takes it, the first is let back."""
    with TemporaryDirectory(prefix="hosts-") as folder, network(Path(folder)) as net:
        store, first, second = (net.add(name) for name in ("store", "driver-1", "driver-2"))
        with run_store(Path(folder) / "store", store, PORTS) as seaweed:
            of_all = ("s3://lake/leases", seaweed.endpoint, ttl, seaweed.environment)
            one, other = (Holder.started(*of_all, stranger=False, enter=host.enter) for host in (first, second))
            fences = [one.told("take")["fence"]]
            assert "busy" in other.told("take")
            net.cut("driver-1", "store")
            time.sleep(ttl)
            taken = other.told("take")
            fences.append(taken["fence"])
            net.mend("driver-1", "store")
            assert LOST.partition("(")[0] in one.told("ask").get("busy", "")
            assert other.told("ask").get("held")
            for each in (one, other):
                each.signalled(signal.SIGKILL)
    assert fences == sorted({*fences})
    print(f"leases: fences {fences}, taken over in {taken['seconds']:.1f} s; 1 cuts")


FAULTS: tuple[Callable[[Hosts], None], ...] = (
    worker_killed_in_staging,
    worker_killed_in_a_change,
    driver_killed_between_its_commits,
    driver_cut_off,
    driver_stopped,
    store_restarted,
    two_drivers_and_maintain,
)


def rounds(faults: list[Callable[[Hosts], None]], times: int) -> None:
    """One fault after another, so many times. Raises an AssertionError if anything is lost, doubled or hangs."""
    with TemporaryDirectory(prefix="hosts-") as folder, network(Path(folder)) as net, ExitStack() as running:
        hosts = Hosts(net, Path(folder), running)
        hosts.up()
        for number in range(times * len(faults)):
            fault, began = faults[number % len(faults)], time.monotonic()
            hosts.land()
            fault(hosts)
            hosts.settle("driver-2")
            done = ", ".join(f"{count} {what}" for what, count in hosts.counts.items())
            took, rows = time.monotonic() - began, hosts.lake.events.rows()
            print(
                f"round {number + 1}, {fault.__name__}: {rows:,} events, exact after {took:.0f} s; {done}", flush=True
            )


def main() -> None:
    """Make the rounds that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1, help="how often each fault")
    parser.add_argument("--only", default="", help="faults whose names have this in them")
    parser.add_argument("--leases", action="store_true", help="only a lease, without Spark: some seconds")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside and asked.leases:
        leases()
        return
    if asked.inside:
        rounds([fault for fault in FAULTS if asked.only in fault.__name__], asked.times)
        return
    if why := lacking():
        raise SystemExit("; ".join((f"hosts: {why}", "run it as root, on Linux")))
    given = ("--times", str(asked.times), "--only", asked.only, *(["--leases"] if asked.leases else []), "--inside")
    raise SystemExit(apart("clickstream_platform_tests.hosts", *given))


if __name__ == "__main__":
    main()
