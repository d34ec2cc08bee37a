"""What exactness costs: `user_activity` here, and as the plain streams that a user of Spark would write.

    python bench/exactness.py --events 2000000

All read the same Delta table `events`, which grows in five arrivals and then by four ticks of 10,000 events, with the
same query and the same watermark; each is the first to read what is new as often as the others. One update stream ends
in the same MERGE (delta-rs), one in Spark's own, the append stream in an append. Each is then compared with the query
over all events: what it lacks, and what Spark alone has dropped or not yet shown. Ratios are of one run, of seconds on
the clock.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from delta.tables import DeltaTable
from pyspark.sql import functions as F

from clickstream_platform.jvm.session import build_session
from clickstream_platform.settings import Settings
from clickstream_platform.simulator.landing import write_arrival, write_landing
from clickstream_platform.simulator.simulation import SPAN, START, Shares, simulate
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.sink import Upsert
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import keys_match, read_snapshot
from clickstream_platform.streaming.lake.writer import CHANGE, Commit
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.run import run
from clickstream_platform.tables import tables

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ARRIVALS = 5
TICK, TICKS = 10_000, 4
HOURS = timedelta(hours=2)  # the least that the simulator fills
MODES = ("update", "update by Spark's MERGE", "append")
QUIET = Hooks(notify=lambda table, rows: None)


class Plain:
    """The same query as a plain stream, with a folder of its own."""

    def __init__(self, mode: str, table: StreamingTable, spark: SparkSession, lake: Lake, folder: Path) -> None:
        self.mode, self.table, self.spark, self.lake, self.folder = mode, table, spark, lake, folder

    @property
    def path(self) -> Path:
        """Its table."""
        return self.folder / self.mode.replace(" ", "-")

    def run(self) -> None:
        """Process what is there."""
        events = self.table.watermark.declare_on(
            self.table.offsets.read(self.spark, self.lake, Checkpoint(self.path, self.mode, 1))
        )
        (
            self.table.query(events)
            .writeStream.outputMode("append" if self.mode == "append" else "update")
            .option("checkpointLocation", str(self.folder / f"{self.mode}.checkpoint"))
            .trigger(availableNow=True)
            .foreachBatch(self._land)
            .start()
            .awaitTermination()
        )

    def _land(self, frame: DataFrame, batch_id: int) -> None:
        if self.mode == "append" or batch_id == 0:
            frame.write.format("delta").mode("append").save(str(self.path))
        elif self.mode == "update":
            assert isinstance(self.table.sink, Upsert)
            changes = frame.withColumn(CHANGE, F.lit("upsert")).toArrow()
            if changes:
                commit = Commit("", (self.mode, batch_id))
                writer.merge(changes, self.path, self.table.key, self.table.span[0], commit)
        else:
            self._merge_by_spark(frame)

    def _merge_by_spark(self, frame: DataFrame) -> None:
        assert isinstance(self.table.sink, Upsert)
        rows = frame.persist()
        bounds = rows.agg(F.min("window_start"), F.max("window_start")).first()
        assert bounds is not None
        if bounds[0] is not None:
            same = keys_match(self.table.sink.keys, "t", "s") & F.col("t.window_start").between(*map(F.lit, bounds))
            held = DeltaTable.forPath(self.spark, str(self.path)).alias("t")
            held.merge(rows.alias("s"), same).whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()
        rows.unpersist()


def wrong(spark: SparkSession, table: StreamingTable, lake: Lake, path: Path) -> tuple[int, int]:
    """Rows of the query over all events that a table lacks, and rows that it has with other values."""
    assert isinstance(table.sink, Upsert)
    wanted, held = table.query(read_snapshot(spark, lake.events.path)).alias("w"), read_snapshot(spark, path).alias("h")
    both = wanted.join(held, keys_match(table.sink.keys, "w", "h"), "left")
    same = keys_match(tuple(c.name for c in table.columns), "w", "h")
    lacks = F.col("h.final_at").isNull()
    found = both.agg(F.count_if(lacks).alias("lacks"), F.count_if(~lacks & ~same).alias("differs")).first()
    assert found is not None
    return found["lacks"], found["differs"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--late", type=float, default=Shares().late)
    wanted = parser.parse_args()
    with TemporaryDirectory() as folder:
        settings = Settings.model_validate({"home": folder, "spark_master": "local[2]"})
        spark = build_session(settings, jvm_log=Path(folder) / "spark.log")
        lake, contracts = Lake(settings.lake_folder), tables(settings)
        table = contracts["user_activity"]
        plain = [Plain(mode, table, spark, lake, Path(folder)) for mode in MODES]
        seconds: dict[str, dict[str, float]] = defaultdict(dict)

        actions = [("exact", lambda: run(table, spark, lake, QUIET)), *((p.mode, p.run) for p in plain)]
        turns = cycle([*actions[first:], *actions[:first]] for first in range(len(actions)))

        def measure(phase: str) -> None:
            run(contracts["events"], spark, lake, QUIET)
            for name, action in next(turns):
                started = time.monotonic()
                action()
                seconds[phase][name] = seconds[phase].get(name, 0) + time.monotonic() - started

        simulated = simulate(wanted.events, 1, shares=Shares(late=wanted.late))
        for arrival in range(1, ARRIVALS + 1):
            write_arrival(Path(settings.source_url), simulated, arrival, arrivals=ARRIVALS)
            measure("catch-up" if arrival > 1 else "first batch")
        for seed in range(2, 2 + TICKS):
            tick = simulate(TICK, seed, START + SPAN + HOURS * seed, span=HOURS, shares=Shares(late=0))
            write_landing(Path(settings.source_url), tick, arrivals=1)
            measure(f"{TICKS} ticks")
        print(f"{wanted.events:,} events in {ARRIVALS} batches, {wanted.late:.0%} late, then {TICKS} times {TICK:,}\n")
        for phase, found in seconds.items():
            print(f"{phase:<12} {'exact':<24} {found['exact']:6.1f} s")
            for mode in MODES:
                print(f"{'':<12} {mode:<24} {found[mode]:6.1f} s  exact is {found['exact'] / found[mode]:.2f} of it")
        print()
        for name, path in [("exact", lake.table(table.name).path), *((p.mode, p.path) for p in plain)]:
            lacks, differs = wrong(spark, table, lake, path)
            print(f"{name:<24} of {lake.table(table.name).rows():,} rows: {lacks:,} missing, {differs:,} wrong")
        spark.stop()


if __name__ == "__main__":
    main()
