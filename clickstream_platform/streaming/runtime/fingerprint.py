"""What a generation's checkpoint was made for, kept beside it.

Spark checks the *types* of old state, not its meaning: another window length or another key mixes old and new state
without an error. So a table's declared facts and its plan are written down when a generation begins, and compared at
the start of every run. One change is none: ``events`` has a column more, which is null in the rows that are there. The
tables that read it had no part of it, so their plans are compared over the columns that ``events`` had then. One that
passes the new column on as it is gains it as ``events`` did: null in all rows of before. Columns that a contract
declares are no such facts: see :mod:`clickstream_platform.streaming.observe.outdated`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clickstream_platform.errors import CheckpointError
from clickstream_platform.events.schema import EVENTS
from clickstream_platform.files import text_of, write_whole
from clickstream_platform.source_list import ANOTHER_SOURCE
from clickstream_platform.streaming.checkpoint import FINGERPRINT, Checkpoint
from clickstream_platform.streaming.contract.state import state_facts
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.outdated import MADE_OF, inherited_column_versions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOOKED_AT = "looked_at"
READS = "reads"  # in the file: the columns of `events` that the plan is over
# Those of `events` when no fingerprint said so yet.
FIRST_COLUMNS = EVENTS.names[: EVENTS.names.index("event_date") + 1]


def declared_facts(table: StreamingTable) -> dict[str, Any]:
    """The facts a checkpoint depends on. The watermark's delay is not one: changing it is safe."""
    return {
        "version": table.version,
        "source": table.offsets.identity,
        "columns": [f"{column.name} {column.type}" for column in table.columns],
        **state_facts(table.state),
        "sink": str(table.sink),
        **{name: str(value) for name, value in table.parameters.items()},
    }


def plan_hash(table: StreamingTable, spark: SparkSession, reads: Sequence[str]) -> str:
    """A hash of the query's analysed plan, expression ids normalised. Compared only under the same Spark version.

    Args:
        table: the contract of a derived table.
        spark: the session.
        reads: the columns that ``events`` has, in their order. A query that needs another one gives a text that no
            hash equals.
    """
    from pyspark.errors import AnalysisException  # noqa: PLC0415 - who only looks whether it has changed needs no Spark
    from pyspark.sql import functions as F  # noqa: PLC0415

    columns = [(field.name, field.dataType) for name in reads for field in EVENTS.spark.fields if field.name == name]
    columns += [(each.name, each.type) for each in table.declared]
    nothing = spark.range(0, 0, 1, 1).select(*(F.lit(None).cast(kind).alias(name) for name, kind in columns))
    try:
        java: Any = table.query(nothing)._jdf  # pyright: ignore[reportPrivateUsage] - only the JVM knows the plan
    except AnalysisException:
        return "over a column that events did not have"
    plan: str = java.queryExecution().analyzed().canonicalized().toString()
    return hashlib.sha256(plan.encode()).hexdigest()[:16]


def fingerprint_of(table: StreamingTable, spark: SparkSession, reads: Sequence[str] = EVENTS.names) -> dict[str, Any]:
    """The fingerprint of a table as it is declared now; of a derived one, where ``events`` has the columns named."""
    if not table.derived:
        return declared_facts(table)
    return {**declared_facts(table), "spark": spark.version, "plan": plan_hash(table, spark, reads), READS: [*reads]}


def write_fingerprint(checkpoint: Checkpoint, fingerprint: dict[str, Any]) -> None:
    """Keep it beside the checkpoint, before the generation's first batch."""
    write_whole(checkpoint.path / FINGERPRINT, json.dumps(fingerprint, indent=1))


def begin_fingerprint(checkpoint: Checkpoint, table: StreamingTable, spark: SparkSession, lake: Lake) -> None:
    """Write the fingerprint of a new checkpoint beside it."""
    write_fingerprint(checkpoint, {**fingerprint_of(table, spark), MADE_OF: inherited_column_versions(table, lake)})


def check_fingerprint(checkpoint: Checkpoint, table: StreamingTable, spark: SparkSession, lake: Lake) -> None:
    """Refuse a checkpoint that was made for something else. A column that ``events`` has gained is written down.

    Raises:
        CheckpointError: a fact changed since the generation began; names each, with both values.
    """
    then = checkpoint.fingerprint()
    if not then:
        begin_fingerprint(checkpoint, table, spark, lake)
        return
    now = fingerprint_of(table, spark, then.get(READS, FIRST_COLUMNS))
    _compare(table, then, now)
    if then["columns"] != now["columns"]:
        write_fingerprint(checkpoint, {**fingerprint_of(table, spark), MADE_OF: then.get(MADE_OF, {})})


