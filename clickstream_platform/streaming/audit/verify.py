"""``verify``: the promise, checked. A table against its query as a batch over ``events``, both ways, by key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from clickstream_platform.events.schema import PLACE
from clickstream_platform.streaming.audit.balance import imbalances
from clickstream_platform.streaming.audit.books import require_committed
from clickstream_platform.streaming.batches.persisted import Persisted
from clickstream_platform.streaming.batches.strategies import strategy_of
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import Amendment, entries, versioned_lines
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import keys_match, read_snapshot
from clickstream_platform.streaming.observe.outdated import outdated_reason


@dataclass(frozen=True)
class Difference:
    """One key whose rows differ. None: there is no such row."""

    key: dict[str, Any]
    expected: dict[str, Any] | None
    actual: dict[str, Any] | None


@dataclass(frozen=True)
class Verification:
    """What a comparison found.

    Attributes:
        table: the table's name.
        events_version: the version of ``events`` that the query was run over.
        rows: rows in the table.
        missing: keys that only the query gives.
        extra: keys that only the table has.
        different: keys that both have, with different rows.
        first: the first few differences.
        ledger: what is wrong with the ledger; empty when it balances.
        left_out: events that came too late for a stateful function of our own; the query is run without them.
        still_in: events that it has handled and that were replaced since; the query is run with them.
    """

    table: str
    events_version: int
    rows: int
    missing: int
    extra: int
    different: int
    first: tuple[Difference, ...]
    ledger: tuple[str, ...]
    left_out: int = 0
    still_in: int = 0

    @property
    def clean(self) -> bool:
        """Whether the table is exactly what it should be."""
        return not (self.missing or self.extra or self.different or self.ledger)


def verify(table: StreamingTable, spark: SparkSession, lake: Lake, show: int = 5) -> Verification:
    """Compare a table with its query over ``events`` at the version that its last entry names.

    Commits of ``events`` after that one which add no rows are stepped over: what they removed has left the table too.
    ``events`` itself has no query over a table; its rows are counted against the ledger, and no record may be in it
    twice.

    Raises:
        SourceError: the table has no committed batch yet.
    """
    entry = require_committed(table, lake)
    held = read_snapshot(spark, lake.table(table.name).path)
    batches = list(entries(lake.table(table.name)))
    ledger = tuple(imbalances(batches))
    if not table.derived:
        return _verify_events(table, held, lake, ledger)
    version = lake.events.log.same_rows_until(entry.events_version)
    events = read_snapshot(spark, lake.events.path, version)
    there = lake.events.rows(version)
    ledger += _unread_problems(table, [e for e in batches if e.generation == entry.generation], there, version, lake)
    strategy = strategy_of(table)
    events = strategy.covered_events(events, entry, lake)
    with Persisted() as persist:
        both = persist(_compared(table.query(events), held, table.key))
        verification = _verdict(both, table, version, table.key, show, ledger)
    why = "" if verification.clean else outdated_reason(table, lake, generations.current_checkpoint(lake, table.name))
    ledger += (f"{table.name}: {why}: its next run makes it anew",) if why else ()
    known = {"left_out": strategy.count_left_out(entry, lake), "still_in": strategy.count_replaced_since(entry, lake)}
    return replace(verification, ledger=ledger, **known)


def _unread_problems(
    table: StreamingTable, batches: list[Entry], there: int, version: int, lake: Lake
) -> tuple[str, ...]:
    """Whether the batches of a generation have read every event once; Delta counts the events without reading them."""
    read = sum(entry.rows_in for entry in batches)
    since = batches[-1].events_version
    until = (each for each in versioned_lines(lake.events, since) if each.version <= version)
    removed = sum(each.line.removed for each in until if isinstance(each.line, Amendment))
    if read == there + removed:
        return ()
    return (f"{table.name}: its batches read {read} events, {there} are there and {removed} were removed since",)


def _compared(expected: DataFrame, held: DataFrame, keys: tuple[str, ...]) -> DataFrame:
    """For every key the expected and the actual row, how often the table has the key, and whether they are the same."""
    columns = expected.columns
    lacking = {c: F.lit(None).cast(kind) for c, kind in expected.dtypes if c not in held.columns}
    held = held.withColumns(lacking) if lacking else held  # declared since the table was made
    wanted = expected.select(*keys, F.struct(*columns).alias("expected")).alias("e")
    actual = (
        held.groupBy(*keys).agg(F.first(F.struct(*columns)).alias("actual"), F.count("*").alias("copies")).alias("a")
    )
    joined = wanted.join(actual, keys_match(keys, "e", "a"), "full_outer")
    same = reduce(lambda a, b: a & b, (F.col(f"expected.{c}").eqNullSafe(F.col(f"actual.{c}")) for c in columns))
    return joined.select("expected", "actual", F.coalesce("copies", F.lit(0)).alias("copies"), same.alias("same"))


def _verdict(
    both: DataFrame, table: StreamingTable, version: int, keys: tuple[str, ...], show: int, ledger: tuple[str, ...]
) -> Verification:
    only_query, only_table = F.col("actual").isNull(), F.col("expected").isNull()
    differs = ~F.col("same") | (F.col("copies") > 1)
    facts = both.agg(
        F.sum("copies").alias("rows"),
        F.count_if(only_query).alias("missing"),
        F.sum(F.when(only_table, F.col("copies")).otherwise(F.greatest(F.col("copies") - 1, F.lit(0)))).alias("extra"),
        F.count_if(~only_query & ~only_table & ~F.col("same")).alias("different"),
    ).first()
    assert facts is not None
    in_order = [F.coalesce(f"expected.{key}", f"actual.{key}") for key in keys]
    is_clean = not (facts["missing"] or facts["extra"] or facts["different"])
    rows = [] if is_clean else both.where(differs).orderBy(*in_order).limit(show).collect()
    return Verification(
        table=table.name,
        events_version=version,
        rows=facts["rows"] or 0,
        missing=facts["missing"],
        extra=facts["extra"] or 0,
        different=facts["different"],
        first=tuple(_difference(row["expected"], row["actual"], keys) for row in rows),
        ledger=ledger,
    )


def _difference(expected: Any, actual: Any, keys: tuple[str, ...]) -> Difference:
    either = expected or actual
    return Difference(
        {key: either[key] for key in keys}, expected.asDict() if expected else None, actual.asDict() if actual else None
    )


def _verify_events(table: StreamingTable, held: DataFrame, lake: Lake, ledger: tuple[str, ...]) -> Verification:
    lines = [each.line for each in versioned_lines(lake.table(table.name))]
    accepted = sum(line.rows_out if isinstance(line, Entry) else line.added - line.removed for line in lines)
    facts = held.agg(F.count("*").alias("rows"), F.count_distinct(F.struct(*PLACE)).alias("places")).first()
    assert facts is not None
    return Verification(
        table=table.name,
        events_version=-1,
        rows=facts["rows"],
        missing=max(accepted - facts["places"], 0),
        extra=facts["rows"] - min(accepted, facts["places"]),
        different=0,
        first=(),
        ledger=ledger,
    )
