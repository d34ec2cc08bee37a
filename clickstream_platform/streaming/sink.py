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
    """What a commit carries: its line of the ledger and, for a batch, the transaction (application id, batch id)."""

    line: str
    transaction: tuple[str, int] | None = None

    def options(self) -> dict[str, str]:
        """Both, as options of a Delta writer."""
        if self.transaction is None:
            return {"userMetadata": self.line}
        app_id, batch_id = self.transaction
        return {"userMetadata": self.line, "txnAppId": app_id, "txnVersion": str(batch_id)}


# MERGE and DELETE have no options: they take the same from the session's confs, which in a stream are the query's own.
_CONFS = {
    "userMetadata": "spark.databricks.delta.commitInfo.userMetadata",
    "txnAppId": "spark.databricks.delta.write.txnAppId",
    "txnVersion": "spark.databricks.delta.write.txnVersion",
}


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
        .options(**commit.options())
        .save(str(path))
    )


def few_files(rows: DataFrame) -> DataFrame:
    """As many write tasks as shuffle partitions: a scan of a landing folder has one task a file."""
    return rows.coalesce(int(rows.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1))


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


def remove(rows: DataFrame, path: Path, keys: tuple[str, ...], commit: Commit) -> None:
    """Delete the rows of these keys, each named once. Costs a MERGE that reads the whole table."""
    session = rows.sparkSession
    with _carried_by_the_session(session, commit):
        merged = DeltaTable.forPath(session, str(path)).alias("t").merge(rows.alias("s"), matches(keys, "t", "s"))
        merged.whenMatchedDelete().execute()


def delete(session: SparkSession, path: Path, condition: Column, commit: Commit) -> None:
    """Delete the rows of which the condition holds. Its text stays in the table's log: no id belongs in it."""
    with _carried_by_the_session(session, commit):
        DeltaTable.forPath(session, str(path)).delete(condition)


def matches(keys: tuple[str, ...], left: str, right: str) -> Column:
    """The condition that two aliased frames agree in the keys, null equal to null."""
    return reduce(lambda a, b: a & b, (F.col(f"{left}.{key}").eqNullSafe(F.col(f"{right}.{key}")) for key in keys))


@contextmanager
def _carried_by_the_session(session: SparkSession, commit: Commit) -> Generator[None]:
    options = commit.options()
    for name, value in options.items():
        session.conf.set(_CONFS[name], value)
    try:
        yield
    finally:
        for name in options:
            session.conf.unset(_CONFS[name])
