"""A Spark cluster of one's own, to try things out on: a standalone master and workers out of the installed pyspark.

Each is a process of its own on the loopback interface, and ends with the process that started it, however that ends.
Not for others to use: whoever is on this machine may run a program on it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from clickstream_platform.errors import SetupError
from clickstream_platform.jvm.machine import jvm_reason, require_java

PATIENCE = 60.0  # seconds; each is up in some five
ENDING = 20.0  # seconds; a worker ends its executors first
WORKERS = 2
# Of a master and a worker, which wait most of the time: half the processor time of a start.
DAEMON = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
MEMORY = "2g"  # of each worker: an executor's heap of 1 GB, and its Python
REGISTERED = r"Successfully registered with master (spark://\S+)"
# Ends what it starts when its stdin is closed, which the system does to a process that has died.
GUARD = """
exec 3<&0
"$@" & child=$!
(
    read -r _ <&3
    kill $child 2>/dev/null
    # Who ignores that, as whoever started it did, is ended for good after so many tenths of a second, with its group.
    i=0
    while kill -0 $child 2>/dev/null && [ $((i += 1)) -le $0 ]; do sleep 0.1; done
    kill -0 $child 2>/dev/null && kill -KILL 0
) & wait $child
"""
GIVEN = 10.0  # seconds to end by itself


@dataclass(frozen=True)
class Host:
    """Where a process is to run: on this machine, as far as nothing else is said.

    Attributes:
        address: by which others reach it.
        enter: what starts a program there, as the first words of its command.
    """

    address: str = "127.0.0.1"
    enter: tuple[str, ...] = ()


HERE = Host()


@dataclass(frozen=True)
class Process:
    """A process of the cluster, such as its master; in one process group with all that it starts but Python.

    Attributes:
        name: what it is.
        guard: the shell that started it, and leads the group.
        log: what it says.
    """

    name: str
    guard: subprocess.Popen[bytes]
    log: Path

    def await_line(self, pattern: str) -> str:
        """Wait until it has said something, and return the first group.

        Raises:
            SetupError: it ended, or does not say it.
        """
        deadline = time.monotonic() + PATIENCE
        while not (match := re.search(pattern, text := self.log.read_text(errors="replace"))):
            if self.guard.poll() is not None:
                raise SetupError(self.name, f"it ended at once ({jvm_reason(text)})", f"see {self.log}")
            if time.monotonic() > deadline:
                raise SetupError(self.name, f"it is not up within {PATIENCE:g} s", f"see {self.log}")
            time.sleep(0.05)
        return match[1]

    def kill(self) -> None:
        """End it and its executors without giving them a say."""
        os.killpg(self.guard.pid, signal.SIGKILL)
        self.guard.wait()

    def end(self) -> None:
        """End it, and wait until it has ended."""
        assert self.guard.stdin is not None
        self.guard.stdin.close()
        try:
            self.guard.wait(ENDING)
        except subprocess.TimeoutExpired:
            self.kill()


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs.

    Attributes:
        master: its address, to be set as ``CLICKSTREAM_SPARK_MASTER``.
        workers: its workers, each with one core.
    """

    master: str
    workers: tuple[Process, ...]


@contextmanager
def cluster(folder: Path) -> Generator[Cluster]:
    """A master and :data:`WORKERS` workers with a core each, for as long as the block lasts.

    Logs and scratch files are in the folder.

    Raises:
        SetupError: there is no Java, or one of them does not start.
    """
    require_java()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as running:
        address = master_at(HERE, folder, running)
        started = tuple(worker_at(HERE, f"worker-{one}", folder, running, address) for one in range(1, WORKERS + 1))
        for worker in started:
            worker.await_line(REGISTERED)
        yield Cluster(address, started)


def master_at(host: Host, folder: Path, running: ExitStack) -> str:
    """Start a master that ends with the block; returns its address. Raises a SetupError."""
    return _start("master", host, folder, running).await_line(r"Starting Spark master at (spark://\S+)")


def worker_at(host: Host, name: str, folder: Path, running: ExitStack, master: str, *, cores: int = 1) -> Process:
    """Start a worker that ends with the block. It is ready once it has said :data:`REGISTERED`."""
    own = ("--cores", str(cores), "--memory", MEMORY, "--work-dir", str(folder / f"work-{name}"), master)
    return _start(name, host, folder, running, *own)


def _start(name: str, host: Host, folder: Path, running: ExitStack, *arguments: str) -> Process:
    pyspark = find_spec("pyspark")  # found, not imported
    assert pyspark is not None
    assert pyspark.origin is not None
    home = Path(pyspark.origin).parent
    kind = name.partition("-")[0].capitalize()
    # Without the path of this process: a worker has only what is installed, and what a session gives it.
    environment = ["env", "-u", "PYTHONPATH", "-u", "SPARK_CONF_DIR", f"SPARK_HOME={home}", "SPARK_DAEMON_MEMORY=256m"]
    environment += [f"SPARK_DAEMON_JAVA_OPTS={DAEMON}"]
    environment += [f"SPARK_LOCAL_DIRS={folder / 'scratch'}", f"SPARK_LOCAL_IP={host.address}"]
    command = [
        *host.enter,
        *environment,
        str(home / "bin" / "spark-class"),
        f"org.apache.spark.deploy.{kind.lower()}.{kind}",
    ]
    log = folder / f"{name}.log"
    command += ["--host", host.address, "--port", "0", "--webui-port", "0", *arguments]
    process = Process(f"spark {name}", start_guarded(command, log), log)
    running.callback(process.end)
    return process


def start_guarded(command: Sequence[str], log: Path, given: float = GIVEN) -> subprocess.Popen[bytes]:
    """Start a program below a shell that ends it when this process ends, or closes the shell's stdin.

    One that does not end when it is told to is killed after so many seconds.
    """
    with log.open("wb") as output:
        return subprocess.Popen(
            ["/bin/sh", "-c", GUARD, str(round(given * 10)), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the run, which the cluster outlives
        )
