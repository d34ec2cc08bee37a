"""Events that came late, and what the batches that read them changed. No JVM; reads ``events`` up to the watermark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from clickstream_platform.errors import SourceError
from clickstream_platform.source_list import NAME_IN_SQL
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import VersionedLine, versioned_lines
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.scan import open_duckdb, rows_within
from clickstream_platform.streaming.lake.tables import EVER
from clickstream_platform.streaming.sources.kafka.offsets import by_partition

LEFT_OUT = "late_events"  # the table of what came too late for `user_patterns`
_PLACES = """
CREATE TEMP TABLE places AS SELECT unnest($n::BIGINT[]) AS n, unnest($name::VARCHAR[]) AS name,
  unnest($partition::VARCHAR[]) AS partition, unnest($first::BIGINT[]) AS first, unnest($end::BIGINT[]) AS "end",
  unnest($until::BIGINT[]) AS until
"""
_LATE = f"""
SELECT n, source, held.partition, "offset", user_id, event_type, event_id, timestamp, arrived_at
FROM held JOIN places ON held.partition = places.partition AND {NAME_IN_SQL} = places.name
  AND "offset" >= places.first AND "offset" < places.end AND epoch_us(timestamp) <= places.until
ORDER BY n, timestamp, held.partition, "offset" {{limit}}
"""


class LateChange(NamedTuple):
    """What the batch of a table did that read late events, and all others of the same commits.

    Attributes:
        batch_id: the batch.
        rows: rows inserted, updated or deleted.
        revisions: of these, rows that were thought final.
    """

    batch_id: int
    rows: int
    revisions: int


@dataclass(frozen=True)
class LateEvent:
    """One event that was at or before the watermark of its batch.

    Attributes:
        source: where it is from.
        partition: where there.
        offset: where in that.
        user_id: the visitor.
        event_type: what they did.
        event_id: its id.
        timestamp: when it happened.
        arrived_at: when it arrived.
        is_left_out: whether it is listed in ``late_events``: it came too late for ``user_patterns``.
    """

    source: str
    partition: str
    offset: int
    user_id: str
    event_type: str
    event_id: str | None
    timestamp: datetime
    arrived_at: datetime
    is_left_out: bool = False


@dataclass(frozen=True)
class LateBatch:
    """A batch of ``events`` that had late ones.

    Attributes:
        generation: its checkpoint's.
        batch_id: its number.
        run_id: the run.
        committed_at_ms: when it was committed.
        late_before_ms: its watermark: events at or before it are late.
        late_rows: how many records were, duplicates among them.
        changed: what the batches that read its events did, by table; a table that has not read them is not there.
        events: its late events that are still in ``events``, the earliest first.
    """

    generation: int
    batch_id: int
    run_id: str
    committed_at_ms: int
    late_before_ms: int
    late_rows: int
    changed: dict[str, LateChange]
    events: list[LateEvent] = field(default_factory=list[LateEvent])


@dataclass(frozen=True)
class LateReport:
    """What came late in a lake.

    Attributes:
        late_rows: how many records, by the ledger.
        of: how many were read.
        batches: the newest batches that had some.
    """

    late_rows: int
    of: int
    batches: tuple[LateBatch, ...]


def late_report(lake: Lake, limit: int = 0) -> LateReport:
    """The late events of the newest batches.

    Args:
        lake: the tables.
        limit: how many events are given; 0 for all. Batches of lakes of before 0.3 do not say which files they read:
            their late events are counted, and not listed.

    Raises:
        SourceError: nothing has been read yet.
        CheckpointError: there is more to ``events`` than its files.
    """
    if not lake.events.exists:
        raise SourceError(lake.events.name, "nothing was read yet", "run `clickstream run events` first")
    entries = [(each.version, each.line) for each in versioned_lines(lake.events) if isinstance(each.line, Entry)]
    shown = list(_newest([each for each in entries if each[1].late_rows], limit))
    readers = {name: _readings(lake, name) for name in lake.names() if name != lake.events.name} if shown else {}
    batches = [_batch(version, entry, readers) for version, entry in shown]
    for n, event in _events([entry for _, entry in shown], lake, limit):
        batches[n].events.append(event)
    counts = (sum(e.late_rows for _, e in entries), sum(e.rows_in for _, e in entries))
    return LateReport(*counts, tuple(batches))


def _newest(entries: Sequence[tuple[int, Entry]], limit: int) -> Iterator[tuple[int, Entry]]:
    """As many of the newest batches as have so many late events."""
    shown = 0
    for version, entry in entries:
        if limit and shown >= limit:
            return
        shown += entry.late_rows
        yield version, entry


def _readings(lake: Lake, name: str) -> list[VersionedLine]:
    """The entries of a table that reads ``events``, newest first; none of a side table, which has them of another."""
    return [e for e in versioned_lines(lake.table(name)) if isinstance(e.line, Entry) and e.line.table == name]


def _batch(version: int, entry: Entry, readers: dict[str, list[VersionedLine]]) -> LateBatch:
    changed = {name: reading for name, entries in readers.items() if (reading := _reading(version, entries))}
    facts = (entry.generation, entry.batch_id, entry.run_id, entry.committed_at_ms, entry.late_before_ms)
    return LateBatch(*facts, entry.late_rows, changed)


def _reading(version: int, newest_first: Sequence[VersionedLine]) -> LateChange | None:
    """The first batch that had read a version of ``events``."""
    read = [e.line for e in newest_first if isinstance(e.line, Entry) and e.line.events_version >= version]
    return LateChange(read[-1].batch_id, read[-1].rows_out, read[-1].revisions) if read else None


def _events(entries: Sequence[Entry], lake: Lake, limit: int) -> Iterator[tuple[int, LateEvent]]:
    """Late events, each with the number of its entry."""
    places = [place for n, entry in enumerate(entries) for place in _places(n, entry)]
    if not places:
        return
    spans = [EVER._replace(until=max(entry.late_before_ms for entry in entries) * 1000 + 1)]
    with open_duckdb() as connection:
        connection.execute(_PLACES, {name: [place[name] for place in places] for name in places[0]})
        rows_within(connection, lake.events, "timestamp", spans).create_view("held")
        found = connection.sql(_LATE.format(limit=f"LIMIT {limit:d}" if limit else ""))
        rows = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
        left_out = set[tuple[str, str, int]]()
        if lake.table(LEFT_OUT).exists:
            rows_within(connection, lake.table(LEFT_OUT), "timestamp", spans).create_view("left_out")
            left_out = {*connection.sql('SELECT source, partition, "offset" FROM left_out').fetchall()}
    for row in rows:
        place = row["source"], row["partition"], row["offset"]
        yield row.pop("n"), LateEvent(**row, is_left_out=place in left_out)


def _places(n: int, entry: Entry) -> Iterator[dict[str, int | str]]:
    """Where the records of a batch are: in which files, or between which offsets."""
    facts = {"n": n, "name": entry.source, "until": entry.late_before_ms * 1000}
    for path in entry.account.files:
        yield {**facts, "partition": path, "first": 0, "end": 2**62}
    if entry.end and "logOffset" not in entry.end:
        starts = by_partition(entry.start)
        for partition, end in by_partition(entry.end).items():
            yield {**facts, "partition": partition, "first": starts.get(partition, 0), "end": end}
