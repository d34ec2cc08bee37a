"""The only writer of Delta tables. A batch is one commit, which carries its transaction and its ledger entry.

The transaction is ``(<table>/<generation>, <batch id>)``. A batch that is replayed finds it and writes nothing, which
makes every write exactly once; the entry is in the same commit, which makes the ledger atomic.

Spark computes, delta-rs commits: a MERGE of some rows takes it 0.02 s, where Spark's takes more than a second. Only
what is too much for one process's memory is written by Spark's tasks. See docs/decisions/0014.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Schema, Transaction, write_deltalake

from clickstream_platform.store.place import Place
from clickstream_platform.streaming.lake.delta import opened, options_of, uri_of
from clickstream_platform.streaming.lake.store_lease import require_held
from clickstream_platform.streaming.lake.tables import LakeTable, TimeSpan

if TYPE_CHECKING:
    from datetime import datetime

    from deltalake.table import TableMerger
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

CHANGE = "_change"  # insert, update or delete, in the frame that `merge` takes


@dataclass(frozen=True)
class Commit:
    """What a commit carries: its line of the ledger and, for a batch, the transaction (application id, batch id).

    Of a fill, which delta-rs always writes, the transactions that count it (:mod:`.fills`).
    """

    line: str
    transaction: tuple[str, int] | None = None
    marks: tuple[tuple[str, int], ...] = ()

    def options(self) -> dict[str, str]:
        """Both, as options of Spark's writer, which writes a transaction once."""
        if self.transaction is None:
            return {"userMetadata": self.line}
        app_id, batch_id = self.transaction
        return {"userMetadata": self.line, "txnAppId": app_id, "txnVersion": str(batch_id)}

    def properties(self) -> CommitProperties:
        """Both, as delta-rs takes them, which writes a transaction as often as it is told."""
        transactions = [Transaction(*each) for each in (self.transaction, *self.marks) if each]
        return CommitProperties(custom_metadata={"userMetadata": self.line}, app_transactions=transactions)

    def is_in(self, table: DeltaTable) -> bool:
        """Whether the transaction is in the table already."""
        if self.transaction is None:
            return False
        app_id, batch_id = self.transaction
        last = table.transaction_version(app_id)
        return last is not None and last >= batch_id

    def is_newest_of(self, path: Place) -> bool:
        """Whether one of the newest commits of a table carries this line: it names the run, so it is this commit."""
        return any(each.get("userMetadata") == self.line for each in LakeTable(path).history(10))


FEW = 100_000  # rows that are written as one file by this process
LITTLE = 100_000_000  # bytes of such rows, where one of them may be of a megabyte
_THEN = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)  # only `maintain` cleans the log
_Mode = Literal["append", "overwrite"]


def create(
    path: Place, schema: StructType, partition_by: tuple[str, ...], times: tuple[str, ...], file_size: int
) -> None:
    """Make an empty table, comments included, unless there is one.

    Args:
        path: where.
        schema: its columns.
        partition_by: the columns that split its files into folders.
        times: the columns of a row's times. They alone have statistics in the log, so that no id stays there.
        file_size: bytes, the size that joining small files aims at.
    """
    properties = {
        "delta.enableDeletionVectors": "false",  # everyone can read it
        "delta.dataSkippingStatsColumns": ",".join(times),
        "delta.enableExpiredLogCleanup": "false",  # only `maintain` cleans the log, once the ledger in it is rolled up
        "delta.checkpointInterval": "10",
        "delta.targetFileSize": str(file_size),
    }
    described = Schema.from_json(schema.json())
    DeltaTable.create(
        uri_of(path),
        described,
        mode="ignore",
        partition_by=list(partition_by),
        configuration=properties,
        storage_options=options_of(path),
    )


def add_columns(path: Place, schema: StructType) -> None:
    """Give a table the columns of a schema that it lacks, null in all its rows; no commit if it lacks none.

    The one commit changes no file. A stream that reads the table stops at it, if it was started before; started
    again, it goes on from the same checkpoint.
    """
    table = to_change(path)
    there = {field.name for field in table.schema().fields}
    lacking = [field for field in Schema.from_json(schema.json()).fields if field.name not in there]
    if lacking:
        table.alter.add_columns(lacking, post_commithook_properties=_THEN)


