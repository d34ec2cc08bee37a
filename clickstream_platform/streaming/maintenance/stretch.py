"""``rebuild --from --to``: the rows of a stretch of time are made anew, and no others. The rest of the table stays.

A row belongs to the stretch if its span touches it, so one that goes on over an end of the stretch is made anew whole.
It is made of the events that the table has read, so the table's checkpoint and its state store stay as they are.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from clickstream_platform.errors import CheckpointError, SettingsError
from clickstream_platform.streaming.batches.persisted import Persisted
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.hours import HOUR_US, Hours, timestamp_literal
from clickstream_platform.streaming.lake.lease import lease
from clickstream_platform.streaming.lake.ledger import REBUILD, Amendment, last_entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import keys_match, read_hours, read_snapshot
from clickstream_platform.streaming.lake.tables import TimeSpan
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.run import run_leased


@dataclass(frozen=True)
class StretchReport:
    """What became of a stretch.

    Attributes:
        table: the table's name.
        stretch: what was made anew, in microseconds since 1970: at least what was asked for.
        rows: the rows that it has now.
        added: of these, rows that were not there like that.
        removed: rows that were there and are not so any more.
    """

    table: str
    stretch: TimeSpan
    rows: int
    added: int
    removed: int


def parse_ends(since: str | None, until: str | None, options: tuple[str, str]) -> tuple[datetime, datetime]:
    """The two ends of a stretch, as somebody has said them: a day, or a time; in UTC unless it says something else.

    Args:
        since: where it begins.
        until: where it ends, excluded.
        options: what the two are called where they were said.

    Raises:
        SettingsError: one is missing, or is no time; or the stretch ends before it begins.
    """
    if since is None or until is None:
        raise SettingsError(", ".join(options), "a stretch has both ends", "say both, or neither for the whole table")
    first, last = _time(since, options[0]), _time(until, options[1])
    if first >= last:
        raise SettingsError(options[1], f"{last} is not after {first}", "say the end of the stretch, which is excluded")
    return first, last


def _time(text: str, option: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))  # Python 3.10 does not know the Z
    except ValueError as wrong:
        remedy = "say a day (2026-11-02) or a time (2026-11-02T10:00:00Z)"
        raise SettingsError(option, f"{text!r} is no time", remedy) from wrong
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def require_stretch(table: StreamingTable, since: datetime, until: datetime) -> TimeSpan:
    """The stretch, if this table can be rebuilt in stretches. Asks for no JVM.

    Raises:
        CheckpointError: it cannot; says why.
    """
    if not table.derived:
        finding = "it is read from the source, which may have moved on"
        raise CheckpointError(table.name, finding, "rebuild the tables that read it")
    if table.state.whole_because:
        finding = f"no stretch of it can be rebuilt: {table.state.whole_because}"
        raise CheckpointError(
            table.name, finding, f"run `clickstream rebuild {table.name}`, which makes all of it anew"
        )
    return TimeSpan(_micros(since), _micros(until))


def rebuild_stretch(
    table: StreamingTable,
    stretch: TimeSpan,
    spark: SparkSession,
    lake: Lake,
    hooks: Hooks | None = None,
    *,
    run_id: str | None = None,
) -> StretchReport:
    """Replace the rows of a stretch by what the table's query gives of it, in one commit; by the same rows in none.

    Runs the table first. Afterwards the table is what a whole rebuild would make of it, if the rows that do not touch
    the stretch were right. Killed anywhere, do it again. Costs a run, a read of the events around the stretch, and a
    pass over the keys of the table.

    Args:
        table: a table of which stretches can be rebuilt (:func:`require_stretch`).
        stretch: of event time. It is widened if rows of it lie elsewhere.
        spark: the session.
        lake: where the table lies.
        hooks: as of a run. Rows that the table did not have are announced.
        run_id: the run's name in lease and ledger; made up if not given.

    Raises what :func:`~clickstream_platform.streaming.runtime.run.run` does.
    """
    run_id, hooks = run_id or uuid.uuid4().hex[:12], hooks or Hooks()
    with lease(lake, table.name, run_id), Persisted() as persist:
        run_leased(table, spark, lake, hooks, run_id)
        making = _StretchRebuild(table, spark, lake, persist)
        stretch, wanted = making.widened(stretch)
        held = persist(making.held(stretch).select(*wanted.columns))
        rows, added, removed = wanted.count(), wanted.exceptAll(held).count(), held.exceptAll(wanted).count()
        if added or removed:
            if table.announces:
                new = wanted.alias("w").join(held.alias("h"), keys_match(table.key, "w", "h"), "left_anti")
                hooks.notify(table, [row.asDict() for row in new.collect()])
            line = Amendment(table.name, REBUILD, run_id, added=added, removed=removed).to_json()
            path, span = lake.table(table.name).path, (table.span[0], table.span[-1])
            writer.replace_span(wanted, rows, path, span, stretch, writer.Commit(line))
    hooks.ended(table)
    return StretchReport(table.name, stretch, rows, added, removed)


@dataclass(frozen=True)
class _StretchRebuild:
    """A table's rows of a stretch: those that it has, and those that it should have."""

    table: StreamingTable
    spark: SparkSession
    lake: Lake
    persist: Persisted

    def widened(self, stretch: TimeSpan) -> tuple[TimeSpan, DataFrame]:
        """The stretch, and its rows by the query. Wider, if the table has rows of the same keys outside of it."""
        while True:
            wanted = self.persist(self.wanted(stretch))
            spans = F.min(self._start).alias("first"), F.max(self._end).alias("last"), F.count("*").alias("rows")
            strays = self._rows().where(~F.coalesce(self._touches(stretch), F.lit(False))).alias("h")
            keyed = strays.join(wanted.alias("w"), keys_match(self.table.key, "h", "w"), "left_semi")
            totals = keyed.agg(*spans).select("rows", F.unix_micros("first"), F.unix_micros("last")).first()
            assert totals is not None
            rows, first, last = totals
            if not rows:
                return stretch, wanted
            if first is None or last is None:
                finding = "it has rows of these keys that say no time"
                raise CheckpointError(self.table.name, finding, f"run `clickstream rebuild {self.table.name}`")
            stretch = TimeSpan(min(stretch.since, first), max(stretch.until, last + 1))

    def wanted(self, stretch: TimeSpan) -> DataFrame:
        """The rows that the query gives of the stretch. Reads events around it until none of them can be cut off."""
        reach = self.table.state.reaches // timedelta(microseconds=1)
        read = TimeSpan(stretch.since - reach, stretch.until + reach)
        while True:
            rows = self.table.query(self._events(read)).where(self._touches(stretch))
            if not self.table.state.joins_rows:
                return rows
            ends = F.unix_micros(F.min(self._start)), F.unix_micros(F.max(self._end))
            first, last = rows.agg(*ends).first() or (None, None)
            if first is None or last is None or (read.since <= first - reach and last + reach < read.until):
                return rows
            further = max(read.until - read.since, HOUR_US)
            read = TimeSpan(min(read.since, first - reach - further), max(read.until, last + reach + further))

    def held(self, stretch: TimeSpan) -> DataFrame:
        """The rows of the stretch that the table has."""
        held = self.lake.table(self.table.name)
        return read_hours(self.spark, held, self.table.span, [_hours(stretch)]).where(self._touches(stretch))

    def _rows(self) -> DataFrame:
        return read_snapshot(self.spark, self.lake.table(self.table.name).path)

    def _events(self, read: TimeSpan) -> DataFrame:
        """The events of whole hours, as of the version that the table has read."""
        entry = last_entry(self.lake.table(self.table.name))
        version = self.lake.events.log.same_rows_until(entry.events_version) if entry else None
        return read_hours(self.spark, self.lake.events, ("timestamp",), [_hours(read)], version)

    @property
    def _start(self) -> str:
        return self.table.span[0]

    @property
    def _end(self) -> str:
        return self.table.span[-1]

    def _touches(self, stretch: TimeSpan) -> Column:
        return (F.col(self._start) < timestamp_literal(stretch.until)) & (
            F.col(self._end) >= timestamp_literal(stretch.since)
        )


def _hours(stretch: TimeSpan) -> Hours:
    return Hours(stretch.since // HOUR_US, stretch.until // HOUR_US)


def _micros(time: datetime) -> int:
    return (time - datetime.fromtimestamp(0, time.tzinfo)) // timedelta(microseconds=1)
