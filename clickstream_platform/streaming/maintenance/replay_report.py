"""What became of the rejected records that a replay tried: counted before anything is written, and reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.streaming.ingest.deduplicate import Duplicates
from clickstream_platform.streaming.lake.hours import hour_of
from clickstream_platform.streaming.maintenance.reopened import ReopenReport

NEW, LANDED, PASSED = "new", "landed", "passed over"  # what a record that is to be changed became


@dataclass(frozen=True)
class ReplayReport:
    """What became of the rejected records.

    Attributes:
        tried: records that went through the parser.
        accepted: of these, new events.
        duplicates: of these, copies of events that are there already, and say the same.
        conflicting: of these, copies that say something else: they stay.
        landed: of these, events that an earlier replay had added before it was killed.
        passed_over: of these, records that are no events by today's mapping, and not meant as such.
        opened: of the records tried, envelopes that today's mapping opens.
        inside: how many events these held, which are among the figures above in their places.
        refused: of the records tried, those of which an earlier replay, which was killed, has made one event, and that
            today's mapping opens into another number of them. They stay.
    """

    tried: int
    accepted: int
    duplicates: int
    landed: int
    conflicting: int = 0
    passed_over: int = 0
    opened: int = 0
    inside: int = 0
    refused: int = 0

    @property
    def stayed(self) -> int:
        """What is still rejected: records, and events of envelopes."""
        tried = self.tried - self.opened + self.inside
        return tried - self.accepted - self.duplicates - self.landed - self.passed_over


class ReplayCounts(NamedTuple):
    """What the rejected records that are to be changed have become.

    Attributes:
        new: how many are events that are not in ``events`` yet.
        landed: how many are in ``events`` already.
        passed_over: how many are passed over.
        hours: the hours since 1970 in which the new ones lie.
        bytes: how large the new ones are together.
    """

    new: int
    landed: int
    passed_over: int
    hours: frozenset[int]
    bytes: int


def count_changes(changing: DataFrame) -> ReplayCounts:
    """Count the records that are to be changed, each of which has what it ``became``."""
    sums = F.count("*").alias("count"), F.sum(F.octet_length("value")).alias("bytes")
    facts = changing.groupBy("became", hour_of("timestamp").alias("hour")).agg(*sums).collect()
    counts = {kind: sum(each["count"] for each in facts if each["became"] == kind) for kind in (NEW, LANDED, PASSED)}
    new = [each for each in facts if each["became"] == NEW]
    hours, size = frozenset(each["hour"] for each in new), sum(each["bytes"] for each in new)
    return ReplayCounts(counts[NEW], counts[LANDED], counts[PASSED], hours, size)


def report_replay(tried: int, counts: ReplayCounts, duplicates: Duplicates, reopened: ReopenReport) -> ReplayReport:
    """What became of the records tried, once their duplicates and the envelopes among them are known."""
    return ReplayReport(
        tried=tried,
        accepted=counts.new - len(duplicates.places),
        duplicates=duplicates.exact,
        landed=counts.landed,
        conflicting=len(duplicates.conflicting),
        passed_over=counts.passed_over,
        opened=reopened.records,
        inside=reopened.inside,
        refused=reopened.refused,
    )
