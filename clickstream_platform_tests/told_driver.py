"""A driver that others tell what to do, and may kill: a process with one SparkSession for as long as it lives.

``python -m clickstream_platform_tests.told_driver``: a word a line comes in, what became of it goes out.
"""

from __future__ import annotations

import faulthandler
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import traceback
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pyspark.sql import SparkSession

from clickstream_platform.cli import app, checks, runs
from clickstream_platform.cli.libraries import raised_by_libraries
from clickstream_platform.cli.ready import lake_of
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.settings import from_env
from clickstream_platform.simulator.seaweed import Seaweed
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.run import run_leased
from clickstream_platform.tables import select_tables

TABLES = ("events", "sessions", "user_activity", "purchases")
SECONDS = 600.0  # for one word: a busy machine is no fault
DONE, KILLED = "done", "killed"
CLEAR, OF_A_LIBRARY, BUG = "clear error", "error of a library", "traceback"  # as the command line tells them apart


class Answer(NamedTuple):
    """What became of a word.

    Attributes:
        kind: one of those above.
        said: the same, or the class of the error and its text.
    """

    kind: str
    said: str

    @property
    def title(self) -> str:
        """It in a word: of an error, its class."""
        return self.said.partition(":")[0]


@dataclass
class Driver:
    """Such a process. Not started before it is told something, or :meth:`start` is called."""

    name: str
    folder: Path
    environment: dict[str, str]
    process: subprocess.Popen[str] | None = field(init=False, default=None)

    def start(self) -> None:
        """Start it: its first answer takes as long as a session does to begin."""
        command = [sys.executable, "-m", __name__]
        named = os.environ | self.environment | {"CLICKSTREAM_HOME": str(self.folder / self.name)}
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, env=named, stderr=log, start_new_session=True, **pipes)

    @property
    def log(self) -> Path:
        """What it says beside its answers."""
        return self.folder / f"{self.name}.log"

    def tell(self, word: str) -> None:
        """Give it something to do. One that was killed is started again."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        assert self.process
        assert self.process.stdin
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def has_answered(self, seconds: float = 0) -> bool:
        """Whether an answer is there, or it is dead; waits so long for that."""
        assert self.process
        assert self.process.stdout
        return bool(select.select([self.process.stdout], [], [], seconds)[0])

    def answer(self) -> Answer:
        """Wait for what became of it. Fails after :data:`SECONDS`; where each thread was then is in its log."""
        assert self.process
        assert self.process.stdout
        if not self.has_answered(SECONDS):
            self.process.send_signal(signal.SIGUSR1)
            assert self.has_answered(SECONDS / 10), f"{self.name} hangs: its threads are in {self.log}"
        if line := self.process.stdout.readline():
            return Answer(*json.loads(line))
        assert self.process.wait(60) == -signal.SIGKILL, f"{self.name} ended: {self.log.read_text()[-2000:]}"
        return Answer(KILLED, KILLED)

    def kill(self) -> None:
        """Kill it with its JVM, wherever it is."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def environment(store: Seaweed, place: str, landing: Path, master: str) -> dict[str, str]:
    """What a driver is set to, its home aside: a lake at this place of the store."""
    given = {"LAKE": store.address(place), "SOURCE": str(landing), "STORE_ENDPOINT": store.endpoint}
    given |= {"STORE_ALLOW_HTTP": "true", "SPARK_MASTER": master}
    return {f"CLICKSTREAM_{name}": value for name, value in given.items()}


def serve() -> None:
    """What a driver does."""
    faulthandler.register(signal.SIGUSR1)
    settings = from_env()
    contracts, lake = select_tables(settings, [*TABLES]), lake_of(settings, to_write=True)
    with app.spark_session(settings) as spark:
        for word in map(str.strip, sys.stdin):
            with redirect_stdout(sys.stderr):  # where the answer goes, nothing else does
                answer = _obey(word, contracts, spark, lake)
            print(json.dumps(answer), flush=True)


def _obey(word: str, contracts: list[StreamingTable], spark: SparkSession, lake: Lake) -> Answer:
    try:
        said = _do(word, contracts, spark, lake)
        return Answer(DONE, said)
    except Exception as failure:  # whoever told it judges
        traceback.print_exc()
        is_clear, is_known = isinstance(failure, ClickstreamError), isinstance(failure, raised_by_libraries())
        kind = CLEAR if is_clear else OF_A_LIBRARY if is_known else BUG
        return Answer(kind, f"{type(failure).__name__}: {failure}")


def _do(word: str, contracts: list[StreamingTable], spark: SparkSession, lake: Lake) -> str:
    if word == "race":  # without a lease
        for table in contracts:
            run_leased(table, spark, lake, Hooks(), secrets.token_hex(6))
    elif word == "run":
        runs.run_all(contracts, spark, lake, Hooks(), jobs=None)
    elif word == "verify":
        if unlike := [each.table for each in checks.verify_tables(contracts, spark, lake) if not each.clean]:
            return ", ".join(["unlike their queries", *unlike])
    else:
        assert word == "begin", word  # answered once there is a session
    return DONE


if __name__ == "__main__":
    serve()
