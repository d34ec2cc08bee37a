"""What do small files cost? Events in files of one event each, against the same events in one file.

    python bench/small_files.py --events 2000 --rounds 5

Each round has a home of its own for either, in one warm session; `events` alone is run, with what is done before and
after its batch. Of the rounds the middle one counts, after two that warm the session up. Prints seconds and the ratio.
"""

from __future__ import annotations

import argparse
import statistics
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from costs import Cost, measured

from clickstream_platform.jvm.session import build_session
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime.run import run
from clickstream_platform.tables import tables

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WARM = 2
_EVENT = '{{"event_id":"e{n}","user_id":"u{user}","event_type":"click","timestamp":"2024-03-01T10:00:00Z"}}\n'


def costs(spark: SparkSession, home: Path, files: list[str]) -> Cost:
    """What the run of ``events`` over files of these contents costs; all of it must have been read."""
    settings = Settings(home=home)
    events, lake, landing = tables(settings)["events"], Lake(settings.lake_folder), Path(settings.source_url)
    landing.mkdir(parents=True)
    for number, content in enumerate(files):
        (landing / f"{number:06d}.json").write_text(content)
    rows: list[int] = []
    cost = measured(spark, lambda: rows.append(run(events, spark, lake).rows_in))
    assert rows == [sum(content.count("\n") for content in files)]
    return cost


def main() -> None:
    """Measure both by turns, so that a machine that grows slower does so for both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    each = [_EVENT.format(n=n, user=n % 100) for n in range(chosen.events)]
    found: dict[str, list[Cost]] = {"one file": [], "a file each": []}
    with TemporaryDirectory() as temporary:
        homes = (Path(temporary) / str(number) for number in count())
        spark = build_session(Settings(home=next(homes)), "small files")
        for turn in range(WARM + chosen.rounds):
            for what, files in (("one file", ["".join(each)]), ("a file each", each)):
                cost = costs(spark, next(homes), files)
                found[what] += [cost] if turn >= WARM else []
        spark.stop()
    wall = {what: statistics.median(cost.wall for cost in those) for what, those in found.items()}
    cpu = {what: statistics.median(cost.cpu for cost in those) for what, those in found.items()}
    for what in found:
        print(f"{chosen.events:,} events, {what:<12}{wall[what]:8.2f} s {cpu[what]:8.2f} CPU s")
    one, many = found
    print(f"ratio {wall[many] / wall[one]:.2f}, of CPU {cpu[many] / cpu[one]:.2f}")


if __name__ == "__main__":
    main()
