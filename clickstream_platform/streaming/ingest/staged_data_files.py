"""The data files that tasks have written by themselves, for who commits a batch: read with what lies beside them."""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from clickstream_platform.store.files import allow_store_reads, arrow_dataset_source
from clickstream_platform.streaming.ingest.date_files import BESIDE
from clickstream_platform.streaming.lake.data_files import PARTITION, DataFile
from clickstream_platform.streaming.lake.scan import open_duckdb

if TYPE_CHECKING:  # types of DuckDB that a module holds are reported as leaked where a thread outlives the run
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

    from clickstream_platform.store.place import Place


@dataclass(frozen=True)
class RowGroup:
    """Rows that lie together: of what a task has staged, or of a data file with what lies beside it."""

    files: tuple[pq.ParquetFile, ...]
    number: int
    day: str | None = None

    def read(self, schema: pa.Schema) -> pa.Table:
        """The rows with these columns; a column that no file has is null."""
        columns: dict[str, Any] = {}
        for file in self.files:
            there = [name for name in file.schema_arrow.names if name in schema.names]
            part = file.read_row_group(self.number, columns=there, use_threads=False)
            columns |= dict(zip(there, part.select(there).columns, strict=True))
        rows = self.files[0].metadata.row_group(self.number).num_rows
        if self.day is not None:
            columns[PARTITION] = pa.repeat(pa.scalar(self.day, pa.string()).cast(pa.date32()), rows)
        made = (columns[of.name].cast(of.type) if of.name in columns else pa.nulls(rows, of.type) for of in schema)
        return pa.table([*made], schema)


def row_groups(folder: Place, staged: Sequence[str], data_files: Sequence[DataFile]) -> Iterator[RowGroup]:
    """The row groups of staged files and of data files. Each can be read until the next one is asked for."""
    days = [*[None] * len(staged), *(each.day for each in data_files)]
    names = [*((name,) for name in staged), *((each.name, each.name + BESIDE) for each in data_files)]
    for day, together in zip(days, names, strict=True):
        there = arrow_dataset_source(folder, [*together])
        with ExitStack() as stack:
            opened = (pq.ParquetFile(each, filesystem=there.get("filesystem")) for each in there["source"])
            files = tuple(stack.enter_context(each) for each in opened)
            for number in range(files[0].num_row_groups):
                yield RowGroup(files, number, day)


def events_of(connection: DuckDBPyConnection, folder: Place, files: Sequence[DataFile]) -> DuckDBPyRelation:
    """The events in some data files, for DuckDB, without the date."""
    allow_store_reads(connection, folder)
    return connection.read_parquet([str(folder / each.name) for each in files], hive_partitioning=False)


def files_touched(folder: Place, files: Sequence[DataFile], places: pa.Table, partitions: Collection[str]) -> set[str]:
    """The names of the files in which there are events at some places, or of some partitions."""
    if not files or not (places.num_rows or partitions):
        return set()
    with open_duckdb() as connection:
        allow_store_reads(connection, folder)
        paths = {str(folder / each.name): each.name for each in files}
        data_files = connection.read_parquet([*paths], hive_partitioning=False, filename=True)
        data_files.create_view("data_files")
        connection.register("places", places)
        connection.register("partitions", pa.table({"partition": pa.array([*partitions], pa.string())}))
        rows = connection.sql(_TOUCHED).fetchall()
    return {paths[path] for (path,) in rows}


_TOUCHED = """
SELECT DISTINCT filename FROM data_files SEMI JOIN places USING (partition, "offset", "index")
UNION
SELECT DISTINCT filename FROM data_files SEMI JOIN partitions USING (partition)
"""
