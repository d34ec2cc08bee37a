"""Which trigger works with what: every trigger against every kind of query, each one started for real.

    python bench/triggers.py

Starts a broker and a SparkSession of its own, in a temporary folder; takes two minutes. Prints a line for each
combination, with Spark's exact words where it refuses. Exit code 1 if anything is not as `trigger_facts` says, which
docs/triggers.md is made of.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import arrow_udf

from clickstream_platform.jvm.session import build_session
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.simulator.broker import Broker
from clickstream_platform.simulator.kafka_producer import RecordSender, make_topic
from clickstream_platform.streaming.contract.trigger import (
    AvailableNow,
    Continuous,
    Once,
    ProcessingTime,
    RealTime,
    Trigger,
)
from clickstream_platform.streaming.contract.trigger_support import QUERIES, trigger_refusal
from clickstream_platform.streaming.sources.kafka.source import KafkaSource

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

TRIGGERS = (
    AvailableNow(),
    Once(),
    ProcessingTime(timedelta(seconds=1)),
    Continuous(timedelta(seconds=1)),
    RealTime(timedelta(seconds=5)),
)
ROWS = 5
PATIENCE = 40  # seconds for the first row; a batch of real time lasts five


@dataclass
class Probe:
    """Starts queries and finds out whether a row arrives."""

    spark: SparkSession
    folder: Path
    topic: KafkaSource
    numbers: int = 0
    seen: set[str] = field(default_factory=set[str])

    def words(self, trigger: Trigger, query: str) -> str | None:
        """What Spark says against this trigger for a query of :data:`QUERIES`; None if a row arrived."""
        self.numbers += 1
        mark = f"probe{self.numbers}"
        source, operation, sink = QUERIES[query]
        rows = self._read(source).select(F.concat(F.lit(mark), F.lit("-"), "value").alias("value"), "timestamp")
        try:
            started = self._start(getattr(self, f"_{operation}")(rows), sink, trigger, mark)
        except Exception as refused:  # whatever Spark says is the answer
            return first_line(refused)
        try:
            return self._outcome(started, lambda: self._arrived(sink, mark))
        finally:
            started.stop()

    def _read(self, source: str) -> DataFrame:
        reader = self.spark.readStream
        if source == "rate":
            return reader.format("rate").option("rowsPerSecond", ROWS).load().select(_text("value"), "timestamp")
        if source == "files":
            return reader.text(str(self.folder / "files")).select(
                "value", F.lit(None).cast("timestamp").alias("timestamp")
            )
        if source == "delta":
            return (
                reader.format("delta").load(str(self.folder / "delta")).select(_text("id").alias("value"), "timestamp")
            )
        records = reader.format("kafka").option("kafka.bootstrap.servers", self.topic.servers)
        records = records.option("subscribe", self.topic.topics).option("startingOffsets", "earliest").load()
        return records.select(_text("value"), "timestamp")

    def _rows(self, rows: DataFrame) -> DataFrame:
        return rows.select("value")

    def _watermark(self, rows: DataFrame) -> DataFrame:
        return rows.withWatermark("timestamp", "1 minute").select("value")

    def _counts(self, rows: DataFrame) -> DataFrame:
        return rows.groupBy("value").count()

    def _python(self, rows: DataFrame) -> DataFrame:
        return rows.select(arrow_udf(lambda value: value, "string")("value").alias("value"))

    def _start(self, rows: DataFrame, sink: str, trigger: Trigger, mark: str) -> StreamingQuery:
        mode = "append" if sink == "delta" and not isinstance(trigger, RealTime) else "update"
        writer = rows.writeStream.outputMode(mode).trigger(**trigger.options())
        writer = writer.option("checkpointLocation", str(self.folder / f"checkpoint-{mark}"))
        if sink == "foreachBatch":
            return writer.foreachBatch(lambda frame, _: self.seen.update([mark] if frame.count() else [])).start()
        if sink == "delta":
            return writer.format("delta").start(str(self.folder / mark))
        return writer.format("console").option("truncate", False).start()

    def _arrived(self, sink: str, mark: str) -> bool:
        if sink == "foreachBatch":
            return mark in self.seen
        if sink == "delta":
            folder = self.folder / mark
            return (folder / "_delta_log").exists() and self.spark.read.format("delta").load(str(folder)).count() > 0
        return f"|{mark}-" in (self.folder / "spark.log").read_text(errors="replace")

    def _outcome(self, query: StreamingQuery, arrived: Callable[[], bool]) -> str | None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if arrived():
                return None
            if (failure := query.exception()) is not None:
                return first_line(failure)
            if not query.isActive:
                return None if arrived() else "it ended and no row arrived"
            time.sleep(0.1)
        return f"no row arrived within {PATIENCE} s"


def first_line(failure: Exception) -> str:
    """Spark's words without the plan and the Java stack."""
    return str(failure).partition("\n")[0]


def _text(name: str) -> F.Column:
    return F.col(name).cast("string").alias(name)


def main() -> None:
    """Probe, print, compare."""
    with TemporaryDirectory() as scratch:
        broker = Broker(Path(scratch, "broker"))
        topic = KafkaSource(broker.up(from_env().cache), "clicks")
        try:
            sys.exit(probed(Path(scratch), topic))
        finally:
            broker.down()


def probed(folder: Path, topic: KafkaSource) -> int:
    """Every trigger with every query: the number of surprises."""
    make_topic(topic)
    RecordSender(topic).send((None, b"record") for _ in range(ROWS))
    (folder / "files").mkdir()
    (folder / "files" / "one.txt").write_text("line\n" * ROWS)
    spark = build_session(
        Settings(home=folder / "home", spark_master="local[4]"), "bench", jvm_log=folder / "spark.log"
    )
    spark.range(ROWS).withColumn("timestamp", F.current_timestamp()).write.format("delta").save(str(folder / "delta"))
    probe, surprises = Probe(spark, folder, topic), 0
    for trigger in TRIGGERS:
        for query in QUERIES:
            words, expected = probe.words(trigger, query), trigger_refusal(trigger, query)
            as_known = (words is None) == (expected is None) and (expected or "") in (words or "")
            surprises += not as_known
            print(f"{type(trigger).__name__:<15}{query:<34}{words or 'works'}", flush=True)
            if not as_known:
                print(f"{'':<15}not as known: {expected or 'works'}", flush=True)
    spark.stop()
    return surprises


if __name__ == "__main__":
    main()
