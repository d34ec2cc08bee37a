"""Changes of rows outside of any batch: each is one commit, which carries its amendment of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
from pyspark.sql import DataFrame

from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.ledger import Amendment
from clickstream_platform.streaming.lake.reader import read_snapshot
from clickstream_platform.streaming.lake.tables import LakeTable


def remove_keys(keys: DataFrame, key: Sequence[str], table: LakeTable, kind: str, run_id: str) -> int:
    """Delete the rows of some keys; no commit if there are none. Returns how many there were.

    Not by a DELETE: its condition, with an id in it, would stay in the table's log.

    Args:
        keys: the columns of ``key``, each key once.
        key: the columns.
        table: the table.
        kind: of the amendment.
        run_id: the run that is booked.
    """
    rows = count_keys(keys, key, table)
    if rows:
        amendment = Amendment(table.name, kind, run_id, removed=rows)
        writer.remove_rows(keys.toArrow(), table.path, tuple(key), writer.Commit(amendment.to_json()))
    return rows


def count_keys(keys: DataFrame, key: Sequence[str], table: LakeTable) -> int:
    """How many rows a table has of some keys."""
    return read_snapshot(keys.sparkSession, table.path).join(keys, [*key], "left_semi").count()


def remove_before(moment: datetime, time: str, table: LakeTable, kind: str, run_id: str) -> int:
    """Delete the rows whose ``time`` lies before a moment; no commit if there are none. Returns how many there were."""
    rows = table.rows_before(moment, time)
    if rows:
        amendment = Amendment(table.name, kind, run_id, removed=rows, before=moment.isoformat())
        writer.delete_before(table.path, time, moment, writer.Commit(amendment.to_json()))
    return rows


def apply_changes(
    changes: pa.Table, key: tuple[str, ...], time: str, table: LakeTable, kind: str, run_id: str, before: datetime
) -> None:
    """Apply changed rows, as :func:`.writer.merge` takes them, for events before a moment; no commit without any."""
    kinds = changes[writer.CHANGE].to_pylist()
    if kinds:
        added, removed = kinds.count("insert"), kinds.count("delete")
        amendment = Amendment(table.name, kind, run_id, added, removed, before=before.isoformat())
        writer.merge(changes, table.path, key, time, writer.Commit(amendment.to_json()))