def append(
    rows: DataFrame | Iterator[pa.RecordBatch], count: int, path: Place, commit: Commit, *, size: int = 0
) -> bool:
    """Add the rows. Without rows it still commits the entry. Costs 0.05 s; a frame of over 100,000 rows 0.3 s.

    Args:
        rows: what to add; batches of Arrow are written as they come.
        count: how many they are.
        path: the table.
        commit: what the commit carries.
        size: the bytes of a frame, or more, where rows may be large: this process holds no more than 100 MB of them.

    Returns:
        Whether this call committed; False if the commit's transaction was found in the table.
    """
    if not isinstance(rows, Iterator):
        return _write(rows, count, path, commit, "append", size)
    table = to_change(path)
    if commit.is_in(table):
        return False
    schema = pa.schema(table.schema())
    alike = (_alike(batch, schema) for batch in rows)
    streamed = pa.RecordBatchReader.from_batches(schema, alike) if count else schema.empty_table()
    return _commit(streamed, table, commit, "append")


def _alike(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Rows with the columns of a table; one that is no longer declared is null in them."""
    there = set(batch.schema.names)
    columns = [
        batch[field.name].cast(field.type) if field.name in there else pa.nulls(len(batch), field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def overwrite(rows: DataFrame, count: int, path: Place, commit: Commit) -> bool:
    """Replace the whole table by the rows, ``count`` of them, schema included, in one commit. Returns as an append."""
    return _write(rows, count, path, commit, "overwrite")


def note(path: Place, commit: Commit) -> bool:
    """Commit the entry alone: the ledger has no holes. Returns as an append."""
    table = to_change(path)
    return not commit.is_in(table) and _commit(pa.schema(table.schema()).empty_table(), table, commit, "append")


def _write(rows: DataFrame, count: int, path: Place, commit: Commit, mode: _Mode, size: int = 0) -> bool:
    table = to_change(path)
    if commit.is_in(table):
        return False
    if count > FEW or (count and size > LITTLE):
        writer = rows.write.format("delta").mode(mode).option("overwriteSchema", mode == "overwrite")
        writer.options(**commit.options()).save(str(path))
        return commit.is_newest_of(path)  # Spark writes nothing, and says nothing, if another was faster
    schema = pa.schema(Schema.from_json(rows.schema.json()) if mode == "overwrite" else table.schema())
    few = rows.toArrow().select(schema.names).cast(schema) if count else schema.empty_table()
    return _commit(few, table, commit, mode)


def _commit(rows: pa.Table | pa.RecordBatchReader, table: DeltaTable, commit: Commit, mode: _Mode) -> bool:
    write_deltalake(
        table,
        rows,
        mode=mode,
        schema_mode="overwrite" if mode == "overwrite" else None,
        commit_properties=commit.properties(),
        post_commithook_properties=_THEN,
    )
    return True


def few_files(rows: DataFrame) -> DataFrame:
    """As many write tasks as shuffle partitions: a scan of a landing folder has one task a file."""
    return rows.coalesce(int(rows.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1))


def merge(changes: pa.Table, path: Place, keys: tuple[str, ...], time: str, commit: Commit) -> bool:
    """Apply changed rows to the table. Reads only the files in which rows of their times can be. Returns as an append.

    Args:
        changes: rows of the table with a column ``_change``; at least one, at most one a key.
        path: the table.
        keys: the columns of its key.
        time: the column by which its files are pruned.
        commit: what the commit carries.
    """
    if commit.is_in(to_change(path)):
        return False
    first, last = changes.group_by([]).aggregate([(time, "min"), (time, "max")]).columns
    within = f"{_column('t', time)} BETWEEN {_constant(first[0])} AND {_constant(last[0])}"
    columns = {f'"{name}"': _column("s", name) for name in changes.column_names if name != CHANGE}
    (
        _merging(changes, path, f"{_same(keys)} AND {within}", commit)
        .when_matched_delete(f"s.{CHANGE} = 'delete'")
        .when_matched_update(columns)
        .when_not_matched_insert(columns, f"s.{CHANGE} <> 'delete'")
        .execute()
    )
    return True


def replace(rows: DataFrame, count: int, path: Place, span: tuple[str, str], stretch: TimeSpan, commit: Commit) -> None:
    """Replace the rows whose span touches a stretch of time, in one commit. The new rows must touch it, too.

    Args:
        rows: the new rows.
        count: how many they are.
        path: the table.
        span: the columns of a row's first and last time.
        stretch: its end is excluded.
        commit: what the commit carries.
    """
    table = to_change(path)
    if count > FEW:
        there = f"`{span[0]}` < timestamp_micros({stretch.until}) AND `{span[1]}` >= timestamp_micros({stretch.since})"
        writer = rows.write.format("delta").mode("overwrite").option("replaceWhere", there)
        writer.options(**commit.options()).save(str(path))
        return
    schema = pa.schema(table.schema())
    since, until = (_constant(pa.scalar(each, pa.timestamp("us", "UTC"))) for each in stretch)
    few = rows.toArrow().select(schema.names).cast(schema) if count else schema.empty_table()
    _put(few, table, commit, f'"{span[0]}" < {until} AND "{span[1]}" >= {since}')


def rewrite(rows: Iterator[pa.RecordBatch], path: Place, date: str, commit: Commit) -> None:
    """Replace the rows of one ``event_date`` by others of that date, in one commit. Written as they come."""
    schema = pa.schema((table := to_change(path)).schema())
    alike = pa.RecordBatchReader.from_batches(schema, (_alike(batch, schema) for batch in rows))
    _put(alike, table, commit, f"event_date = '{date}'")


def _put(rows: pa.Table | pa.RecordBatchReader, table: DeltaTable, commit: Commit, where: str) -> None:
    """Rows, in the place of those of which the condition is true."""
    with_it = commit.properties()
    write_deltalake(
        table, rows, mode="overwrite", predicate=where, commit_properties=with_it, post_commithook_properties=_THEN
    )


def remove(rows: pa.Table, path: Place, keys: tuple[str, ...], commit: Commit) -> None:
    """Delete the rows of these keys, each named once. Costs a MERGE that reads the whole table."""
    _merging(rows, path, _same(keys), commit).when_matched_delete().execute()


def delete(path: Place, time: str, before: datetime, commit: Commit) -> None:
    """Delete the rows of before that moment. No id is in the condition, whose text stays in the table's log."""
    condition = f'"{time}" < {_constant(pa.scalar(before, pa.timestamp("us", "UTC")))}'
    to_change(path).delete(condition, commit_properties=commit.properties(), post_commithook_properties=_THEN)


def to_change(path: Place) -> DeltaTable:
    """The table, for who holds its lease and has not lost it. Raises what :func:`.store_lease.require_held` does."""
    require_held(path.parent)
    return opened(path)


def _merging(source: pa.Table, path: Place, condition: str, commit: Commit) -> TableMerger:
    """A MERGE of a source ``s`` into the table ``t``, still without its clauses."""
    return to_change(path).merge(
        source,
        condition,
        source_alias="s",
        target_alias="t",
        commit_properties=commit.properties(),
        post_commithook_properties=_THEN,
    )


def _same(keys: tuple[str, ...]) -> str:
    """The condition, in delta-rs's SQL, that a row of the table ``t`` and one of its source ``s`` agree in the keys."""
    return " AND ".join(f"({_column('t', key)} IS NOT DISTINCT FROM {_column('s', key)})" for key in keys)


def _column(side: str, name: str) -> str:
    return f'{side}."{name}"'


def _constant(time: pa.Scalar) -> str:
    """A timestamp in delta-rs's SQL, in microseconds: its texts end in the year 2262."""
    return f"""arrow_cast({time.cast(pa.int64()).as_py()}, 'Timestamp(Microsecond, Some("UTC"))')"""
