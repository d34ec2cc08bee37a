"""What `clickstream stream` does over time: a live feed into it, its lag and its memory as it goes on.

    python bench/stream.py --minutes 15 --rate 500 --every "10 seconds"

Starts `clickstream stream` and a simulated feed of its own, in a temporary home, and looks at both once in a while. At
the end the feed stops, the stream reads what is left and is told to stop, and every table is verified. Exit code 1 if
one of these holds: a table had not read everything two intervals after the feed, the memory of the second half grew by
more than a fifth over that of the first, the stream did not end well, or a table is not its query.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from clickstream_platform.settings import Settings
from clickstream_platform.simulator.landing import land_live
from clickstream_platform.streaming.contract.trigger import ProcessingTime, trigger_from
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.lag import lag
from clickstream_platform.tables import tables

CLICKSTREAM = [sys.executable, "-c", "from clickstream_platform.cli import main; main()"]
PATIENCE = 900  # seconds for the first commit, and for the last: some intervals of minutes
HEAP = "1g"
GROWTH = 1.2  # of memory, second half over first: a heap fills and is collected, a leak does not stop


@dataclass(frozen=True)
class Sample:
    """How it stood at one moment.

    Attributes:
        at: seconds since the feed began.
        unread: by table, what it has not read: files or events.
        seconds: the longest that any table's newest commit has been ago.
        memory: megabytes of Python and the JVM together.
    """

    at: float
    unread: dict[str, int]
    seconds: float
    memory: int

    def line(self) -> str:
        """For reading."""
        unread = "".join(f"{amount:>23,}" for amount in self.unread.values())
        return f"{self.at:7.0f} s{unread}{self.seconds:10.1f} s{self.memory:8,} MB"


@dataclass
class Feed:
    """Visitors who write into the landing folder, one file a second."""

    folder: Path
    rate: float
    written: int = 0

    def go_on(self, minutes: float) -> None:
        """Until the minutes are over."""
        self.written = land_live(self.folder, self.rate, 1, duration=timedelta(minutes=minutes))


def sampled(settings: Settings, process: subprocess.Popen[bytes], began: float) -> Sample:
    """How it stands now; starts no JVM."""
    lake, contracts = Lake(settings.lake_folder), tables(settings)
    unread = {name: lag(table, lake).amount for name, table in contracts.items()}
    newest = [next(iter(entries(lake.table(name))), None) for name in contracts]
    commits = [entry.committed_at_ms / 1000 if entry else began for entry in newest]
    return Sample(time.time() - began, unread, time.time() - min(commits), memory_of(process.pid))


def memory_of(group: int) -> int:
    """Megabytes that the processes of a group hold, as Linux counts them."""
    found = subprocess.run(["ps", "-o", "rss=", "-g", str(group)], capture_output=True, text=True, check=False)
    return sum(map(int, found.stdout.split())) // 1024


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = PATIENCE) -> float:
    """Seconds that it took; gives up after some."""
    began = time.monotonic()
    while not holds():
        if process.poll() is not None or time.monotonic() - began > seconds:
            sys.exit("the stream has ended, or does not get on")
        time.sleep(0.2)
    return time.monotonic() - began


def main() -> None:
    """Stream, feed, look, stop, verify."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--rate", type=float, default=500, help="records a second")
    parser.add_argument("--every", default="10 seconds", help="the trigger's interval")
    arguments = parser.parse_args()
    trigger = trigger_from(arguments.every, "--every")
    assert isinstance(trigger, ProcessingTime)
    with TemporaryDirectory() as scratch:
        sys.exit(measured(Settings(home=Path(scratch)), trigger, arguments.minutes, arguments.rate))


def measured(settings: Settings, trigger: ProcessingTime, minutes: float, rate: float) -> int:
    """The number of promises that did not hold."""
    # A heap that is full early: one that still fills would be taken for a leak.
    environment = {**os.environ, "CLICKSTREAM_HOME": str(settings.home), "CLICKSTREAM_SPARK_DRIVER_MEMORY": HEAP}
    command = [*CLICKSTREAM, "stream", "--every", trigger.name.removeprefix("every ")]
    with (settings.home / "stream.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        samples, left = observed(settings, process, minutes, rate)
        process.send_signal(signal.SIGTERM)
        ended = process.wait(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    verified = subprocess.run([*CLICKSTREAM, "verify"], env=environment, check=False).returncode
    half = len(samples) // 2
    growth = statistics.median(s.memory for s in samples[half:]) / statistics.median(s.memory for s in samples[:half])
    intervals = left / trigger.interval.total_seconds()
    print(f"everything was read {left:.1f} s after the feed ended, {intervals:.1f} intervals")
    print(f"memory, second half over first  {growth:.2f}")
    print(f"exit code of the stream {ended}, of verify {verified}")
    return [intervals <= 2, growth <= GROWTH, ended == 0, verified == 0].count(False)


def observed(
    settings: Settings, process: subprocess.Popen[bytes], minutes: float, rate: float
) -> tuple[list[Sample], float]:
    """Samples while the feed is on, and the seconds until everything was read after it."""
    feed = Feed(Path(settings.source_url), rate)
    feeding = threading.Thread(target=feed.go_on, args=(minutes,), daemon=True)
    began = time.time()
    feeding.start()
    wait_until(lambda: all(Lake(settings.lake_folder).table(name).version() for name in tables(settings)), process)
    print(f"every table had its first commit after {time.time() - began:.0f} s")
    print(f"{'':9}{''.join(f'{name:>23}' for name in tables(settings))}{'commit ago':>12}{'memory':>11}")
    samples: list[Sample] = []
    pause = max(5.0, minutes * 60 / 20)
    while feeding.is_alive():
        feeding.join(pause)
        samples.append(sampled(settings, process, began))
        print(samples[-1].line(), flush=True)
    left = wait_until(lambda: not any(sampled(settings, process, began).unread.values()), process)
    lake = Lake(settings.lake_folder)
    read = sum(entry.rows_in for entry in entries(lake.events))
    print(f"{feed.written:,} records written, {read:,} read")
    return samples, left


if __name__ == "__main__":
    main()
