"""Which events are duplicates: the same ``event_id`` and the same ``timestamp``. Exact, without state or time limit.

Events without an id are never duplicates. An id that comes with another time is kept, and counted: the producer reuses
its ids, or has two clocks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.streaming.recompute import Read, as_ranges

_PLACE = "struct<partition:string,offset:bigint>"


class Duplicates(NamedTuple):
    """Which new events are duplicates: their places, None if none is; how many; how many others reuse an id."""

    places: DataFrame | None
    copies: int
    reused: int


def duplicates(
    events: DataFrame, stored: Read, hours: Collection[int], keep: Callable[[DataFrame], DataFrame]
) -> Duplicates:
    """The new events that are stored already, or that come earlier among themselves.

    A duplicate has the same timestamp, so the hours of the events are enough to look in. Of copies among the events,
    the first by partition and offset stays. Costs two jobs over the ids of those hours.

    Args:
        events: new events: ``event_id``, ``timestamp`` and their places, ``partition`` and ``offset``.
        stored: reads the table ``events``.
        hours: the hours since 1970 in which the new events lie.
        keep: persists a frame for as long as the result is used.
    """
    repeated = keep(_repeated(_suspected(_ids(events, stored(as_ranges(sorted(hours)))))))
    facts = repeated.agg(
        F.sum(F.when(F.col("copies") > 1, F.col("new") - F.col("place").isNotNull().cast("int"))).alias("copies"),
        F.count_if((F.col("at_times") > 1) & F.col("place").isNotNull()).alias("reused"),
    ).first()
    assert facts is not None
    if not facts["copies"]:
        return Duplicates(None, 0, facts["reused"])
    copies = repeated.where("copies > 1").select("event_id", "timestamp", "place").alias("r")
    same = (F.col("e.event_id") == F.col("r.event_id")) & (F.col("e.timestamp") == F.col("r.timestamp"))
    stays = F.col("r.place").eqNullSafe(F.struct("e.partition", "e.offset"))
    places = events.alias("e").join(copies, same & ~stays).select("e.partition", "e.offset")
    return Duplicates(places, facts["copies"], facts["reused"])


def _ids(events: DataFrame, known: DataFrame) -> DataFrame:
    """Every id that new and stored events have: event_id, timestamp; place and 1 as ``new``, or null and 0."""
    new = F.struct("partition", "offset").alias("place"), F.lit(1).alias("new")
    stored = F.lit(None).cast(_PLACE).alias("place"), F.lit(0).alias("new")
    of_both = events.select("event_id", "timestamp", *new).unionByName(known.select("event_id", "timestamp", *stored))
    return of_both.where(F.col("event_id").isNotNull())


def _suspected(ids: DataFrame) -> DataFrame:
    """Those of the ids that occur twice, once new, and a few that only share a hash with such a one.

    Few ids do, and 8 bytes of each are enough to find them: an eighth of the work of looking at the ids themselves.
    """
    hashed = ids.withColumn("hash", F.xxhash64("event_id"))
    twice = hashed.groupBy("hash").agg(F.count("*").alias("n"), F.max("new").alias("new")).where("n > 1 AND new = 1")
    return hashed.join(F.broadcast(twice.select("hash")), "hash", "left_semi")


def _repeated(ids: DataFrame) -> DataFrame:
    """The times of every id that new events share, with each other or with stored ones.

    Columns: event_id; at_times, how many different times the id has; timestamp; place, the first new copy's, null if
    the event is stored; new, how many copies are; copies, how many there are in all.
    """
    # Null places come first in an order, so that a stored event is the first of its copies.
    of_one = ids.groupBy("event_id", "timestamp").agg(
        F.min(F.struct(F.col("place").isNotNull(), "place")).alias("first"),
        F.sum("new").alias("new"),
        F.count("*").alias("copies"),
    )
    times = F.struct("timestamp", "first.place", "new", "copies")
    of_id = of_one.groupBy("event_id").agg(F.collect_list(times).alias("times"))
    return (
        of_id.where((F.size("times") > 1) | F.exists("times", lambda t: t["copies"] > 1))
        .select("event_id", F.size("times").alias("at_times"), F.explode("times").alias("t"))
        .select("event_id", "at_times", "t.*")
        .where("new > 0")
    )
