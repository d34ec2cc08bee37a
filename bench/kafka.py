"""What reading from Kafka costs: against the same records from files, and against a copy by bare Spark.

    python bench/kafka.py --records 1000000 --file-rows 25000

Starts a broker and a SparkSession of its own, in a temporary folder. The machine's speed cancels out of the ratios,
which are of one run; seconds of processor time are of the JVM and of Python, the broker's not among them.
"""

from __future__ import annotations

import argparse
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import dagster as dg
from costs import measured

from clickstream_platform.defs.sensors import unread_sensor
from clickstream_platform.jvm.session import build_session
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.simulator.broker import Broker
from clickstream_platform.simulator.kafka_producer import RecordSender, key_by_visitor, make_topic
from clickstream_platform.simulator.landing import write_landing
from clickstream_platform.simulator.simulation import SPAN, START, simulate
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.run import run
from clickstream_platform.streaming.sources.kafka.source import KafkaSource
from clickstream_platform.tables import tables

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TICK = 10_000
SENSOR_TICKS = 50


def ingested(spark: SparkSession, settings: Settings, *names: str) -> None:
    """Run these tables, or all."""
    lake = Lake(settings.lake_folder)
    for name, table in tables(settings).items():
        if name in (names or tables(settings)):
            run(table, spark, lake, Hooks(notify=lambda table, rows: None))


def copied(spark: SparkSession, source: KafkaSource, folder: Path) -> None:
    """The topic as it is into a Delta table, as Spark alone would do it."""
    records = spark.readStream.format("kafka").option("kafka.bootstrap.servers", source.servers)
    records = records.option("subscribe", source.topics).option("startingOffsets", "earliest")
    stream = records.option("maxOffsetsPerTrigger", source.max_offsets_per_trigger).load()
    writing = stream.writeStream.format("delta").option("checkpointLocation", str(folder / "checkpoint"))
    writing.trigger(availableNow=True).start(str(folder / "table")).awaitTermination()


def sensor_cost(settings: Settings) -> float:
    """Processor time of one tick that finds nothing new, in milliseconds."""
    sensor = unread_sensor(settings)
    with dg.DagsterInstance.ephemeral() as instance:
        for name in tables(settings):  # it asks for a run where an instance was not told of a table that has rows
            instance.report_runless_asset_event(dg.AssetMaterialization(name))
        cursor = None
        for tick in range(SENSOR_TICKS + 1):
            if tick == 1:
                began = time.process_time()  # the first tick connects
            with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
                result = sensor(context)
            assert isinstance(result, dg.SensorResult)
            assert not result.run_requests
            cursor = result.cursor
        return (time.process_time() - began) / SENSOR_TICKS * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--file-rows", type=int, default=25_000, help="CLICKSTREAM_FILE_ROWS of the run that has it")
    asked = parser.parse_args()
    with TemporaryDirectory() as scratch:
        broker = Broker(Path(scratch, "broker"))
        address = broker.up(from_env().cache)
        try:
            compare(Path(scratch), address, asked.records, asked.file_rows)
        finally:
            broker.down()


def compare(scratch: Path, address: str, records: int, file_rows: int) -> None:
    """All measurements, each in a home of its own."""
    warm, many = (KafkaSource(address, name) for name in ("warm", "many"))
    files = Settings(home=scratch / "files", source=str(scratch / "landing"))
    topic = Settings(home=scratch / "topic", source=f"kafka://{address}/{many.topics}", file_rows=0)
    small = Settings(home=scratch / "small", source=f"kafka://{address}/{warm.topics}")
    simulated = simulate(records, seed=1)
    write_landing(Path(files.source_url), simulated, arrivals=1, files_per_arrival=16)
    for source in (warm, many):
        make_topic(source)
    RecordSender(many).send(key_by_visitor(simulated))
    RecordSender(warm).send(key_by_visitor(simulate(TICK, seed=2)))
    spark = build_session(files, "bench", jvm_log=scratch / "spark.log")
    ingested(spark, small)
    copied(spark, warm, scratch / "warm-copy")

    for turn in ("first", "second"):  # what a JVM does for the first time takes longer: the second time counts
        files, topic = (each.model_copy(update={"home": scratch / turn / each.home.name}) for each in (files, topic))
        copy = measured(spark, partial(copied, spark, many, scratch / turn / "copy"))
        from_topic = measured(spark, partial(ingested, spark, topic, "events"))
        by_tasks = topic.model_copy(update={"home": topic.home / "by-tasks", "file_rows": file_rows})
        written_by_tasks = measured(spark, partial(ingested, spark, by_tasks, "events"))
        from_files = measured(spark, partial(ingested, spark, files, "events"))
    rest = measured(spark, lambda: ingested(spark, topic))
    RecordSender(warm).send(key_by_visitor(simulate(TICK, seed=3, start=START + SPAN, span=timedelta(hours=2))))
    tick = measured(spark, lambda: ingested(spark, small))
    spark.stop()

    print(copy.line("bare Spark, Kafka to Delta", records))
    print(from_topic.line("events from Kafka", records))
    print(written_by_tasks.line("events from Kafka, tasks write files", records))
    print(from_files.line("events from files", records))
    print(rest.line("the other tables", records))
    print(tick.line(f"a tick of {TICK:,}, all tables", TICK))
    print(from_topic.over(copy, "events from Kafka / bare copy"))
    print(written_by_tasks.over(copy, "the same, tasks write files"))
    print(from_topic.over(from_files, "events from Kafka / from files"))
    print(f"sensor, nothing new             {sensor_cost(topic):.1f} ms of CPU")


if __name__ == "__main__":
    main()
