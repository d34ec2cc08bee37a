"""Rejected records that today's mapping opens: their events take their place in ``quarantine``, before any is accepted.

So an event of an envelope is in ``events`` only if the record was opened for good: no mapping of a later day can open
it into others. A record that is an event by itself already, as a killed replay had read it, is never opened.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from clickstream_platform.events.schema import PLACE, QUARANTINE, RECORD
from clickstream_platform.streaming.batches.persisted import Persisted
from clickstream_platform.streaming.ingest.record_ids import record_id
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.ledger import REPLAY, Amendment

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from clickstream_platform.events.rules import Rules
    from clickstream_platform.streaming.lake.tables import LakeTable

KEY = ("record_id",)
AT_ONCE = 100_000_000  # bytes of events that this process holds


class ReopenedRecord(NamedTuple):
    """A rejected record that today's mapping opens.

    Attributes:
        source, partition, offset: the record.
        arrived_at: when it arrived.
        inside: how many events it holds.
        bytes: how large they are together.
        landed: how many events of it are in ``events``.
    """

    source: str
    partition: str
    offset: int
    arrived_at: Any
    inside: int
    bytes: int
    landed: int

    @property
    def place(self) -> tuple[str, str, int]:
        """What names the record: its source, partition and offset."""
        return self.source, self.partition, self.offset

    @property
    def has_changed(self) -> bool:
        """Whether the record holds another number of events than when it landed, so that it must not be touched.

        One that has landed and was not opened is one event.
        """
        return self.landed > 0 and (self.landed, self.inside) != (1, 1)


class ReopenReport(NamedTuple):
    """What became of the rejected records that today's mapping opens.

    Attributes:
        records: how many were opened.
        inside: how many events these held.
        refused: how many were not, as they have landed as another number of events.
    """

    records: int = 0
    inside: int = 0
    refused: int = 0


def reopen_records(
    parsed: DataFrame, rejected: DataFrame, stored: DataFrame, quarantine: LakeTable, rules: Rules, run_id: str
) -> ReopenReport:
    """Put the events of envelopes in the place of their records, a part of the records in a commit each.

    Killed, what is opened stays so. An event that is good now has the reasons of its record until it is accepted.

    Args:
        parsed: what today's rules say of the rejected records.
        rejected: these.
        stored: ``events``.
        quarantine: the table that holds them.
        rules: how records are read, and what may be kept of them.
        run_id: the run.
    """
    with Persisted() as persist:
        inside = persist(_with_old_reasons(parsed.where("inside IS NOT NULL AND index = 0 OR inside > 0"), rejected))
        records = _whole(inside, stored)
        to_open = [each for each in records if not each.landed]
        for part in split_by_size(to_open, AT_ONCE):
            events = inside if len(part) == len(records) else _of(inside, part)
            _open(part, events.where("inside > 0").select(*_names(events)).toArrow(), quarantine, rules, run_id)
    return ReopenReport(len(to_open), sum(each.inside for each in to_open), sum(each.has_changed for each in records))


def _with_old_reasons(opened: DataFrame, rejected: DataFrame) -> DataFrame:
    """Events of envelopes; those that are good now with the reasons of their records."""
    before = rejected.where("inherited IS NULL").select(*RECORD, F.col("reasons").alias("before"))
    reasons = F.when(F.size("reasons") > 0, F.col("reasons")).otherwise(F.col("before"))
    return opened.join(before, [*RECORD]).withColumn("reasons", reasons).drop("before")


def _whole(inside: DataFrame, stored: DataFrame) -> list[ReopenedRecord]:
    records = inside.groupBy(*RECORD, "arrived_at").agg(
        F.max("inside").alias("inside"), F.coalesce(F.sum(F.octet_length("value")), F.lit(0)).alias("bytes")
    )
    landed = stored.groupBy(*RECORD).agg(F.count("*").alias("landed"))
    rows = records.join(landed, [*RECORD], "left").fillna(0, ["landed"]).select(*ReopenedRecord._fields).toArrow()
    return [ReopenedRecord(**row) for row in rows.to_pylist()]


def _of(events: DataFrame, part: Sequence[ReopenedRecord]) -> DataFrame:
    places = events.sparkSession.createDataFrame([each.place for each in part], events.select(*RECORD).schema)
    return events.join(F.broadcast(places), [*RECORD], "left_semi")


def _names(events: DataFrame) -> list[str]:
    return [name for name in QUARANTINE.names if name in events.columns]


def split_by_size(records: Iterable[ReopenedRecord], most: int) -> Iterator[list[ReopenedRecord]]:
    """Records together whose events are of so many bytes at most, or one record."""
    part, size = list[ReopenedRecord](), 0
    for each in records:
        if part and size + each.bytes > most:
            yield part
            part, size = [], 0
        part.append(each)
        size += each.bytes
    if part:
        yield part


def _open(
    records: Sequence[ReopenedRecord], events: pa.Table, quarantine: LakeTable, rules: Rules, run_id: str
) -> None:
    inside = sum(each.inside for each in records)
    added, count = events.num_rows, len(records)
    line = Amendment(quarantine.name, REPLAY, run_id, added, count, opened=count, inside=inside)
    gone = [(record_id(*each.place), each.arrived_at) for each in records]
    writer.merge(
        opening_changes(gone, events, rules), quarantine.path, KEY, "arrived_at", writer.Commit(line.to_json())
    )


def opening_changes(records: Sequence[tuple[str, Any]], events: pa.Table, rules: Rules) -> pa.Table:
    """The rows as :func:`.writer.merge` takes them, with ``KEY`` as their key: records leave, their events come.

    Args:
        records: the ids of the records, and when they arrived.
        events: ``QUARANTINE``, but for ``record_id`` and ``size``.
        rules: what may be kept of their bytes.
    """
    ids = [record_id(*place) for place in _places(events)]
    there, stay = {each for each, _ in records}, {*ids}
    kinds = ["update" if each in there else "insert" for each in ids]
    return pa.concat_tables(
        [removal_changes([each for each in records if each[0] not in stay]), _rows(events, ids, rules, kinds)]
    )


def leaving_changes(rows: pa.Table, named: pa.Table, rules: Rules) -> pa.Table:
    """The changes of rows that leave ``quarantine``, and of those that have other reasons from now on.

    Args:
        rows: ``PLACE`` and ``arrived_at``.
        named: as ``events`` of :func:`opening_changes`.
        rules: as there.
    """
    gone = [record_id(*place) for place in _places(rows)]
    ids = [record_id(*place) for place in _places(named)]
    left = removal_changes(list(zip(gone, rows["arrived_at"].to_pylist(), strict=True)))
    return pa.concat_tables([left, _rows(named, ids, rules, ["update"] * len(ids))])


def _schema() -> pa.Schema:
    return to_arrow_schema(QUARANTINE.spark, timezone="UTC")


def _places(rows: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(rows[name].to_pylist() for name in PLACE), strict=True))


def removal_changes(rows: Sequence[tuple[str, Any]]) -> pa.Table:
    """Rows that leave, by their ids and when they arrived."""
    known = {"record_id": [each for each, _ in rows], "arrived_at": [at for _, at in rows]}
    columns = [pa.array(known.get(field.name, [None] * len(rows)), field.type) for field in _schema()]
    return writer.deletions(pa.table(columns, _schema()))


def _rows(events: pa.Table, ids: Sequence[str], rules: Rules, kinds: Sequence[str]) -> pa.Table:
    columns = {name: events[name].combine_chunks() for name in QUARANTINE.names if name in events.column_names}
    columns["size"] = pc.binary_length(columns["value"])
    columns["value"], columns["inherited"] = rules.kept(columns["value"]), rules.kept_inherited(columns["inherited"])
    columns["record_id"] = pa.array(ids, pa.string())
    held = pa.table([columns[field.name].cast(field.type) for field in _schema()], _schema())
    return held.append_column(writer.CHANGE, pa.array(kinds, pa.string()))
