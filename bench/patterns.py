"""What patterns in the order of events cost: `user_patterns`, and what of it SQL can say.

    python bench/patterns.py --events 1000000

The table `events` grows in arrivals. After each, `user_patterns` catches up: its first batch is a whole generation's,
the others go through the state store. Beside it, over all events at the end: the same fold as a batch query, and two of
the four patterns as a window query (which finds every event that ends a burst, so bursts that overlap too; a stream
could not run it). Rates are events a second on the clock, with whatever a run costs beside its batches.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from clickstream_platform.jvm.session import build_session
from clickstream_platform.settings import Settings
from clickstream_platform.simulator.landing import write_arrival
from clickstream_platform.simulator.simulation import simulate
from clickstream_platform.streaming.audit.verify import verify
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import read_snapshot
from clickstream_platform.streaming.runtime.run import run
from clickstream_platform.tables import tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame


def bursts(events: DataFrame, settings: Settings) -> DataFrame:
    """Every event that ends rapid_clicks or a purchase_burst."""
    of_kind = Window.partitionBy("user_id").orderBy("timestamp")
    limits = {
        "click": (settings.pattern_clicks, settings.pattern_clicks_within),
        "purchase": (settings.pattern_purchases, settings.pattern_purchases_within),
    }
    found = [
        events.where(F.col("event_type") == kind)
        .withColumn("started_at", F.lag("timestamp", count - 1).over(of_kind))
        .where(F.unix_micros("timestamp") - F.unix_micros("started_at") <= round(within.total_seconds() * 1_000_000))
        .select("user_id", "event_type", "started_at", "timestamp")
        for kind, (count, within) in limits.items()
    ]
    return found[0].unionByName(found[1])


def measured(action: Callable[[], object]) -> float:
    """Seconds that it takes."""
    started = time.monotonic()
    action()
    return time.monotonic() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--arrivals", type=int, default=4)
    wanted = parser.parse_args()
    with TemporaryDirectory() as folder:
        settings = Settings.model_validate({"home": folder, "spark_master": "local[2]"})
        spark = build_session(settings, jvm_log=Path(folder) / "spark.log")
        lake, contracts = Lake(settings.lake_folder), tables(settings)
        table, simulated = contracts["user_patterns"], simulate(wanted.events, 1)
        for arrival in range(1, wanted.arrivals + 1):
            write_arrival(Path(settings.source_url), simulated, arrival, arrivals=wanted.arrivals)
            run(contracts["events"], spark, lake)
            started = time.monotonic()
            report = run(table, spark, lake)
            seconds = time.monotonic() - started
            batches = ", ".join(f"{batch.duration_ms / 1000:.1f}" for batch in report.batches)
            print(
                f"arrival {arrival}: {report.rows_in:9,} events in {seconds:6.1f} s  {report.rows_in / seconds:9,.0f}/s"
                f"  {report.late_rows:,} late, {report.rows_out:,} patterns; batches of {batches} s",
                flush=True,
            )
        events, rows = read_snapshot(spark, lake.events.path), lake.events.rows()
        for name, query in (("fold as a batch", table.query(events)), ("bursts in SQL", bursts(events, settings))):
            seconds = min(measured(query.count) for _ in range(2))
            print(f"{name:<15} {rows:9,} events in {seconds:6.1f} s  {rows / seconds:9,.0f}/s")
        print(f"{'exact' if verify(table, spark, lake).clean else 'NOT EXACT'}: compared with the fold over all events")
        spark.stop()


if __name__ == "__main__":
    main()
