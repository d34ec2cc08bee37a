"""What becomes of rejected records that are good now, beside the events that are there: decided as in a batch.

They are of all sources together, so a partition is named with its source in front.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING, cast

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.events.schema import PLACE
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.ingest import replacements
from clickstream_platform.streaming.ingest.by_id import DuplicateResolution, resolve_duplicates
from clickstream_platform.streaming.ingest.deduplicate import WITHIN, find_duplicates
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.ledger import REPLAY, Amendment
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import read_snapshot
from clickstream_platform.streaming.lake.tables import LakeTable

if TYPE_CHECKING:
    from clickstream_platform.events.rules import Parse, Rules


def _partition() -> Column:
    """A partition's name among those of all sources, where that of one alone would be told apart by its batch."""
    return F.concat_ws("\n", F.col("source"), F.col("partition"))


def resolve_replayed(
    events: StreamingTable, new: DataFrame, lake: Lake, hours: Collection[int], run_id: str
) -> DuplicateResolution:
    """What becomes of records that are good now, and of events that are there: as in a batch."""
    rules = cast("Parse", events.query).rules
    apart = new.withColumn("partition", _partition())
    ids = apart.select("event_id", "timestamp", "source", *WITHIN).toArrow()
    given = lambda into: into.from_arrow(ids)  # noqa: E731
    whole = lambda into, places: into.from_arrow(_events_at(places, apart).toArrow())  # noqa: E731
    if rules.duplicate_span is None:
        return DuplicateResolution(find_duplicates(given, whole, lake.events, hours, rules.contract))
    by, span, partition = f"{REPLAY}/{run_id}", rules.duplicate_span, "substr(partition, length(source) + 2)"
    return resolve_duplicates(
        given, whole, lake.events, _copies(events, lake), hours, span, by, rules.contract, partition=partition
    )


def _copies(events: StreamingTable, lake: Lake) -> LakeTable:
    assert events.copies is not None  # a contract with this rule declares what it remembers
    return lake.table(events.copies.name)


def remove_replaced_events(
    events: StreamingTable, resolution: DuplicateResolution, good: DataFrame, lake: Lake, run_id: str
) -> None:
    """Remember what is left out, but for what a killed replay has remembered; then take out what gives way.

    Args:
        events: the contract of ``events``.
        resolution: what becomes of the records.
        good: these, as they were parsed, with their bytes.
        lake: where the tables lie.
        run_id: the run.
    """
    copies, by = _copies(events, lake), f"{REPLAY}/{run_id}"
    remembered = read_snapshot(good.sparkSession, copies.path)
    left_out = events_not_at(resolution.aside, good, "left_semi").join(remembered.select(*PLACE), [*PLACE], "left_anti")
    aside = _as_kept(left_out.to(remembered.schema).toArrow(), cast("Parse", events.query).rules)
    count = aside.num_rows + resolution.replaced.num_rows
    line = Amendment(copies.name, REPLAY, run_id, added=count, events_version=lake.events.version() or 0)
    replacements.remember_left_out(
        aside.to_batches(), resolution.replaced, count, copies, by, writer.Commit(line.to_json())
    )
    replacements.remove_replaced(resolution.replaced, lake.events, by, run_id, (REPLAY, time.time_ns() // 1_000_000))


def _as_kept(rows: pa.Table, rules: Rules) -> pa.Table:
    """Rows of ``copies``, but for who leaves them out; of their bytes, what may be kept."""
    value, inherited = (rows[name].combine_chunks() for name in ("value", "inherited"))
    kept = {"value": rules.kept(value), "inherited": rules.kept_inherited(inherited)}
    columns = {name: rows[name] for name in rows.column_names if not name.startswith("left_out_")} | kept
    return pa.table(columns)


def _events_at(places: pa.Table, events: DataFrame) -> DataFrame:
    """The events at some places."""
    return events.join(events.sparkSession.createDataFrame(places).distinct(), WITHIN, "left_semi")


def events_not_at(places: pa.Table, events: DataFrame, how: str = "left_anti") -> DataFrame:
    """The events at other places than these, whose partitions are named as :func:`_partition` does.

    By a join of another kind, ``left_semi``, those at these places.
    """
    if not places.num_rows:
        return events if how == "left_anti" else events.limit(0)
    at = (_partition() == F.col("at_partition")) & (F.col("offset") == F.col("at_offset"))
    at &= F.col("index") == F.col("at_index")
    named = events.sparkSession.createDataFrame(places.select(WITHIN)).toDF(*(f"at_{name}" for name in WITHIN))
    return events.join(named, at, how)
