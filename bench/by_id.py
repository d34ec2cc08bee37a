"""What does a tick cost where an ``event_id`` alone makes a copy, against the default rule?

    python bench/by_id.py --events 300000 --rounds 5

Three lakes of the same events, spread over sixty days: the default rule, a span of 7 days, and one of 30. Then ticks of
1,000 events each, some of them sent before at another time, by turns; `events` alone is run. Of the rounds the middle
one counts, after one that warms the session up. Prints seconds, what was within reach, and the ratios.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import UUID

from costs import Cost, measured

from clickstream_platform.jvm.session import build_session
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.tables import TimeSpan
from clickstream_platform.streaming.runtime.run import run
from clickstream_platform.tables import tables

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from clickstream_platform.streaming.runtime.report import RunReport

DAYS, TICK, AGAIN = 60, 1_000, 20
START = datetime(2024, 1, 1, tzinfo=timezone.utc)
END = START + timedelta(days=DAYS)
SPANS = {"event_id, timestamp": None, "event_id in 7 days": timedelta(days=7), "event_id in 30": timedelta(days=30)}


def made(drawn: random.Random, since: datetime, within: timedelta, event_id: str = "") -> dict[str, str]:
    """An event at some time."""
    at = since + within * drawn.random()
    event_id = event_id or str(UUID(int=drawn.getrandbits(128)))
    return {"event_id": event_id, "user_id": f"u{drawn.randrange(999)}", "event_type": "click", "timestamp": f"{at}"}


class Home:
    """A lake by one of the rules, and what its ticks cost."""

    def __init__(self, spark: SparkSession, home: Path, span: timedelta | None) -> None:
        chosen = {"duplicates": "event_id", "duplicate_span": span} if span else {}
        self.settings = Settings(home=home).model_copy(update=chosen)
        self.spark, self.span, self.lake = spark, span or timedelta(0), Lake(self.settings.lake_folder)
        self.costs, self.left_out = list[Cost](), 0

    def run(self, name: str, events: list[dict[str, str]]) -> None:
        """Land them in one file, and run `events`."""
        landing = Path(self.settings.source_url)
        landing.mkdir(parents=True, exist_ok=True)
        (landing / f"{name}.json").write_text("".join(f"{json.dumps(each)}\n" for each in events))
        found: list[RunReport] = []
        table = tables(self.settings)["events"]
        self.costs.append(measured(self.spark, lambda: found.append(run(table, self.spark, self.lake))))
        assert found[0].rows_in == len(events)
        self.left_out = found[0].duplicates

    def reach(self) -> str:
        """The files in which a tick at the end looks up its ids, and the hours."""
        first, last = END - timedelta(hours=1) - self.span, END + self.span
        micros = TimeSpan(*(int(each.timestamp()) * 1_000_000 for each in (first, last)))
        files = self.lake.events.files_within("timestamp", "timestamp", [micros])
        return f"{len(files):4} files of {(END - first) // timedelta(hours=1):4} hours"


def main() -> None:
    """Measure them by turns, so that a machine that grows slower does so for all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=5)
    chosen, drawn = parser.parse_args(), random.Random(1)
    history = [made(drawn, START, END - START) for _ in range(chosen.events)]
    with TemporaryDirectory() as temporary:
        spark = build_session(Settings(home=Path(temporary)), "by id")
        homes = {rule: Home(spark, Path(temporary) / str(n), span) for n, (rule, span) in enumerate(SPANS.items())}
        for home in homes.values():
            home.run("history", history)
        for turn in range(1 + chosen.rounds):
            again = [each["event_id"] for each in drawn.sample(history, AGAIN)]
            tick = [made(drawn, END - timedelta(hours=1), timedelta(hours=1), each) for each in again]
            tick += [made(drawn, END - timedelta(hours=1), timedelta(hours=1)) for _ in range(TICK - AGAIN)]
            for home in homes.values():
                home.run(f"{turn}", tick)
        wall = {rule: statistics.median(cost.wall for cost in home.costs[2:]) for rule, home in homes.items()}
        cpu = {rule: statistics.median(cost.cpu for cost in home.costs[2:]) for rule, home in homes.items()}
        default = next(iter(homes))
        for rule, home in homes.items():
            ratios = f"ratio {wall[rule] / wall[default]:.2f}, of CPU {cpu[rule] / cpu[default]:.2f}"
            seconds = f"{wall[rule]:6.2f} s {cpu[rule]:6.2f} CPU s"
            print(f"{rule:<20} {seconds} {home.reach()} {home.left_out:3} left out, {ratios}")
        spark.stop()


if __name__ == "__main__":
    main()
