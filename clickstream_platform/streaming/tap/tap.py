"""``tap``: see events as they come. Writes no table and leaves no checkpoint, so it disturbs nobody and forgets all.

Its sink is Spark's console, which prints to the JVM's standard output: a table's rows as a person reads them, single
records for :mod:`.console` to read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.frames import accepted_events
from clickstream_platform.events.rules import Parse
from clickstream_platform.streaming.contract.durations import from_words
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.contract.trigger import Continuous, ProcessingTime, RealTime, Trigger
from clickstream_platform.streaming.contract.trigger_support import trigger_refusal
from clickstream_platform.streaming.sources.source import RecordSource
from clickstream_platform.streaming.tap import console

CONFS = {"spark.sql.streaming.numRecentProgressUpdates": "10"}
USUAL = timedelta(seconds=1)


@dataclass(frozen=True)
class Tap:
    """What to look at, and how.

    Attributes:
        events: the contract of ``events``: the source, and how records are parsed.
        table: instead of events, all rows of this table's query over what has come since the start, again and again.
        trigger: when to look.
        from_start: begin with what is there already, not with what comes from now on.
        rows: of a table, how many are shown.
    """

    events: StreamingTable
    table: StreamingTable | None
    trigger: Trigger
    from_start: bool = False
    rows: int = 20

    def __post_init__(self) -> None:
        """Refuse what Spark would refuse after ten seconds, with its own words."""
        if self.table and self.table.state.lists_late:
            finding = f"{self.table.name} has a stateful function of its own, of which no batch gives all rows"
            raise SettingsError("tap", finding, f"use `clickstream run {self.table.name}` and `clickstream sql`")
        query = "Kafka, counts" if self.table else self._source.on_console
        if words := trigger_refusal(self.trigger, query):
            finding = f"{self.trigger.name} does not work here ({query}); Spark says: {words}"
            raise SettingsError("tap", finding, "leave --real-time out")

    def start(self, spark: SparkSession, checkpoint: Path) -> StreamingQuery:
        """Start the query. The checkpoint is for its lifetime only: the caller deletes it."""
        records = self._source.tap(spark, checkpoint, from_start=self.from_start)
        printed = (
            self._rows(records, self.table) if self.table else records.select(console.printable_record().alias("line"))
        )
        is_whole = self.table is not None and self.table.state.revises
        return (
            printed.writeStream.format("console")
            .outputMode("complete" if is_whole else "update")
            .option("numRows", self.rows if self.table else console.ROWS_A_BATCH)
            .option("truncate", False)
            .option("checkpointLocation", str(checkpoint))
            .trigger(**self.trigger.options())
            .start()
        )

    def lines(self, records: Sequence[console.PrintedRecord]) -> list[str]:
        """What a person reads of records that the query printed, where it is not a table's."""
        rules = cast("Parse", self.events.query).rules.replaying
        return console.format_records(records, rules, self._source.origin)

    @property
    def _source(self) -> RecordSource:
        return cast("RecordSource", self.events.offsets)

    def _rows(self, records: DataFrame, table: StreamingTable) -> DataFrame:
        events = accepted_events(self.events.query(records))
        return table.query(events) if table.derived else events


def tap_trigger(
    events: StreamingTable, table: StreamingTable | None, every: str | None, *, real_time: bool = False
) -> RealTime | Continuous | ProcessingTime:
    """The trigger: in real time if that is asked for; otherwise without micro-batches where Spark can do without.

    Raises:
        SettingsError: ``every`` is no interval, or too short for the trigger.
    """
    has_batches = table is not None or cast("RecordSource", events.offsets).comes_in_batches
    kind = RealTime if real_time else ProcessingTime if has_batches else Continuous
    try:
        return kind(from_words(every) if every is not None else max(USUAL, kind.shortest))
    except ValueError as wrong:
        finding, _, remedy = str(wrong).partition("; ")
        raise SettingsError("--every", f"{every!r}: {finding}", remedy) from wrong
