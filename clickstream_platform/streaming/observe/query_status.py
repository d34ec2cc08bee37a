"""What streaming queries said of themselves while they ran, as the journal has it. No Spark."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from clickstream_platform.streaming.observe.journal import read_journals

QueryState = Literal["started", "running", "idle", "ended", "failed", "killed"]
ACTIVE = ("started", "running", "idle")


@dataclass(frozen=True)
class QueryStatus:
    """What a streaming query said of itself at one moment: a line of the journal.

    Attributes:
        at: the moment (ISO 8601, UTC): for a batch, when it began.
        id: the query's, the same for every run on one checkpoint.
        run_id: Spark's own, of this start.
        name: the table and the run: ``<table>-<run id>``.
        status: started: no batch is through yet; running: one is; idle: there was nothing to read; ended; failed.
            ``killed`` is never written: its process is gone, and the last line says none of the two before.
        batch_id: the last batch's; None before the first.
        input_rows: what the last batch read.
        input_rows_per_second: of that, by the time since the batch before began.
        processed_rows_per_second: of that, by the time that the batch took.
        watermark: the one that the last batch went by (ISO 8601, UTC); None before there is one.
        state_rows: rows in the state store after it; None without one.
        state_bytes: memory and disk that these take, as Spark counts it; None without one.
        duration_ms: how long the last batch took.
        last_progress: when the last batch began (ISO 8601, UTC).
        problem: what it failed of, in one line.
    """

    at: str
    id: str
    run_id: str
    name: str | None
    status: QueryState
    batch_id: int | None = None
    input_rows: int | None = None
    input_rows_per_second: float | None = None
    processed_rows_per_second: float | None = None
    watermark: str | None = None
    state_rows: int | None = None
    state_bytes: int | None = None
    duration_ms: int | None = None
    last_progress: str | None = None
    problem: str | None = None

    @property
    def table(self) -> str:
        """The table that it fills."""
        return (self.name or self.id).partition("-")[0]

    @property
    def is_active(self) -> bool:
        """Whether the query runs: it handles a batch, or waits for input."""
        return self.status in ACTIVE


def queries(folder: Path) -> list[list[QueryStatus]]:
    """The statuses that every query wrote down, oldest first; the queries by their last status, newest first.

    A query whose process is gone has ``killed`` as its last status, unless it had ended.
    """
    histories: dict[str, list[QueryStatus]] = {}
    for written in read_journals(folder):
        own: dict[str, list[QueryStatus]] = {}
        for record in written.records:
            if status := _status(record):
                own.setdefault(status.run_id, []).append(status)
        for history in own.values():
            if history[-1].is_active and not written.lives:
                history[-1] = replace(history[-1], status="killed")
        histories |= own
    return sorted(histories.values(), key=lambda history: history[-1].at, reverse=True)


def _status(record: dict[str, Any]) -> QueryStatus | None:
    """A line as this version knows it; None for a line of another one that lacks what matters."""
    known = {each.name: record[each.name] for each in fields(QueryStatus) if each.name in record}
    return QueryStatus(**known) if {"at", "id", "run_id", "name", "status"} <= known.keys() else None
