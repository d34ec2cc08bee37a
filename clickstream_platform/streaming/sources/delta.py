"""A Delta table of the lake as a source of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from clickstream_platform.errors import RetryableError, SourceError
from clickstream_platform.source_list import MAIN
from clickstream_platform.streaming.checkpoint import Checkpoint, next_version
from clickstream_platform.streaming.lake.ledger import REPLACEMENT, Amendment, versioned_lines
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.tables import LakeTable
from clickstream_platform.streaming.sources.source import Lag

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SCHEMA_CHANGED = "DELTA_SCHEMA_CHANGED"  # the beginning of Delta's names for it


@dataclass(frozen=True)
class DeltaSource:
    """A Delta table of the lake. A batch ends on a commit, never inside one."""

    name: str

    is_table: ClassVar[bool] = True

    def __str__(self) -> str:
        """What is processed, in words."""
        return f"commits of {self.name} that no batch has read yet"

    @property
    def source_name(self) -> str:
        """Always ``main``: a derived table has one source, which no setting names."""
        return MAIN

    @property
    def address(self) -> str:
        """The table's name."""
        return self.name

    @property
    def identity(self) -> str:
        """The table's name."""
        return self.name

    @property
    def asset(self) -> tuple[str, ...]:
        """The table's name."""
        return (self.name,)

    def require_there(self, reader: str, lake: Lake) -> None:
        """Refuse a table whose input table is not there yet (a SourceError)."""
        if not lake.table(self.name).exists:
            raise SourceError(reader, f"there is no table {self.name} yet", f"run {self.name} first")

    def unread(self, checkpoint: Checkpoint, lake: Lake) -> Lag:
        """Events in commits that no batch has read; all of them before batch 0, which reads the whole snapshot.

        Where no commit has added any, those that gave way to copies: under another rule than before a batch may let
        events give way, and have none to add.

        Raises:
            CheckpointError: the table no longer has the log of a version that was not read yet.
        """
        table, plan = lake.table(self.name), checkpoint.plan(checkpoint.committed())
        newest = table.version()
        if newest is None:
            return Lag(0, "events")
        if plan is None or plan.end is None:
            return Lag(table.rows(), "events")
        first = next_version(plan.end)
        added = sum(file.rows for file in table.log.added_files(first, newest))
        return Lag(added or (_gave_way(table, first) if first <= newest else 0), "events")

    def begin(self, checkpoint: Checkpoint, *, goes_on: bool = False) -> DeltaSource:
        """The source itself: there is nothing to decide, as a first batch reads the whole table."""
        return self

    def plan(self, checkpoint: Checkpoint) -> None:
        """Spark sees new commits by itself."""

    def read(self, spark: SparkSession, lake: Lake, checkpoint: Checkpoint) -> DataFrame:
        """The stream of the table's new rows: whole commits, and only those that add data."""
        return (
            spark.readStream.format("delta")
            .option("skipChangeCommits", True)
            .option("maxFilesPerTrigger", 2**31 - 1)  # no limit, so that no batch ends inside a commit
            .load(str(lake.table(self.name).path))
        )

    def explain_failure(self, failure: Exception, checkpoint: Checkpoint) -> Exception:
        """A RetryableError where the table has gained a column since the query was started; else the failure itself."""
        if SCHEMA_CHANGED not in str(failure):
            return failure
        return RetryableError(
            checkpoint.table, f"{self.name} has gained a column meanwhile", "run it again: it goes on"
        )


def _gave_way(events: LakeTable, first: int) -> int:
    """How many events gave way to copies, from a version on. Reads what the commits say of themselves."""
    lines = (each.line for each in versioned_lines(events, first - 1))
    return sum(line.removed for line in lines if isinstance(line, Amendment) and line.kind == REPLACEMENT)
