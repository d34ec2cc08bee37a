"""A Kafka broker of one's own, to develop and to test against: one node on the loopback interface, without Docker.

Not for data that anyone would miss: there is one copy of everything, and whoever is on this machine may read it.
"""

from __future__ import annotations

import base64
import fcntl
import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from clickstream_platform.errors import SetupError
from clickstream_platform.jvm.machine import jvm_reason, require_java
from clickstream_platform.jvm.maven import resolve
from clickstream_platform.simulator.broker_jars import BROKER_JARS
from clickstream_platform.simulator.ports import free_or, free_ports

PATIENCE = 60.0  # seconds; it answers in three, and in twelve after a kill -9
# The first compiler and one collecting thread: less memory, and up sooner.
JVM = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "log.retention.ms": "-1",  # simulated records are as old as they say, and would be gone before they are read
    "log.cleaner.dedupe.buffer.size": "2097152",  # the default takes 128 MB of heap
    "log.cleaner.backoff.ms": "500",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
}


@dataclass(frozen=True)
class Broker:
    """A broker whose data and log lie in ``folder``. It outlives the process that starts it.

    Attributes:
        folder: its own, and nothing else's.
        properties: further settings of the broker; ``listeners`` are added to its own.
    """

    folder: Path
    properties: Mapping[str, str] = field(default_factory=dict[str, str])

    def address(self) -> str | None:
        """``host:port`` of the broker; None if it is not running."""
        return f"127.0.0.1:{self._ports()[0]}" if self._is_running() else None

    def up(self, cache: Path) -> str:
        """Start it, unless it runs, and wait until it answers; return its address, as a rule the one it had before.

        Args:
            cache: where jars are kept: the first start fetches 37 MB.

        Raises:
            SetupError: no Java, the jars cannot be had, or it does not answer.
        """
        with self._alone():
            if running := self.address():
                return running
            java, jars = require_java(), resolve(BROKER_JARS, cache)
            address = self._configure()
            command = [str(java.path), *JVM, "-cp", ":".join(map(str, jars)), "kafka.Kafka", str(self._config)]
            with self._log.open("wb") as log:
                process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            (self.folder / "pid").write_text(str(process.pid))
            self._await_answer(process, address)
            return address

    def down(self, *, kill: bool = False) -> bool:
        """Stop it, and wait until it has stopped; with ``kill``, without giving it a say. Returns whether it ran.

        Raises:
            SetupError: it does not stop.
        """
        if not self._is_running():
            return False
        os.kill(int((self.folder / "pid").read_text()), signal.SIGKILL if kill else signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while self._is_running():
            if time.monotonic() > deadline:
                raise SetupError("kafka", f"its broker does not stop within {PATIENCE:g} s", f"see {self._log}")
            time.sleep(0.05)
        return True

    @property
    def _config(self) -> Path:
        return self.folder / "broker.properties"

    @property
    def _log(self) -> Path:
        return self.folder / "broker.log"

    @contextmanager
    def _alone(self) -> Generator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".up").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _is_running(self) -> bool:
        """Whether a process holds Kafka's own lock of the data. A pid alone may be somebody else's by now."""
        held = self.folder / "data" / ".lock"
        if not held.exists():
            return False
        with held.open("r+") as lock:
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return True
        return False

    def _ports(self) -> list[int]:
        """The ports it was last configured for: clients', controller's; none before the first time."""
        text = self._config.read_text() if self._config.exists() else ""
        return [int(port) for port in re.findall(r"//127\.0\.0\.1:(\d+)", text)[:2]]

    def _configure(self) -> str:
        """Write its configuration. With fixed voters a data folder need not be formatted, only named."""
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        if not (name := data / "meta.properties").exists():
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            name.write_text(f"version=1\ncluster.id={cluster}\nnode.id=1\n")
        clients, controller = map(free_or, before) if (before := self._ports()) else free_ports(2)
        listeners = [f"PLAINTEXT://127.0.0.1:{clients}", f"CONTROLLER://127.0.0.1:{controller}"]
        own = {
            "listeners": ",".join([*listeners, *filter(None, [self.properties.get("listeners")])]),
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "log.dirs": str(data),
        }
        lines = (f"{name}={value}" for name, value in {**PROPERTIES, **self.properties, **own}.items())
        self._config.write_text("\n".join(lines))
        return f"127.0.0.1:{clients}"

    def _await_answer(self, process: subprocess.Popen[bytes], address: str) -> None:
        from confluent_kafka import KafkaException  # noqa: PLC0415 - only who starts one pays for it
        from confluent_kafka.admin import AdminClient  # noqa: PLC0415

        client = AdminClient({"bootstrap.servers": address, "reconnect.backoff.max.ms": 200, "log_level": 0})
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            try:
                client.list_topics(timeout=1)
            except KafkaException:
                continue
            return
        if process.poll() is None:
            process.kill()
            raise SetupError("kafka", f"its broker does not answer within {PATIENCE:g} s", f"see {self._log}")
        said = jvm_reason(self._log.read_text(errors="replace"))
        raise SetupError("kafka", f"its broker ended at once ({said})", f"see {self._log}")
