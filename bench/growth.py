"""Does a tick cost more in a larger lake? All tables, 10,000 new events, then one event that is three days late.

Each table is checked after its run, as in the job ``refresh``. What runs and checks took is said of each, and how many
checks looked at all rows: those of the first run do, which is not measured.

    python bench/growth.py --sizes 100000 1000000 10000000

Each size has a lake of its own, filled in one run. After ticks that warm the process up, some are measured, of which
the middle one counts, then the late event. Prints seconds, also of processor time, and the ratios to the smallest lake;
then seconds and Spark jobs of each table. Ten million events need 4 GB of disk and half an hour.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from costs import Cost, measured

from clickstream_platform.expectations import FreshEvents
from clickstream_platform.jvm.session import build_session
from clickstream_platform.settings import Settings
from clickstream_platform.simulator.landing import write_landing
from clickstream_platform.simulator.simulation import SPAN, START, Shares, simulate
from clickstream_platform.streaming.audit.validate import check
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.maintenance.housekeeping import maintain
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.run import run
from clickstream_platform.tables import tables

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from clickstream_platform.streaming.contract.table import StreamingTable

TICK, WARM, TICKS = 10_000, 4, 3
HOURS = timedelta(hours=2)  # the least that the simulator fills
QUIET = Hooks(notify=lambda table, rows: None)
PER_DAY = 100_000  # events: a larger lake is an older one, not a busier one
PER_FILE = 100_000


@dataclass(frozen=True)
class Ran:
    """What a run of all tables cost, and each of them, for reading."""

    cost: Cost
    each: str


class Growing:
    """A lake of so many events, and what is measured on it."""

    def __init__(self, spark: SparkSession, settings: Settings, size: int) -> None:
        self.spark, self.settings, self.size = spark, settings, size
        self.contracts, self.lake = tables(settings), Lake(settings.lake_folder)
        self.days = max(timedelta(days=size / PER_DAY), SPAN)
        self.end = START + self.days

    def fill(self) -> None:
        """The first run."""
        simulated = simulate(self.size, 1, START, span=self.days, shares=Shares(late=0))
        files = ceil(self.size / PER_FILE)  # a file is read by one task
        write_landing(self.landing, simulated, arrivals=1, files_per_arrival=files)
        self.ran()
        maintain(list(self.contracts.values()), self.lake)

    @property
    def landing(self) -> Path:
        """Its landing folder."""
        return Path(self.settings.source_url)

    def tick(self, seed: int) -> Ran:
        """The next hours."""
        simulated = simulate(TICK, seed, self.end + HOURS * seed, span=HOURS, shares=Shares(late=0))
        write_landing(self.landing, simulated, arrivals=1)
        return self.ran()

    def late(self) -> Ran:
        """One event of three days ago."""
        at = (self.end - timedelta(days=3)).isoformat()
        event = {"user_id": "u000001", "session_id": None, "event_type": "purchase", "timestamp": at}
        (self.landing / "late.json").write_text(json.dumps(event) + "\n")
        return self.ran()

    def ran(self) -> Ran:
        """Run every table."""
        found: list[str] = []
        cost = measured(self.spark, lambda: found.extend(self._ran(table) for table in self.contracts.values()))
        return Ran(cost, "  ".join(found))

    def _ran(self, table: StreamingTable) -> str:
        started, jobs = time.monotonic(), self._jobs()
        run(table, self.spark, self.lake, QUIET)
        ran = time.monotonic()
        checks = check(table, lambda: self.spark, self.lake)
        if wrong := [each for each in checks if not each.passed and each.name != FreshEvents.name]:
            print(*(f"{each.table} {each.name}: {each.found}" for each in wrong), sep="\n")
        took = f"{ran - started:.1f} + {time.monotonic() - ran:.1f} s {self._jobs() - jobs} jobs"
        return f"{table.name} {took} {Counter(each.look.kind for each in checks if each.look)['full'] or 'no'} full"

    def _jobs(self) -> int:
        tracker = self.spark.sparkContext._jsc.sc()  # type: ignore[union-attr]
        return tracker.dagScheduler().nextJobId()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    first: dict[str, Cost] = {}
    with TemporaryDirectory() as folder:
        for size in parser.parse_args().sizes:
            settings = Settings.model_validate({"home": Path(folder) / str(size), "spark_master": "local[2]"})
            spark = build_session(settings, jvm_log=Path(folder) / "spark.log")
            growing = Growing(spark, settings, size)
            growing.fill()
            ticks = [growing.tick(seed) for seed in range(2, 2 + WARM + TICKS)][WARM:]
            tick = sorted(ticks, key=lambda found: found.cost.cpu)[TICKS // 2]
            for what, found in (("tick", tick), ("late", growing.late())):
                cost, base = found.cost, first.setdefault(what, found.cost)
                ratios = f"ratios {cost.wall / base.wall:.2f} {cost.cpu / base.cpu:.2f}"
                line = f"{size:>11,} events  {what} {cost.wall:6.1f} s {cost.cpu:6.1f} CPU s  {ratios}  {found.each}"
                print(line, flush=True)
        spark.stop()


if __name__ == "__main__":
    main()
