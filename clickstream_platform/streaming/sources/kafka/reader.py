"""Topics as Spark's streams of raw records, in the shape :data:`~clickstream_platform.events.schema.RAW`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.readwriter import DataStreamReader

from clickstream_platform.streaming.sources.kafka import options

if TYPE_CHECKING:
    from clickstream_platform.streaming.sources.kafka.source import KafkaSource


# So that a broker that is gone is told of within ten seconds. Spark's own patience is three minutes.
IMPATIENT = {
    "kafka.default.api.timeout.ms": "4000",
    "kafka.request.timeout.ms": "3000",
    "kafkaConsumer.pollTimeoutMs": "4000",
    "fetchOffset.numRetries": "1",
    "fetchOffset.retryIntervalMs": "0",
}


def read_kafka(spark: SparkSession, source: KafkaSource, starts: Mapping[str, Mapping[str, int]]) -> DataFrame:
    """The stream of the topics' records, as raw records; those of aborted transactions are none.

    Args:
        spark: the session.
        source: which topics.
        starts: where a first run begins: of every partition, by topic. Later runs go on from the checkpoint.
    """
    records = _kafka(spark, source, json.dumps(starts))
    records = records.option("maxOffsetsPerTrigger", source.max_offsets_per_trigger)
    records = records.option("failOnDataLoss", source.fail_on_data_loss)
    if source.min_partitions:
        records = records.option("minPartitions", source.min_partitions)
    # Producers' clocks lie: a record has not arrived later than now.
    return _raw(source, records.load(), F.least(_time_of_record(), F.current_timestamp()))


def tap_kafka(spark: SparkSession, source: KafkaSource, start: str) -> DataFrame:
    """The stream of the topics' raw records from ``earliest`` or ``latest`` on, for triggers without limits."""
    return _raw(source, _kafka(spark, source, start).option("failOnDataLoss", False).load(), _time_of_record())


def _kafka(spark: SparkSession, source: KafkaSource, starts: str) -> DataStreamReader:
    return (
        spark.readStream.format("kafka")
        .options(**IMPATIENT)
        .options(**options.for_spark(source.options))
        .option("kafka.bootstrap.servers", source.servers)
        .option("kafka.isolation.level", "read_committed")
        .option(*_topics(source))
        .option("startingOffsets", starts)
        .option("includeHeaders", True)
    )


def _topics(source: KafkaSource) -> tuple[str, str]:
    """As Spark takes them. It looks for a pattern anywhere in a name; what :meth:`KafkaSource.reads` says counts."""
    return ("subscribe", source.topics) if source.names else ("subscribePattern", f"^(?!__)(?:{source.topics})$")


def _time_of_record() -> Column:
    """Null for a record that has none, for which Kafka says -1; and for a time that Python's calendar does not have."""
    return F.when(F.unix_millis("timestamp").between(0, _LAST_MS), F.col("timestamp"))


_LAST_MS = 253_402_128_000_000  # 9999-12-30: a client in any zone can hold it


def _type_of_time() -> Column:
    """In the words of the setting of a topic, ``message.timestamp.type``. Spark has the number of Kafka's client."""
    kind = F.col("timestampType")
    named = F.when(kind == 0, "CreateTime").when(kind == 1, "LogAppendTime")
    return F.when(_time_of_record().isNotNull(), named)


def _raw(source: KafkaSource, records: DataFrame, arrived_at: Column) -> DataFrame:
    return records.select(
        F.col("value"),
        F.lit(source.origin).alias("source"),
        F.concat_ws("/", "topic", "partition").alias("partition"),
        F.col("offset"),
        arrived_at.alias("arrived_at"),
        F.col("key"),
        F.when(F.size("headers") > 0, F.col("headers")).alias("headers"),
        _time_of_record().alias("record_time"),
        _type_of_time().alias("record_time_type"),
    )
