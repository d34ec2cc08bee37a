"""Duplicates by ``event_id`` alone: what becomes of new events, and of those that are there, by the rule of spans.

Looked up in ``events`` and ``copies`` by DuckDB, across hours, as far as records of the same ids go on without a gap.
What a batch finds does not depend on how much of it was committed before it was killed: ``copies`` only grows, and
what a killed attempt has added to it is known by its place, or counts as known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from clickstream_platform.events.contract.judging import with_declared
from clickstream_platform.events.schema import OF_COPIES, REPLACED
from clickstream_platform.streaming.ingest.deduplicate import IS_ID, WITHIN, Duplicates, conflicting_copies
from clickstream_platform.streaming.ingest.known_records import NO_RECORDS, create_lookup, hours_of, look_up, rows_at
from clickstream_platform.streaming.ingest.span_rule import Fate, decide_fates, spans_to_know
from clickstream_platform.streaming.lake.scan import open_duckdb, text_literal
from clickstream_platform.streaming.lake.tables import LakeTable, TimeSpan

if TYPE_CHECKING:  # types of DuckDB that a module holds are reported as leaked where a thread outlives the run
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

    from clickstream_platform.events.contract.model import Contract
    from clickstream_platform.streaming.ingest.deduplicate import RowsAt

_PLACE = 'source, partition, "offset", "index"'
_NEW = f"""
CREATE TEMP TABLE new AS SELECT
  event_id, epoch_us(timestamp) AS "at", partition, "offset", "index", source, {{partition}} AS of_source
FROM given WHERE {IS_ID}
"""
_RECORDS = """
WITH
  records AS (
    SELECT known, event_id, "at", source, partition, "offset", "index" FROM there
    WHERE known = 0 OR (source, partition, "offset", "index") NOT IN (
      SELECT (source, partition, "offset", "index") FROM there WHERE known = 0
    )
    UNION ALL SELECT 2, event_id, "at", source, partition, "offset", "index" FROM new
  ),
  several AS (SELECT event_id FROM records GROUP BY event_id HAVING count(*) > 1)
