"""Spark reads records as Python does: in every time zone, as a batch and as a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import functions as F

from clickstream_platform.events.frames import accepted_events
from clickstream_platform.events.rules import Parse
from clickstream_platform.events.schema import EVENTS, QUARANTINE, RAW
from clickstream_platform.streaming.ingest.record_ids import record_id
from clickstream_platform.streaming.ingest.staged import StagedBatch
from clickstream_platform.streaming.ingest.staging import staging_stream
from clickstream_platform_tests.events.reading import raw_records
from clickstream_platform_tests.events.record_cases import CASES, RULES, event
from clickstream_platform_tests.on_store import needs_a_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession


@pytest.fixture(params=["UTC", "America/New_York"])
def zone(spark: SparkSession, request: pytest.FixtureRequest) -> Iterator[str]:
    spark.conf.set("spark.sql.session.timeZone", request.param)
    yield request.param
    spark.conf.set("spark.sql.session.timeZone", "UTC")


@pytest.mark.spark
@pytest.mark.usefixtures("zone")
def test_spark_gives_the_same_in_every_time_zone(spark: SparkSession, outcomes: list[dict[str, Any]]) -> None:
    # The instants leave Spark as numbers: Python cannot hold year 1 in every zone.
    parsed = Parse(RULES)(raw_records(spark, [case.value for case in CASES]))
    shown = parsed.withColumn("micros", F.unix_micros("timestamp")).drop("timestamp", "arrived_at", "value")
    rows = sorted((row.asDict() for row in shown.collect()), key=lambda row: row["offset"])
    place = {
        "source": "s",
        "partition": "p",
        "key": None,
        "headers": None,
        "record_time": None,
        "record_time_type": None,
        "index": 0,
        "inherited": None,
        "inside": None,
    }
    assert rows == [{**_without_timestamp(row), **place, "offset": offset} for offset, row in enumerate(outcomes)]


def _without_timestamp(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "timestamp"}


@pytest.mark.spark
def test_the_events_have_the_shape_of_their_table(spark: SparkSession) -> None:
    events = accepted_events(Parse(RULES)(raw_records(spark, HALVES)))
    assert [(c.name, c.dataType, c.metadata) for c in events.schema] == [
        (c.name, c.dataType, c.metadata) for c in EVENTS.spark
    ]
    assert sorted(row["offset"] for row in events.collect()) == [0, 2]


HALVES = [event(), b"{", event(a=1), None, b"[]"]


@pytest.mark.spark
def test_the_halves_are_the_whole(spark: SparkSession, tmp_path: Path) -> None:
    staged = staged_records(raw_records(spark, HALVES).coalesce(1), tmp_path)
    assert [row["offset"] for batch in staged.accepted() for row in batch.to_pylist()] == [0, 2]
    rows = [row for batch in staged.rejected() for row in batch.select(QUARANTINE.names).to_pylist()]
    assert {row["offset"]: row["value"] for row in rows} == {1: b"{", 3: None, 4: b"[]"}
    assert [row["reasons"] for row in rows] == [["malformed_json"], ["no_value"], ["not_an_object"]]


def staged_records(raw: DataFrame, folder: Path) -> StagedBatch:
    beside = {"event_id": F.lit(None).cast("binary"), "size": F.octet_length("value").cast("long")}
    flat = raw.withColumns({"headers": F.to_json("headers"), **beside})
    (where := folder / "staged").mkdir(exist_ok=True)
    return StagedBatch.collect(staging_stream(flat, Parse(RULES), where, iter), where)


@pytest.mark.spark
def test_a_record_id_is_made_of_the_place_of_the_record(spark: SparkSession, tmp_path: Path) -> None:
    staged = staged_records(raw_records(spark, [event(), b"{", event(), b"[]", b"{"]).coalesce(1), tmp_path)
    ids = [row["record_id"] for batch in staged.rejected() for row in batch.to_pylist()]
    assert ids == [record_id("s", "p", line) for line in (1, 3, 4)]


@pytest.mark.spark
def test_a_stream_says_the_same_as_a_batch(spark: SparkSession, tmp_path: Path) -> None:
    needs_a_folder("its checkpoint is in one")
    raw_records(spark, [case.value for case in CASES]).coalesce(1).write.parquet(str(tmp_path / "raw"))
    stream = Parse(RULES)(spark.readStream.schema(RAW.spark).parquet(str(tmp_path / "raw")))
    query = (
        stream.withWatermark("timestamp", "10 minutes")
        .writeStream.format("parquet")
        .option("checkpointLocation", str(tmp_path / "checkpoint"))
        .trigger(availableNow=True)
        .start(str(tmp_path / "parsed"))
    )
    query.awaitTermination()
    streamed = spark.read.parquet(str(tmp_path / "parsed"))
    batch = Parse(RULES)(spark.read.schema(RAW.spark).parquet(str(tmp_path / "raw")))
    assert streamed.count() == len(CASES)
    assert streamed.exceptAll(batch.select(streamed.columns)).isEmpty()
    # The newest event that was accepted, not the one of the year 9999.
    progress = query.lastProgress
    assert progress is not None
    assert progress["eventTime"]["max"] == "2024-05-01T13:00:00.000Z"


@pytest.mark.spark
@pytest.mark.parametrize("half", ["all", "accepted"])
def test_an_action_reads_the_fields_of_a_record_once(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], half: str
) -> None:
    # Not from a list: Spark works that out while it plans.
    raw_records(spark, [event()]).write.parquet(str(tmp_path / "raw"))
    parsed = Parse(RULES)(spark.read.schema(RAW.spark).parquet(str(tmp_path / "raw")))
    {"all": parsed, "accepted": accepted_events(parsed)}[half].explain()
    assert capsys.readouterr().out.count("MapInArrow read(") == 1