def require_unchanged(table: StreamingTable, lake: Lake) -> None:
    """Refuse what :func:`check_fingerprint` would refuse, without a JVM; only for a table that reads one source.

    For all others nothing is checked here: a derived table may begin a new generation instead, and a table of several
    sources reads the others first.
    """
    if table.derived or table.further:
        return
    require_declared(generations.current_checkpoint(lake, table.name, table.offsets.source_name), table)


def require_declared(checkpoint: Checkpoint, table: StreamingTable) -> None:
    """What :func:`check_fingerprint` would refuse of what a table declares, whatever it reads, told without a JVM.

    Not of its plan, which a JVM alone knows.

    Raises:
        CheckpointError: a fact changed since the generation began; names each, with both values.
    """
    if then := checkpoint.fingerprint():
        _compare(table, then, declared_facts(table))


def _compare(table: StreamingTable, then: dict[str, Any], now: dict[str, Any]) -> None:
    may_come = inherited_columns(table) if table.derived else {column.name for column in table.columns}
    gained = _columns_gained(then, now, [f"{c.name} {c.type}" for c in table.columns if c.name in may_come])
    may_differ = gained | (_what_may_differ(then, now) if table.derived else set())
    changed = [key for key in now if key not in may_differ and then.get(key) != now[key]]
    if changed:
        finding = "; ".join(f"{key} was {then.get(key)!r} and is {now[key]!r}" for key in changed)
        raise CheckpointError(table.name, f"changed since its checkpoint began: {finding}", _remedy(table, changed))


def _what_may_differ(then: dict[str, Any], now: dict[str, Any]) -> set[str]:
    """The facts of a derived table that may change: the columns of ``events``; under another Spark also the plan."""
    return {READS} if then.get("spark") == now.get("spark") else {READS, "spark", "plan"}


def inherited_columns(table: StreamingTable) -> set[str]:
    """The columns that ``events`` has gained since the first lakes, and that a table has too."""
    return {column.name for column in table.columns} & {*EVENTS.names[len(FIRST_COLUMNS) :]}


def _columns_gained(then: dict[str, Any], now: dict[str, Any], may_come: Sequence[str]) -> set[str]:
    """The columns, if all that there were are there as they were, in their order, and the others may come."""
    stayed = [column for column in now["columns"] if column in then["columns"]]
    came = {*now["columns"]} - {*then["columns"]}
    return {"columns"} if stayed == then["columns"] and came <= {*may_come} else set()


def change_source_identity(checkpoint: Checkpoint, source: str) -> None:
    """Write down another identity of the same source. That it is the same is for the caller to show."""
    then = json.loads((checkpoint.path / FINGERPRINT).read_text())
    write_fingerprint(checkpoint, {**then, "source": source})


def note_plan_checked(checkpoint: Checkpoint, table: StreamingTable) -> None:
    """Write down that the table's plan was compared: runs with the same code and settings need not do so again."""
    write_whole(checkpoint.path / LOOKED_AT, _without_a_jvm(table))


def is_plan_checked(checkpoint: Checkpoint, table: StreamingTable) -> bool:
    """Whether the table's plan was compared by the same code, with the same settings. No JVM."""
    then = text_of(checkpoint.path / LOOKED_AT)
    return then is not None and then == _without_a_jvm(table)


def _without_a_jvm(table: StreamingTable) -> str:
    """A hash of what the table declares, of all code of this package, and of the versions that a plan depends on."""
    return hashlib.sha256(json.dumps([declared_facts(table), _code()]).encode()).hexdigest()


@cache
def _code() -> list[str]:
    package = Path(__file__).parents[2]
    modules = (
        file.relative_to(package).as_posix().encode() + file.read_bytes() for file in sorted(package.rglob("*.py"))
    )
    versions = (f"{name} {version(name)}" for name in ("pyspark", "delta-spark", "deltalake", "pyarrow"))
    return [hashlib.sha256(b"".join(modules)).hexdigest(), *versions]


def _remedy(table: StreamingTable, changed: Sequence[str]) -> str:
    if table.derived:
        return f"run `clickstream rebuild {table.name}`, or set it back"
    if "source" in changed:
        elsewhere = "say `clickstream moved` if it is the same folder elsewhere"
        return f"{elsewhere}, begin anew with `clickstream reset`, or {ANOTHER_SOURCE}"
    return "set it back, or begin anew with `clickstream reset`"
