"""The shapes of a folder's files on their way through Spark: lines of manifests, then records like any source's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from clickstream_platform.events.schema import RAW
from clickstream_platform.store.place import Place

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def manifest_lines(spark: SparkSession, folder: Place, manifests: int) -> DataFrame:
    """The lines of manifests as a stream, on as many tasks as can run at once."""
    lines = (
        spark.readStream.format("text")
        .option("maxFilesPerTrigger", manifests)
        .option("maxFileAge", "36500d")  # the default of 7 days skips older ones in silence
        .load(str(folder))
    )
    return lines.repartition(spark.sparkContext.defaultParallelism)


def with_source_columns(records: pa.RecordBatch, origin: str) -> pa.RecordBatch:
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


def raw_columns(records: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The columns of a raw record alone, for a query that shows records."""
    from pyspark.sql.pandas.types import to_arrow_schema  # noqa: PLC0415 - only Spark's tasks have use for it

    raw = to_arrow_schema(RAW.spark, timezone="UTC")
    for batch in records:
        headers = pa.nulls(len(batch), raw.field("headers").type)
        columns = [headers if name == "headers" else batch[name] for name in raw.names]
        yield pa.RecordBatch.from_arrays(columns, schema=raw)
