"""The rows of one date of a partitioned table, as batches of Arrow: a file after another, so that few are in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from clickstream_platform.store.files import arrow_dataset_source
from clickstream_platform.streaming.lake.tables import LakeTable

AT_ONCE = 20_000  # rows of a batch


def files_on(table: LakeTable, day: date) -> list[str]:
    """The data files with the rows of one date, relative to the table.

    Raises:
        CheckpointError: there is more to the table than its files.
    """
    files = pa.table(table.plain_table().get_add_actions(flatten=True))
    days = (str(each) for each in files["partition.event_date"].to_pylist())
    return sorted(
        unquote(path) for path, of in zip(files["path"].to_pylist(), days, strict=True) if of == day.isoformat()
    )


def rows_on(table: LakeTable, day: date, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of one date; of the columns, those that a file has, and always its date.

    Args:
        table: one that is partitioned by ``event_date``.
        day: the date.
        columns: those that are read; all, if not given.
    """
    there = arrow_dataset_source(table.path, files_on(table, day))  # now: delta-rs opens no table while it writes one
    return _read(there["source"], there.get("filesystem"), day, columns)


def _read(files: Sequence[str], store: Any, day: date, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    for path in files:
        file = pq.ParquetFile(path, filesystem=store, coerce_int96_timestamp_unit="us")
        wanted = None if columns is None else [name for name in file.schema_arrow.names if name in columns]
        for batch in file.iter_batches(AT_ONCE, columns=wanted):
            dates = pa.repeat(pa.scalar(day, pa.date32()), len(batch))
            yield pa.RecordBatch.from_arrays([*batch.columns, dates], names=[*batch.schema.names, "event_date"])
