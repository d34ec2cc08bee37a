"""What it costs a batch that its query is written down: `events`, one small file a batch, on one session.

    python bench/monitoring.py

Rounds of 10 batches take turns: not listened to; listened to as every run is; and by a listener as PySpark calls them,
which does nothing. The ratios are of this run: of the median time from one commit to the next, and of the processor
time of this process (not of its JVM), each to a round that nobody listens to.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from pyspark.sql.streaming.listener import StreamingQueryListener

from clickstream_platform.events.simulation import simulate
from clickstream_platform.settings import Settings
from clickstream_platform.spark import build_session
from clickstream_platform.streaming import monitoring
from clickstream_platform.streaming.lake import Lake
from clickstream_platform.streaming.run import Hooks, run
from clickstream_platform.tables import tables

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BATCHES = 10  # a round
RECORDS = 100  # a batch


class Silent(StreamingQueryListener):
    """A listener that does nothing, as PySpark calls it."""

    def onQueryStarted(self, event: Any) -> None:  # noqa: N802 - the names are Spark's
        """Nothing."""

    def onQueryProgress(self, event: Any) -> None:  # noqa: N802
        """Nothing."""

    def onQueryTerminated(self, event: Any) -> None:  # noqa: N802
        """Nothing."""


def _nobody(spark: SparkSession) -> None:
    """In place of :func:`~clickstream_platform.streaming.monitoring.listen`."""


def _pyspark(spark: SparkSession) -> None:
    spark.streams.addListener(Silent())


WAYS: dict[str, Callable[[SparkSession], None] | None] = {"nobody": _nobody, "ours": None, "pyspark": _pyspark}


def round_of(spark: SparkSession, settings: Settings, number: int) -> tuple[list[float], float]:
    """Land files and run: the seconds from each commit to the next, and this process's own seconds a batch."""
    lines = [record.line for record in simulate(BATCHES * RECORDS, number).records]
    landing = Path(settings.source_url)
    landing.mkdir(parents=True, exist_ok=True)
    size = len(lines) // BATCHES
    for part in range(BATCHES):
        text = b"\n".join(lines[part * size : (part + 1) * size])
        (landing / f"{number:03}-{part:03}.json").write_bytes(text + b"\n")
    commits: list[float] = []
    before = time.process_time()
    hooks = Hooks(notify=lambda table, rows: None, committed=lambda entry: commits.append(time.monotonic()))
    run(tables(settings)["events"], spark, Lake(settings.lake_folder), hooks)
    return [after - earlier for earlier, after in pairwise(commits)], (time.process_time() - before) / len(commits)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4, help="of each way")
    rounds = parser.parse_args().rounds
    batches: defaultdict[str, list[float]] = defaultdict(list)
    own: defaultdict[str, list[float]] = defaultdict(list)
    with TemporaryDirectory() as folder:
        limits = {"max_bytes_per_trigger": 1}  # one file a batch
        settings = Settings.model_validate({"home": Path(folder) / "home", "spark_master": "local[2]", **limits})
        spark = build_session(settings, jvm_log=Path(folder) / "spark.log")
        round_of(spark, settings, 0)  # the JVM gets warm
        for number in range(rounds):
            ways = list(WAYS)[:: 1 if number % 2 else -1]  # whoever is last in one round is first in the next
            for place, way in enumerate(ways):
                instead = WAYS[way]
                with patch.object(monitoring, "listen", instead) if instead else nullcontext():
                    seconds, cpu = round_of(spark, settings, 1 + number * len(WAYS) + place)
                batches[way] += seconds
                own[way].append(cpu)
            print(f"after {number + 1} rounds of each", flush=True)
            _show(batches, own)
        spark.stop()


def _show(batches: Mapping[str, list[float]], own: Mapping[str, list[float]]) -> None:
    for way in WAYS:
        found, cpu = median(batches[way]), median(own[way])
        wall, processor = found / median(batches["nobody"]), cpu / median(own["nobody"])
        counts = f"{len(batches[way])} batches, median {found:.3f} s, ratio {wall:.3f}"
        own_time = f"own processor time {cpu * 1000:.0f} ms a batch, ratio {processor:.2f}"
        print(f"  heard by {way:8} {counts}; {own_time}", flush=True)


if __name__ == "__main__":
    main()
