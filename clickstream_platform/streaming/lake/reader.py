"""Delta tables of the lake as Spark's frames, read as the Parquet files that make them up."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from clickstream_platform.events.schema import PLACE
from clickstream_platform.store.place import Place
from clickstream_platform.streaming.lake.hours import Hours, time_spans, timestamp_literal
from clickstream_platform.streaming.lake.tables import LakeTable


def read_snapshot(spark: SparkSession, path: Place, version: int | None = None) -> DataFrame:
    """A Delta table as a batch: as it is now, or as it was at a version. Raises what :func:`read_files` does."""
    table = LakeTable(path)
    return read_files(spark, table, table.files(version), version)


def read_files(spark: SparkSession, table: LakeTable, files: Sequence[str], version: int | None = None) -> DataFrame:
    """The rows of some data files of a Delta table. Costs no job; a scan by Spark's Delta costs three to plan.

    Raises:
        CheckpointError: there is more to the table than its files.
    """
    schema = StructType.fromJson(table.schema(version))
    if not files:
        return spark.range(0).select(*(F.lit(None).cast(each.dataType).alias(each.name) for each in schema))
    reader = spark.read.schema(schema).option("basePath", str(table.path))
    return reader.parquet(*(str(table.path / file) for file in files))


def read_hours(
    spark: SparkSession, table: LakeTable, span: Sequence[str], hours: Sequence[Hours], version: int | None = None
) -> DataFrame:
    """The rows of a Delta table whose span may touch one of the ranges: of its files those that can hold some.

    Args:
        spark: the session.
        table: the table.
        span: the columns of a row's first and last time, or the one column of its time.
        hours: the ranges.
        version: of the table; the newest, if not given.
    """
    start, end = span[0], span[-1]
    spans = time_spans(hours)
    rows = read_files(spark, table, table.files_within(start, end, spans, version), version)
    touches = [
        (F.col(start) < timestamp_literal(each.until)) & (F.col(end) >= timestamp_literal(each.since)) for each in spans
    ]
    return rows.where(reduce(lambda a, b: a | b, touches, F.lit(False)))


def rows_at_places(places: DataFrame, rows: DataFrame, how: str) -> DataFrame:
    """The rows at the places of a frame (``left_semi``), or those at all others (``left_anti``)."""
    return rows.alias("t").join(places.alias("s"), keys_match(PLACE, "t", "s"), how)


def keys_match(keys: tuple[str, ...], left: str, right: str) -> Column:
    """The condition that two aliased frames agree in the keys, null equal to null."""
    return reduce(lambda a, b: a & b, (F.col(f"{left}.{key}").eqNullSafe(F.col(f"{right}.{key}")) for key in keys))
