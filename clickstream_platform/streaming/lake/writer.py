"""The only writer of Delta tables. A batch is one commit, which carries its transaction and its ledger entry.

The transaction is ``(<table>/<generation>, <batch id>)``. A batch that is replayed finds it and writes nothing, which
makes every write exactly once; the entry is in the same commit, which makes the ledger atomic.

Spark computes, delta-rs commits: a MERGE of some rows takes it 0.02 s, where Spark's takes more than a second. Only
what is too much for one process's memory is written by Spark's tasks. See docs/decisions/0014.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
from deltalake import DeltaTable, PostCommitHookProperties, Schema, write_deltalake

from clickstream_platform.store.place import Place
from clickstream_platform.streaming.lake.commit import Commit
from clickstream_platform.streaming.lake.data_files import PARTITION, DataFile, conform_to_schema
from clickstream_platform.streaming.lake.delta import options_of, uri_of
from clickstream_platform.streaming.lake.handles import open_for_commit, require_fresh_look
from clickstream_platform.streaming.lake.store_lease import require_held
from clickstream_platform.streaming.lake.tables import LakeTable, TimeSpan, timestamp_sql

if TYPE_CHECKING:
    from datetime import datetime

    from deltalake.table import TableMerger
    from pyspark.sql import DataFrame, DataFrameWriter
    from pyspark.sql.types import StructType

CHANGE = "_change"  # insert, update or delete, in the frame that `merge` takes
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
    require_fresh_look(path)


def add_columns(path: Place, schema: StructType) -> None:
    """Give a table the columns of a schema that it lacks, null in all its rows; no commit if it lacks none.

    The one commit changes no file. A stream that reads the table stops at it, if it was started before; started
    again, it goes on from the same checkpoint.
    """
    there = LakeTable(path).column_names()
    lacking = [field for field in Schema.from_json(schema.json()).fields if field.name not in there]
    if lacking:
        with open_for_commit(path) as held:
            held.table.alter.add_columns(lacking, post_commithook_properties=_THEN)


def add_files(made: Callable[[pa.Schema], Sequence[DataFile]], path: Place, time: str, commit: Commit) -> bool:
    """Add rows by their files, which lie in the table's folder and have no name in its log yet. Returns as an append.

    Args:
        made: given the table's columns, makes the files. Not called if the commit's transaction is in the table.
        path: the table, which is partitioned by ``event_date``.
        time: the column of a row's time.
        commit: what the commit carries.
    """
    with open_for_commit(path) as held:
        if commit.is_in(held):
            return False
        schema, properties = held.table.schema(), commit.properties()
        files = [each.log_action(time) for each in made(pa.schema(schema))]
        require_held(path.parent)
        held.table.create_write_transaction(
            files, "append", schema, [PARTITION], commit_properties=properties, post_commithook_properties=_THEN
        )
        held.table.update_incremental()  # which delta-rs leaves where it was
    return True


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
    with open_for_commit(path) as held:
        if commit.is_in(held):
            return False
        schema = pa.schema(held.table.schema())
        fitting = (conform_to_schema(batch, schema) for batch in rows)
        streamed = pa.RecordBatchReader.from_batches(schema, fitting) if count else schema.empty_table()
        return _commit(streamed, held.table, commit, "append")


def overwrite(rows: DataFrame, count: int, path: Place, commit: Commit) -> bool:
    """Replace the whole table by the rows, ``count`` of them, schema included, in one commit. Returns as an append."""
    return _write(rows, count, path, commit, "overwrite")


def commit_entry(path: Place, commit: Commit) -> bool:
    """Commit the ledger entry without rows, so that the ledger has no holes. Returns as an append."""
    with open_for_commit(path) as held:
        nothing = pa.schema(held.table.schema()).empty_table()
        return not commit.is_in(held) and _commit(nothing, held.table, commit, "append")


def _write(rows: DataFrame, count: int, path: Place, commit: Commit, mode: _Mode, size: int = 0) -> bool:
    with open_for_commit(path) as held:
        if commit.is_in(held):
            return False
        if not (count > FEW or (count and size > LITTLE)):
            schema = pa.schema(Schema.from_json(rows.schema.json()) if mode == "overwrite" else held.table.schema())
            few = rows.toArrow().select(schema.names).cast(schema) if count else schema.empty_table()
            return _commit(few, held.table, commit, mode)
    _by_spark(rows.write.format("delta").mode(mode).option("overwriteSchema", mode == "overwrite"), path, commit)
    return commit.is_newest_of(path)  # Spark writes nothing, and says nothing, if another was faster


def _by_spark(writer: DataFrameWriter, path: Place, commit: Commit) -> None:
    """Let tasks of Spark write the rows. The handle of the table does not see it, so the next question looks anew."""
    try:
        writer.options(**commit.options()).save(str(path))
    finally:
        require_fresh_look(path)


def _commit(rows: pa.Table | pa.RecordBatchReader, table: DeltaTable, commit: Commit, mode: _Mode) -> bool:
    """Write the rows in one commit. Returns True: this call committed."""
    write_deltalake(
        table,
        rows,
        mode=mode,
        schema_mode="overwrite" if mode == "overwrite" else None,
        commit_properties=commit.properties(),
        post_commithook_properties=_THEN,
    )
    return True


def limit_files(rows: DataFrame) -> DataFrame:
    """Coalesce the rows to as many write tasks as shuffle partitions: a scan of a folder has one task a file."""
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
    first, last = changes.group_by([]).aggregate([(time, "min"), (time, "max")]).columns
    within = f"{_column('t', time)} BETWEEN {_constant(first[0])} AND {_constant(last[0])}"
    columns = {f'"{name}"': _column("s", name) for name in changes.column_names if name != CHANGE}
    with open_for_commit(path) as held:
        if commit.is_in(held):
            return False
        (
            _merger(changes, held.table, f"{_same(keys)} AND {within}", commit)
            .when_matched_delete(f"s.{CHANGE} = 'delete'")
            .when_matched_update(columns)
            .when_not_matched_insert(columns, f"s.{CHANGE} <> 'delete'")
            .execute()
        )
    return True


def replace_span(
    rows: DataFrame, count: int, path: Place, span: tuple[str, str], stretch: TimeSpan, commit: Commit
) -> None:
    """Replace the rows whose span touches a stretch of time, in one commit. The new rows must touch it, too.

    Args:
        rows: the new rows.
        count: how many they are.
        path: the table.
        span: the columns of a row's first and last time.
        stretch: its end is excluded.
        commit: what the commit carries.
    """
    require_held(path.parent)
    if count > FEW:
        touches = (
            f"`{span[0]}` < timestamp_micros({stretch.until}) AND `{span[1]}` >= timestamp_micros({stretch.since})"
        )
        _by_spark(rows.write.format("delta").mode("overwrite").option("replaceWhere", touches), path, commit)
        return
    since, until = (_constant(pa.scalar(each, pa.timestamp("us", "UTC"))) for each in stretch)
    with open_for_commit(path) as held:
        schema = pa.schema(held.table.schema())
        few = rows.toArrow().select(schema.names).cast(schema) if count else schema.empty_table()
        _replace_where(few, held.table, commit, f'"{span[0]}" < {until} AND "{span[1]}" >= {since}')


def rewrite_date(rows: Iterator[pa.RecordBatch], path: Place, date: str, commit: Commit) -> None:
    """Replace the rows of one ``event_date`` by others of that date, in one commit. Written as they come."""
    with open_for_commit(path) as held:
        schema = pa.schema(held.table.schema())
        fitting = pa.RecordBatchReader.from_batches(schema, (conform_to_schema(batch, schema) for batch in rows))
        _replace_where(fitting, held.table, commit, f"event_date = '{date}'")


def _replace_where(rows: pa.Table | pa.RecordBatchReader, table: DeltaTable, commit: Commit, where: str) -> None:
    """Overwrite the rows of which the condition is true by others."""
    properties = commit.properties()
    write_deltalake(
        table, rows, mode="overwrite", predicate=where, commit_properties=properties, post_commithook_properties=_THEN
    )


def deletions(rows: pa.Table) -> pa.Table:
    """Rows that are to be deleted, as :func:`merge` takes them."""
    return rows.append_column(CHANGE, pa.array(["delete"] * rows.num_rows, pa.string()))


def remove_rows(rows: pa.Table, path: Place, keys: tuple[str, ...], commit: Commit) -> None:
    """Delete the rows of these keys, each named once. Costs a MERGE that reads the whole table."""
    with open_for_commit(path) as held:
        _merger(rows, held.table, _same(keys), commit).when_matched_delete().execute()


def delete_before(path: Place, time: str, before: datetime, commit: Commit) -> None:
    """Delete the rows of before that moment. No id is in the condition, whose text stays in the table's log."""
    condition = f'"{time}" < {_constant(pa.scalar(before, pa.timestamp("us", "UTC")))}'
    with open_for_commit(path) as held:
        held.table.delete(condition, commit_properties=commit.properties(), post_commithook_properties=_THEN)


def _merger(source: pa.Table, table: DeltaTable, condition: str, commit: Commit) -> TableMerger:
    """A MERGE of a source ``s`` into the table ``t``, still without its clauses."""
    return table.merge(
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
    """A timestamp in delta-rs's SQL."""
    return timestamp_sql(time.cast(pa.int64()).as_py())