FROM records SEMI JOIN several USING (event_id) ORDER BY event_id, "at", known, source, partition, "offset", "index"
"""


class DuplicateResolution(NamedTuple):
    """What becomes of new events, and what changes for those that are there.

    Attributes:
        duplicates: the new events that are duplicates, those of ``aside`` included.
        aside: the places of the duplicates that have another time than their event, and so are kept in ``copies``.
        replaced: the events that give way to an earlier copy, as whole rows of ``events``. Events that a killed attempt
            of the same batch has removed already are not among them.
        restored: the rows of ``copies`` that become events, as if they were read with today's contract.
        gave_way: how many events give way, those included that a killed attempt removed.
    """

    duplicates: Duplicates
    aside: pa.Table = NO_RECORDS
    replaced: pa.Table = NO_RECORDS
    restored: pa.Table = NO_RECORDS
    gave_way: int = 0


def resolve_duplicates(
    new: Callable[[DuckDBPyConnection], DuckDBPyRelation],
    contents: RowsAt,
    events: LakeTable,
    copies: LakeTable,
    hours: Collection[int],
    span: timedelta,
    by: str,
    contract: Contract | None = None,
    *,
    partition: str = "partition",
) -> DuplicateResolution:
    """Decide which new events stay events, by the rule of :mod:`.span_rule`, and what that changes.

    Args:
        new: as for :func:`.deduplicate.find_duplicates`, with ``source``.
        contents: as there.
        events: the table ``events``.
        copies: the table of what is remembered.
        hours: the hours since 1970 in which the new events lie.
        span: a record of the same id that is no later than this after an event is a copy of it.
        by: the batch or replay that decides, as the column ``left_out_by`` names it.
        contract: the columns that are declared.
        partition: what the partition of a new event is called in its source, in SQL.

    Raises:
        CheckpointError: there is more to a table than its files.
    """
    with open_duckdb() as connection:
        new(connection).create_view("given")
        connection.execute(_NEW.format(partition=partition))
        of = _find_fates(connection, events, copies, hours, span)
        twins, aside = of.twins(), of.with_fate(Fate.SET_ASIDE)
        conflicting = conflicting_copies(connection, twins, contents, [events, copies], hours_of(twins), contract)
        left_out = pa.concat_tables([twins.select(WITHIN), aside.select(WITHIN)])
        replaced = rows_at(connection, events, of.with_fate(Fate.GIVES_WAY))
        return DuplicateResolution(
            duplicates=Duplicates(left_out, conflicting.select(WITHIN), of.reused()),
            aside=aside.select(WITHIN),
            replaced=replaced,
            restored=_as_events(rows_at(connection, copies, of.with_fate(Fate.RETURNS)), contract),
            gave_way=max(_removed_before(connection, by), replaced.num_rows),
        )


def _find_fates(
    connection: DuckDBPyConnection, events: LakeTable, copies: LakeTable, hours: Collection[int], span: timedelta
) -> _RecordFates:
    """Look up whatever may share an id with the new events, and decide for all of these."""
    span_us = span // timedelta(microseconds=1)
    create_lookup(connection)
    looked = list[TimeSpan]()
    spans_to_know(hours, span_us, lambda each: look_up(connection, [events, copies], each, looked))
    return _RecordFates.of(connection.sql(_RECORDS).to_arrow_table(), span_us)


def _removed_before(connection: DuckDBPyConnection, by: str) -> int:
    """How many events a killed attempt of the same batch has removed already."""
    removed = f"left_out_by = {text_literal(by)} AND left_out_as = {text_literal(REPLACED)}"
    (count,) = connection.sql(f"SELECT count(DISTINCT ({_PLACE})) FROM there WHERE {removed}").fetchall()[0]
    return count


def _as_events(rows: pa.Table, contract: Contract | None) -> pa.Table:
    """Rows of ``copies`` as events."""
    if not rows.num_rows:
        return rows
    return (with_declared(contract, rows) if contract else rows).drop_columns([*OF_COPIES])


class _RecordFates(NamedTuple):
    """Records in the order of :data:`_RECORDS`, and what becomes of each."""

    records: pa.Table
    fates: np.ndarray
    first: np.ndarray

    @classmethod
    def of(cls, records: pa.Table, span_us: int) -> _RecordFates:
        ids, times, known = (records[name].to_pylist() for name in ("event_id", "at", "known"))
        decided = decide_fates(ids, times, known, span_us)
        return cls(records, np.array(decided.fates, np.int8), np.array(decided.first, np.int64))

    def with_fate(self, fate: Fate) -> pa.Table:
        """The records for which that was decided."""
        return self.records.filter(pa.array(self.fates == fate))

    def twins(self) -> pa.Table:
        """New records with the id and time of another one, each with the place of that one; null if that is stored."""
        is_twin = self.fates == Fate.SAME_TIME
        kept = self.records.take(pa.array(self.first[is_twin]))
        is_new = np.isin(self.fates[self.first[is_twin]], (Fate.ACCEPTED, Fate.SET_ASIDE))
        twins = self.records.filter(pa.array(is_twin)).select(["event_id", "at", *WITHIN])
        for name in WITHIN:
            values = pa.array(kept[name].to_pylist(), kept[name].type, mask=~is_new) if kept.num_rows else kept[name]
            twins = twins.append_column(f"kept_{name}", values)
        return twins

    def reused(self) -> int:
        """How many accepted records have the id of another event from which they are further away than the span."""
        is_kept = np.isin(self.fates, (Fate.STAYS, Fate.RETURNS, Fate.ACCEPTED)) & (
            self.first == np.arange(len(self.first))
        )
        kept = Counter(self.records["event_id"].filter(pa.array(is_kept)).to_pylist())
        return sum(kept[each] > 1 for each in self.with_fate(Fate.ACCEPTED)["event_id"].to_pylist())
