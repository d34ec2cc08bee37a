"""Records read as a task reads them, and as raw records of Spark."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_platform.events.parsing import read_records
from clickstream_platform.events.rules import Rules
from clickstream_platform.events.schema import RAW
from clickstream_platform.events.timestamps import INSTANT
from clickstream_platform_tests.events.record_cases import ARRIVED, RULES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def read_all(
    values: list[bytes | None],
    rules: Rules = RULES,
    *,
    arrived: list[datetime] | None = None,
    ids: list[bytes | None] | None = None,
) -> list[dict[str, Any]]:
    """What becomes of each record, without Spark. ``micros`` is the event time as a number."""
    found = read_records(
        pa.array(values, pa.binary()),
        pa.array(arrived or [ARRIVED] * len(values), INSTANT),
        pa.array(ids or [None] * len(values), pa.binary()),
        rules,
    )
    micros = pc.cast(found.field("timestamp"), pa.int64()).to_pylist()
    return [{**row, "micros": at} for row, at in zip(found.to_pylist(), micros, strict=True)]


def raw_records(spark: SparkSession, values: list[bytes | None]) -> DataFrame:
    rows = [(value, "s", "p", offset, ARRIVED, None, None, None, None) for offset, value in enumerate(values)]
    return spark.createDataFrame(rows, RAW.spark)
