"""The shapes of a folder's files on their way through Spark: lines of manifests, then records like any source's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from clickstream_platform.events.schema import RAW
from clickstream_platform.store.place import Place

_RAW = to_arrow_schema(RAW.spark, timezone="UTC")


def tasks(spark: SparkSession, folder: Place, manifests: int) -> DataFrame:
    """The lines of manifests as a stream, on as many tasks as can run at once."""
    lines = (
        spark.readStream.format("text")
        .option("maxFilesPerTrigger", manifests)
        .option("maxFileAge", "36500d")  # the default of 7 days skips older ones in silence
        .load(str(folder))
    )
    return lines.repartition(spark.sparkContext.defaultParallelism)


def of_every_source(records: pa.RecordBatch, origin: str) -> pa.RecordBatch:
    """Records of files with the columns that every source gives."""
    rows = len(records)
    return pa.RecordBatch.from_pydict(
        {
            **{name: records[name] for name in records.schema.names},
            "source": pa.array([origin] * rows, pa.string()),
            "key": pa.nulls(rows, pa.binary()),
            "headers": pa.nulls(rows, pa.string()),
            "event_id": pa.nulls(rows, pa.binary()),
            "record_time": pa.nulls(rows, pa.timestamp("us", "UTC")),
            "record_time_type": pa.nulls(rows, pa.string()),
        }
    )


def tapped(records: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Of such records the raw ones alone, for a query that shows them."""
    for found in records:
        headers = pa.nulls(len(found), _RAW.field("headers").type)
        columns = [headers if name == "headers" else found[name] for name in _RAW.names]
        yield pa.RecordBatch.from_arrays(columns, schema=_RAW)
