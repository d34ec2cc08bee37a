"""Duplicates that say something else than their event, each beside it. No JVM; reads the events of their hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from clickstream_platform.errors import SourceError
from clickstream_platform.events.parsing import read_records
from clickstream_platform.events.registry.framing import decode_record
from clickstream_platform.events.rules import Rules
from clickstream_platform.events.schema import CONTENT, Reason
from clickstream_platform.streaming.lake.hours import HOUR_US, hour_ranges, time_spans
from clickstream_platform.streaming.lake.ledger import REPLACEMENT, REPLAY, Amendment, entries, versioned_lines
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.scan import open_duckdb, rows_within
from clickstream_platform.streaming.lake.tables import LakeTable, query_rows
from clickstream_platform.streaming.observe.left_out_copies import LeftOutCopy, left_out_copies

_NEWEST = """
SELECT source, "partition", "offset", {further} arrived_at, headers, value, size FROM held
WHERE array_has(reasons, '{reason}') ORDER BY arrived_at DESC, "partition", "offset" {limit}
"""
_ORIGINALS = """
SELECT n, held.source, held.partition, held."offset", held.arrived_at, {content}
FROM held JOIN wanted ON held.event_id = wanted.event_id AND epoch_us(held.timestamp) = wanted.at
ORDER BY held.arrived_at, held.partition, held."offset"
"""


@dataclass(frozen=True)
class Original:
    """The event that is kept: its place, its arrival, what it says."""

    source: str
    partition: str
    offset: int
    arrived_at: datetime
    says: dict[str, str | None]


@dataclass(frozen=True)
class Conflict:
    """A record with the event_id and timestamp of an event that says something else.

    Attributes:
        source: where it is from.
        partition: where there.
        offset: where in that.
        arrived_at: when it arrived.
        value: its bytes.
        event_id: its id.
        timestamp: its time; None if the record is no event by today's settings.
        says: what else it says; of columns.
        original: the event; None if it has left ``events``, or cannot be looked for without a time.
    """

    source: str
    partition: str
    offset: int
    arrived_at: datetime
    value: bytes
    event_id: str | None
    timestamp: datetime | None
    says: dict[str, str | None]
    original: Original | None

    @property
    def differs(self) -> tuple[str, ...]:
        """The columns in which the two differ."""
        original = self.original.says if self.original else self.says
        return tuple(name for name in CONTENT if self.says[name] != original[name])


@dataclass(frozen=True)
class DuplicateReport:
    """What is known of the duplicates of a lake.

    Attributes:
        exact: records that were counted as copies, batch by batch and by replays.
        reused: events that were accepted although their event_id was there with another timestamp.
        conflicting: how many conflicting duplicates are in quarantine.
        conflicts: the newest of these.
        set_aside: records that were left out at another time than their event; by batches, or by replays.
        replaced: events that gave way to a copy at an earlier time.
        restored: of all these, those that became events again.
        copies: the newest of those that are no events.
    """

    exact: int
    reused: int
    conflicting: int
    conflicts: tuple[Conflict, ...]
    set_aside: int = 0
    replaced: int = 0
    restored: int = 0
    copies: tuple[LeftOutCopy, ...] = ()


def duplicate_report(lake: Lake, rules: Rules, limit: int = 0) -> DuplicateReport:
    """What the ledger and ``quarantine`` know of duplicates.

    Args:
        lake: the tables.
        rules: how a record is read.
        limit: how many conflicting ones are given, the newest; 0 for all.

    Raises:
        SourceError: nothing has been read yet.
        CheckpointError: there is more to ``events`` than its files.
        UnreachableError: a schema registry that has to be asked does not answer.
    """
    if not lake.events.exists:
        raise SourceError(lake.events.name, "nothing was read yet", "run `clickstream run events` first")
    quarantine = lake.table("quarantine")
    batches = list(entries(lake.events))
    replays = (each.line for each in versioned_lines(quarantine) if isinstance(each.line, Amendment))
    changes = [each.line for each in versioned_lines(lake.events) if isinstance(each.line, Amendment)]
    replaced = sum(each.removed for each in changes if each.kind == REPLACEMENT)
    restored = sum(each.copies.restored for each in batches) + sum(each.restored for each in changes)
    remembered = (each.line for each in versioned_lines(lake.copies) if isinstance(each.line, Amendment))
    by_replays = sum(each.added for each in remembered if each.kind == REPLAY)
    set_aside = sum(entry.copies.remembered for entry in batches) + by_replays - replaced
    exact = sum(entry.copies.duplicates for entry in batches) + sum(each.duplicates for each in replays) - set_aside
    count, newest = _conflicting(quarantine, limit)
    conflicts = tuple(_beside_events(newest, lake.events, rules)) if newest else ()
    reused = sum(entry.copies.reused_ids for entry in batches)
    copies = tuple(left_out_copies(lake, limit, rules.contract))
    return DuplicateReport(exact, reused, count, conflicts, set_aside, replaced, restored, copies)


def _conflicting(quarantine: LakeTable, limit: int) -> tuple[int, list[dict[str, Any]]]:
    held = quarantine.open()
    if held is None:
        return 0, []
    reason = Reason.CONFLICTING_DUPLICATE.value
    (counted,) = query_rows(held, f"SELECT count(*) AS n FROM held WHERE array_has(reasons, '{reason}')")
    further = "inherited," if "inherited" in {field.name for field in held.schema().fields} else ""
    newest = _NEWEST.format(reason=reason, further=further, limit=f"LIMIT {limit:d}" if limit else "")
    return counted["n"], query_rows(held, newest) if counted["n"] else []


def _beside_events(records: Sequence[dict[str, Any]], events: LakeTable, rules: Rules) -> list[Conflict]:
    read = _read(records, rules)
    originals = _originals(read, events)
    places = ("source", "partition", "offset", "arrived_at", "value")
    return [
        Conflict(
            **{name: record[name] for name in places},
            event_id=row["event_id"],
            timestamp=row["timestamp"],
            says=(says := {name: row[name] for name in CONTENT}),
            original=_nearest(originals.get(n, []), says),
        )
        for n, (record, row) in enumerate(zip(records, read.to_pylist(), strict=True))
    ]


def _read(records: Sequence[dict[str, Any]], rules: Rules) -> pa.Table:
    """What the records say, by today's settings."""
    ids = [_last(record["headers"] or (), rules.event_id_header) for record in records]
    arrived = pa.array([record["arrived_at"] for record in records], pa.timestamp("us", "UTC"))
    texts = [decode_record(record["value"], record["source"], rules).text or record["value"] for record in records]
    values = pa.array(texts, pa.binary())
    inherited = pa.array([record.get("inherited") for record in records], pa.string())
    return pa.Table.from_struct_array(
        read_records(values, arrived, pa.array(ids, pa.binary()), rules, inherited=inherited)
    )


