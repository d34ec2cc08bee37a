"""Where a batch lands: exactly one Delta commit, which carries the batch's transaction and its ledger entry.

The transaction is ``(<table>/<generation>, <batch id>)``. A batch that is replayed finds it and writes nothing, which
makes every write exactly once; the entry is in the same commit, which makes the ledger atomic.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

CHANGE = "_change"  # insert, update or delete, in the frame that `merge` takes


@dataclass(frozen=True)
class Append:
    """Rows are only added. Output mode: append."""

    output_mode = "append"

    def __str__(self) -> str:
        """How a batch lands."""
        return "one append a batch, with its transaction"


@dataclass(frozen=True, init=False)
class Upsert:
    """A row replaces the one with the same key. Output mode: update.

    Attributes:
        keys: the columns of the key; any of them may be null.
        span: the two columns between whose times all events of a row lie.
    """

    keys: tuple[str, ...]
    span: tuple[str, str]
    output_mode = "update"

    def __init__(self, *keys: str, span: tuple[str, str]) -> None:
        object.__setattr__(self, "keys", keys)
        object.__setattr__(self, "span", span)

    def __str__(self) -> str:
        """How a batch lands."""
        return f"one MERGE a batch on ({', '.join(self.keys)}), with its transaction"


Sink = Append | Upsert


@dataclass(frozen=True)
class Commit:
    """What the one commit of a batch carries: application id, batch id and ledger entry."""

    app_id: str
    batch_id: int
    entry: str


def append(rows: DataFrame, path: Path, commit: Commit) -> None:
    """Add the rows. Without rows it still commits the entry. Costs 0.3 s."""
    _write(rows, path, commit, "append")


def overwrite(rows: DataFrame, path: Path, commit: Commit) -> None:
    """Replace the whole table by the rows, schema included, in one commit."""
    _write(rows, path, commit, "overwrite")


def _write(rows: DataFrame, path: Path, commit: Commit, mode: str) -> None:
    (
        rows.write.format("delta")
        .mode(mode)
        .option("overwriteSchema", mode == "overwrite")
        .option("txnAppId", commit.app_id)
        .option("txnVersion", commit.batch_id)
        .option("userMetadata", commit.entry)
        .save(str(path))
    )


def merge(changes: DataFrame, path: Path, sink: Upsert, between: tuple[Column, Column], commit: Commit) -> None:
    """Apply changed rows to the table. Costs 1.3-1.9 s, mostly generated code, not data.

    Args:
        changes: rows of the table with a column ``_change``; at most one a key. Evaluated more than once: persist it.
        path: the table.
        sink: its key.
        between: bounds of the rows' ``span[0]``, so that only files within are read.
        commit: what the commit carries.
    """
    start = F.col(f"t.{sink.span[0]}")
    same_key = matches(sink.keys, "t", "s")
    columns: dict[str, str | Column] = {name: f"s.{name}" for name in changes.columns if name != CHANGE}
    session = changes.sparkSession
    with _carried_by_the_session(session, commit):
        (
            DeltaTable.forPath(session, str(path))
            .alias("t")
            .merge(changes.alias("s"), same_key & start.between(*between))
            .whenMatchedDelete(F.col(f"s.{CHANGE}") == "delete")
            .whenMatchedUpdate(set=columns)
            .whenNotMatchedInsert(F.col(f"s.{CHANGE}") != "delete", values=columns)
            .execute()
        )


def matches(keys: tuple[str, ...], left: str, right: str) -> Column:
    """The condition that two aliased frames agree in the keys, null equal to null."""
    return reduce(lambda a, b: a & b, (F.col(f"{left}.{key}").eqNullSafe(F.col(f"{right}.{key}")) for key in keys))


@contextmanager
def _carried_by_the_session(session: SparkSession, commit: Commit) -> Generator[None]:
    """MERGE has no options: it takes transaction and entry from confs, which in a stream stay with that query."""
    confs = {
        "spark.databricks.delta.write.txnAppId": commit.app_id,
        "spark.databricks.delta.write.txnVersion": str(commit.batch_id),
        "spark.databricks.delta.commitInfo.userMetadata": commit.entry,
    }
    for key, value in confs.items():
        session.conf.set(key, value)
    try:
        yield
    finally:
        for key in confs:
            session.conf.unset(key)
