"""Data files of a table that is partitioned by ``event_date``, as a commit is told of them that is to name them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from time import time_ns

import pyarrow as pa
from deltalake.transaction import AddAction, RemoveAction

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
PARTITION = "event_date"


@dataclass(frozen=True)
class DataFile:
    """A data file of a table. Its rows are in the table once a commit names it.

    Attributes:
        name: its own; no other file ever has it.
        day: the ``event_date`` of all its rows (ISO 8601).
        rows: how many they are.
        first: the earliest of their times, in microseconds since 1970.
        last: the latest.
        size: bytes.
    """

    name: str
    day: str
    rows: int
    first: int
    last: int
    size: int

    @property
    def path(self) -> str:
        """Where it lies, relative to the table."""
        return f"{PARTITION}={self.day}/{self.name}"

    def log_action(self, time: str) -> AddAction | RemoveAction:
        """The action by which a commit adds the file to the table; ``time`` is the column of its rows' times."""
        now = time_ns() // 1_000_000
        return AddAction(self.path, self.size, {PARTITION: self.day}, now, True, self.statistics(time))

    def statistics(self, time: str) -> str:
        """The file's statistics in the form of delta-rs: those of the column of times alone."""
        first, last = _log_time(self.first), _log_time(self.last)
        statistics = {
            "numRecords": self.rows,
            "minValues": {time: first},
            "maxValues": {time: last},
            "nullCount": {time: 0},
        }
        return json.dumps(statistics, separators=(",", ":"))


def _log_time(micros: int) -> str:
    """A time as delta-rs writes it: milliseconds, cut off; none where it is a whole second."""
    at = _EPOCH + timedelta(microseconds=micros)
    whole = at.replace(tzinfo=None).isoformat(timespec="seconds" if at.microsecond == 0 else "milliseconds")
    return f"{whole}Z"


def conform_to_schema(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The rows with exactly the columns of a table; a column that they lack is null."""
    there = set(batch.schema.names)
    columns = [
        batch[field.name].cast(field.type) if field.name in there else pa.nulls(len(batch), field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
