"""``make races``: two drivers run the same tables of a lake on a store at once, and neither takes a lease.

What keeps them apart then is what a lease only spares them: Delta's commits, and files that are put if absent. In every
second round one of them is killed at a random moment. After each round a run goes on, and what was accepted is compared
with what had landed; after the last one, and some before, every table is compared with its query.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from clickstream_platform.cli import app, checks, runs
from clickstream_platform.cli.ready import lake_of
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.settings import from_env
from clickstream_platform.simulator.seaweed import Seaweed, lend_credentials, run_store
from clickstream_platform.store.access import Access
from clickstream_platform.store.place import StorePath
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.run import run_leased
from clickstream_platform.tables import select_tables
from clickstream_platform_tests.accounts import counts_of_records
from clickstream_platform_tests.conftest import event

TABLES = ("events", "sessions", "user_activity", "purchases")
PLACE = "races"
NEW, AGAIN = 500, 50  # events that land in each round; how many of them do so twice
OF_A_RUN = 8.0  # seconds; a kill comes within so many
VERIFIED_EVERY = 10


@dataclass
class Driver:
    """A process with a SparkSession that does as it is told: a word a line comes in, what became of it goes out."""

    name: str
    folder: Path
    environment: dict[str, str]
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start it: the first answer takes as long as a session does to begin."""
        command = [sys.executable, "-m", "clickstream_platform_tests.races", "--driver"]
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
        if self.process.poll() is not None:
            self.start()
        assert self.process.stdin
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        """Wait for what became of it: `done`, the error that ended it, or `killed`."""
        assert self.process.stdout
        if line := self.process.stdout.readline():
            return str(json.loads(line))
        assert self.process.wait(60) == -signal.SIGKILL, f"{self.name} ended: {self.log.read_text()[-2000:]}"
        return "killed"

    def kill(self) -> None:
        """Kill it with its JVM, wherever it is."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def serve() -> None:
    """What a driver does."""
    settings = from_env()
    contracts, lake = select_tables(settings, [*TABLES]), lake_of(settings, to_write=True)
    with app.spark_session(settings) as spark:
        for word in map(str.strip, sys.stdin):
            try:
                with redirect_stdout(sys.stderr):  # where the answer goes, nothing else does
                    became = _obey(word, contracts, spark, lake)
            except (ClickstreamError, Py4JError, PySparkException) as failure:
                became = f"{type(failure).__name__}: {failure}"
                print(became, file=sys.stderr, flush=True)
            print(json.dumps(became), flush=True)


def _obey(word: str, contracts: list[StreamingTable], spark: SparkSession, lake: Lake) -> str:
    if word == "race":
        for table in contracts:
            run_leased(table, spark, lake, Hooks(), secrets.token_hex(6))
    elif word == "run":
        runs.run_all(contracts, spark, lake, Hooks(), jobs=1)
    elif unlike := [each.table for each in checks.verify_tables(contracts, spark, lake) if not each.clean]:
        return ", ".join(["unlike their queries", *unlike])
    return "done"


def land(folder: Path, number: int) -> None:
    """Let a round's events land, some of them twice, and a line that is none."""
    ids = range(number * NEW, (number + 1) * NEW)
    kinds = ("page_view", "purchase", "click")
    records = [
        event(f"u{one % 20}", f"{one % 24:02}:{one % 60:02}:00", event_id=f"{one}", event_type=kinds[one % 3])
        for one in ids
    ]
    lines = [*map(json.dumps, [*records, *records[:AGAIN]]), "{"]
    (folder / f"{number:04}.json").write_text("".join(f"{line}\n" for line in lines))


def require_exact(lake: Lake, landed: int) -> None:
    """Every record that has landed is booked once, and every event is there once. Raises an AssertionError."""
    found = counts_of_records(lake)
    of_each = {"events": NEW, "duplicates": AGAIN, "quarantine": 1, "read": NEW + AGAIN + 1}
    expected = {what: count * landed for what, count in of_each.items()}
    assert found == expected, f"{found} is not {expected}"


def race(rounds: int, drawn: random.Random) -> None:
    """So many rounds. Raises an AssertionError if anything is lost or doubled, or does not go on."""
    with ExitStack() as running:
        folder = Path(running.enter_context(TemporaryDirectory(prefix="races-")))
        store = running.enter_context(run_store(folder / "store"))
        running.enter_context(lend_credentials(store))
        landing = folder / "landing"
        landing.mkdir()
        drivers = [Driver(name, folder, environment(store, landing)) for name in ("one", "other")]
        for each in drivers:
            running.callback(each.kill)
        lake = Lake(StorePath.from_url(f"s3://{store.bucket}/{PLACE}", Access(store.endpoint, "us-east-1")))
        became: Counter[str] = Counter()
        for number in range(rounds):
            began = time.monotonic()
            land(landing, number)
            for each in drivers:
                each.tell("race")
            if number % 2:
                time.sleep(drawn.uniform(0, OF_A_RUN))
                drawn.choice(drivers).kill()
            became.update(each.answer().partition(":")[0] for each in drivers)
            settling = drivers[number % 2]
            words = ["run", *(["verify"] if number + 1 == rounds or not (number + 1) % VERIFIED_EVERY else [])]
            for word in words:
                settling.tell(word)
                assert (answer := settling.answer()) == "done", f"round {number + 1}, {word}: {answer}"
            require_exact(lake, number + 1)
            done = ", ".join(f"{count} {what}" for what, count in became.most_common())
            print(f"round {number + 1}: exact after {time.monotonic() - began:.0f} s; {done}", flush=True)


def environment(store: Seaweed, landing: Path) -> dict[str, str]:
    """What both drivers are set to."""
    given = {"LAKE": f"s3://{store.bucket}/{PLACE}", "SOURCE": str(landing), "STORE_ENDPOINT": store.endpoint}
    given |= {"STORE_ALLOW_HTTP": "true", "SPARK_MASTER": "local[1]"}
    return {f"CLICKSTREAM_{name}": value for name, value in given.items()}


def main() -> None:
    """Race, or be one of the drivers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="of the kills")
    parser.add_argument("--driver", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.driver:
        serve()
        return
    print(f"seed {asked.seed}", flush=True)
    race(asked.rounds, random.Random(asked.seed))


if __name__ == "__main__":
    main()
