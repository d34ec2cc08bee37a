"""The expectations of a table, evaluated on all of its rows: one aggregation by Spark, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from clickstream_platform import expectations
from clickstream_platform.expectations import Expectation
from clickstream_platform.streaming.audit.table_snapshot import CheckFinding, TableSnapshot
from clickstream_platform.streaming.lake.reader import read_snapshot


def check_all_rows(asked: Sequence[Expectation], standing: TableSnapshot, spark: SparkSession) -> list[CheckFinding]:
    """What all rows, and the whole ledger, say to each expectation."""
    rows = read_snapshot(spark, standing.table.path, standing.version)
    facts = rows.agg(*(_measure(each).alias(str(i)) for i, each in enumerate(asked))).first()
    assert facts is not None
    return [_finding(each, standing, fact, spark) for each, fact in zip(asked, facts, strict=True)]


def _finding(expectation: Expectation, standing: TableSnapshot, fact: Any, spark: SparkSession) -> CheckFinding:
    match expectation:
        case expectations.RejectedShare() | expectations.DuplicateShare():
            return standing.share(expectation)
        case expectations.KeptContract():
            return standing.contract_kept(expectation)
        case expectations.Conservation():
            return standing.ledgers()
        case expectations.FreshEvents(max_age):
            return standing.age(max_age, fact, standing.scope())
        case expectations.MatchesEvents(event_type):
            events = standing.events_since(-1)
            there = read_snapshot(spark, events.table.path, events.until).where(F.col("event_type") == event_type)
            return standing.matches(event_type, fact, there.count(), events.until)
        case expectations.UniqueKey(columns):
            last = standing.since(-1).greatest(columns, standing.contract.span[0]) if fact == 0 else {}
            return standing.none_breaks(fact, last=last)
        case expectations.NotNull() | expectations.AcceptedValues() | expectations.NonNegative():
            return standing.none_breaks(fact)


def _measure(expectation: Expectation) -> Column:
    """The aggregate that an expectation needs: rows that break it, or what it compares with something else."""
    match expectation:
        case expectations.UniqueKey(columns):
            return F.count("*") - F.count_distinct(F.struct(*columns))
        case expectations.NotNull(columns):
            return F.count_if(_any(F.col(name).isNull() for name in columns))
        case expectations.AcceptedValues(column, values):
            return F.count_if(~F.coalesce(F.col(column).isin(*values), F.lit(False)))
        case expectations.NonNegative(columns):
            return F.count_if(_any(F.coalesce(F.col(name) < 0, F.lit(False)) for name in columns))
        case expectations.MatchesEvents():
            return F.count("*")
        case expectations.FreshEvents():
            return F.unix_millis(F.max("timestamp"))
        case (
            expectations.Conservation()
            | expectations.RejectedShare()
            | expectations.DuplicateShare()
            | expectations.KeptContract()
        ):  # asks the Delta log alone
            return F.lit(None)


def _any(conditions: Iterable[Column]) -> Column:
    return reduce(lambda a, b: a | b, conditions)
