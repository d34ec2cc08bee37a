"""What it costs a batch that its query is written down: batches as cheap as they come, on one session.

    python bench/monitoring.py

A windowed count over one small file a batch, with a state store and a sink that only counts: some tenths of a second a
batch, where the least is felt most. Rounds of 40 batches take turns: not listened to; listened to as every run is; and
by a listener as PySpark calls them, which does nothing. The ratios are of this run, each to what nobody listens to: of
the median time of a batch, by Spark's own clock, and of the processor time of this process (not of its JVM).
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from pyspark.sql import functions as F
from pyspark.sql.streaming.listener import StreamingQueryListener

from clickstream_platform.jvm.session import build_session
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.observe import listener

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

BATCHES = 40  # a round


class Silent(StreamingQueryListener):
    """A listener that does nothing, as PySpark calls it."""

    def onQueryStarted(self, event: Any) -> None:  # noqa: N802 - the names are Spark's
        """Nothing."""

    def onQueryProgress(self, event: Any) -> None:  # noqa: N802
        """Nothing."""

    def onQueryTerminated(self, event: Any) -> None:  # noqa: N802
        """Nothing."""


def _nobody(spark: SparkSession) -> None:
    """In place of :func:`~clickstream_platform.streaming.observe.listener.listen`."""


def _pyspark(spark: SparkSession) -> None:
    spark.streams.addListener(Silent())


WAYS: dict[str, Callable[[SparkSession], None] | None] = {"nobody": _nobody, "ours": None, "pyspark": _pyspark}


def round_of(spark: SparkSession, folder: Path, number: int) -> tuple[list[int], float]:
    """One query over all files: the milliseconds of each batch, and this process's own seconds a batch."""
    events = spark.readStream.schema("user_id string, timestamp timestamp").option("maxFilesPerTrigger", 1)
    rows = events.json(str(folder / "landing")).withWatermark("timestamp", "10 minutes")
    counts = rows.groupBy("user_id", F.window("timestamp", "5 minutes")).count()
    before = time.process_time()
    writer = counts.writeStream.queryName(f"bench-{number}").outputMode("update")
    writer = writer.option("checkpointLocation", str(folder / f"checkpoint-{number}"))
    writer = writer.foreachBatch(_counted).trigger(availableNow=True)
    listener.listen(spark)
    query = writer.start()
    query.awaitTermination()
    own = (time.process_time() - before) / BATCHES
    return [progress["durationMs"]["triggerExecution"] for progress in query.recentProgress[1:BATCHES]], own


def _counted(rows: DataFrame, _: int) -> None:
    rows.count()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4, help="of each way")
    rounds = parser.parse_args().rounds
    batches: defaultdict[str, list[int]] = defaultdict(list)
    own: defaultdict[str, list[float]] = defaultdict(list)
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "landing").mkdir()
        for minute in range(BATCHES):
            event = {"user_id": f"u{minute % 7}", "timestamp": f"2024-03-01T10:{minute:02}:00Z"}
            (folder / "landing" / f"{minute:02}.json").write_text(json.dumps(event) + "\n")
        settings = Settings.model_validate({"home": folder / "home", "spark_master": "local[2]"})
        spark = build_session(settings, jvm_log=folder / "spark.log")
        round_of(spark.newSession(), folder, 0)  # the JVM gets warm
        for number in range(rounds):
            ways = list(WAYS)[:: 1 if number % 2 else -1]  # whoever is last in one round is first in the next
            for place, way in enumerate(ways):
                instead = WAYS[way]
                with patch.object(listener, "listen", instead) if instead else nullcontext():
                    # A session hears of its own queries only.
                    milliseconds, cpu = round_of(spark.newSession(), folder, 1 + number * len(WAYS) + place)
                batches[way] += milliseconds
                own[way].append(cpu)
            print(f"after {number + 1} rounds of each", flush=True)
            _show(batches, own)
        spark.stop()


def _show(batches: Mapping[str, list[int]], own: Mapping[str, list[float]]) -> None:
    for way in WAYS:
        found, cpu = median(batches[way]), median(own[way])
        wall, processor = found / median(batches["nobody"]), cpu / median(own["nobody"])
        counts = f"{len(batches[way])} batches, median {found:.0f} ms, ratio {wall:.3f}"
        own_time = f"own processor time {cpu * 1000:.0f} ms a batch, ratio {processor:.2f}"
        print(f"  heard by {way:8} {counts}; {own_time}", flush=True)


if __name__ == "__main__":
    main()