def _last(headers: Sequence[dict[str, Any]], key: str) -> bytes | None:
    return next((each["value"] for each in reversed(headers) if each["key"] == key), None)


def _originals(read: pa.Table, events: LakeTable) -> dict[int, list[Original]]:
    """The events that have id and time of some records, by the records' numbers, as they arrived."""
    wanted = read.select(["event_id"]).append_column("n", pa.array(range(read.num_rows), pa.int64()))
    wanted = wanted.append_column("at", read["timestamp"].cast(pa.int64()))
    hours = np.unique(wanted["at"].drop_null().to_numpy() // HOUR_US).tolist()
    originals: dict[int, list[Original]] = {}
    with open_duckdb() as connection:
        connection.register("wanted", wanted)
        rows_within(connection, events, "timestamp", time_spans(hour_ranges(hours))).create_view("held")
        content = ", ".join(f"held.{name}" for name in CONTENT)
        rows = connection.sql(_ORIGINALS.format(content=content)).to_arrow_table().to_pylist()
    for row in rows:
        says = {name: row.pop(name) for name in CONTENT}
        originals.setdefault(row.pop("n"), []).append(Original(**row, says=says))
    return originals


def _nearest(originals: Sequence[Original], says: dict[str, str | None]) -> Original | None:
    """The first that arrived; one that says the same, if there is one by now."""
    return next((each for each in originals if each.says == says), originals[0] if originals else None)
