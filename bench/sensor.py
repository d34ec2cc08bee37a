"""How far behind a live feed the sensor lets the tables fall, watched through Dagster's own daemon.

    python bench/sensor.py --minutes 10 --rate 100

Starts a broker, a daemon with the repository's `dagster.yaml`, and a feed into a topic, in a temporary folder. Says
when each run was asked for and how long it took, and how far `events` fell behind. No run should be asked for before
the first record, and none after the last was read.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING

import dagster as dg

from clickstream_platform.defs.runs import UNFINISHED
from clickstream_platform.defs.sensors import unread_sensor
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.simulator.broker import Broker
from clickstream_platform.simulator.kafka_producer import make_topic
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.lag import lag
from clickstream_platform.streaming.sources.kafka.source import KafkaSource
from clickstream_platform.tables import tables

if TYPE_CHECKING:
    from collections.abc import Generator

REPOSITORY = Path(__file__).parents[1]


@dataclass
class Watch:
    """What was seen: the lag of ``events``, once a second, by seconds since the feed began."""

    settings: Settings
    began: float = field(default_factory=time.time)
    lags: dict[float, int] = field(default_factory=dict)

    def until(self, seconds: float) -> None:
        """Look once a second until so many seconds after the beginning."""
        events, lake = tables(self.settings)["events"], Lake(self.settings.lake_folder)
        while (now := time.time() - self.began) < seconds:
            self.lags[now] = lag(events, lake).amount
            time.sleep(1)

    def print(self, instance: dg.DagsterInstance, rate: float, tick: int) -> None:
        """Runs, then lag."""
        for record in reversed(instance.get_run_records()):
            run, start, end = record.dagster_run, record.start_time or 0, record.end_time or 0
            asked = record.create_timestamp.timestamp() - self.began
            print(f"{asked:6.0f} s  {run.job_name}  {run.status.value.lower():<10} took {end - start:5.1f} s")
        at, most = max(self.lags.items(), key=lambda each: each[1])
        print(f"lag of events, at most: {most:,} records after {at:.0f} s, {most / rate / tick:.1f} ticks' worth")
        print(f"lag of events, in the end: {list(self.lags.values())[-1]:,} records")


def watch(scratch: Path, settings: Settings, rate: float, seconds: float) -> None:
    """Feed, watch, and wait for what comes after."""
    tick = unread_sensor(settings).minimum_interval_seconds or 0
    shutil.copy(REPOSITORY / ".dagster_home" / "dagster.yaml", scratch)
    environment = {**os.environ, "DAGSTER_HOME": str(scratch), "CLICKSTREAM_HOME": str(settings.home)}
    environment["CLICKSTREAM_SOURCE"] = settings.source_url
    feed = ("clickstream", "simulate", "--kafka", "--rate", f"{rate:g}", "--duration", f"{seconds:g}")
    with ExitStack() as both, (scratch / "daemon.log").open("w") as log:
        both.enter_context(
            running("dagster-daemon", "run", "-w", str(REPOSITORY / "workspace.yaml"), env=environment, log=log)
        )
        time.sleep(2 * tick)
        instance = both.enter_context(dg.DagsterInstance.from_config(str(scratch)))
        if before := instance.get_runs_count():
            print(f"{before} runs before there was anything to read")
        seen = Watch(settings)
        both.enter_context(running(*feed, env=environment, log=log))
        seen.until(seconds + 2 * tick)
        while instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
            time.sleep(1)
        runs = instance.get_runs_count()
        seen.until(time.time() - seen.began + 2 * tick)
        seen.print(instance, rate, tick)
        print(f"runs after all was read: {instance.get_runs_count() - runs}")


@contextmanager
def running(program: str, *arguments: str, env: dict[str, str], log: IO[str]) -> Generator[None]:
    """A program of this environment, for as long as the block lasts."""
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    process = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT, cwd=REPOSITORY)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=100)
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        scratch = Path(folder)
        broker = Broker(scratch / "broker")
        address = broker.up(from_env().cache)
        settings = Settings(home=scratch / "home", source=f"kafka://{address}/clicks")
        try:
            make_topic(KafkaSource(address, "clicks"))
            watch(scratch, settings, arguments.rate, arguments.minutes * 60)
        finally:
            broker.down()


if __name__ == "__main__":
    main()
