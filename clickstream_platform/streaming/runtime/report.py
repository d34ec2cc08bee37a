"""What a run did, typed: made from the ledger entries of its batches and Spark's own progress."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.places import Lake


@dataclass(frozen=True)
class RunReport:
    """One run of one table.

    Attributes:
        table: the table's name.
        run_id: the run.
        generation: the checkpoint's generation it used.
        batches: the entries of the batches it committed, oldest first.
        replayed: batches that were already in the table and only lacked their mark in the checkpoint.
        start: the source's offset where the first batch begins, included.
        end: the source's offset where the last batch ends, excluded.
        watermark_ms: the watermark afterwards, in milliseconds since 1970; None before there is one.
        state_rows: rows in the state store afterwards; None without one, or when no batch ran.
        dropped_by_watermark: rows Spark's state store dropped as late, by Spark's own count; they were recomputed.
        rows: rows in the table afterwards.
        delta_version: the table's version afterwards.
        duration: from taking the lease to letting it go.
        by_source: where the run has read several sources, what it did with each, by name. Then ``start`` and ``end``
            are those of each by name, and the watermark is the earliest.
        is_idle: whether nothing was unread, so that neither a query nor a JVM was started.
        is_cut_short: whether it was told to stop before it had read all there was.
    """

    table: str
    run_id: str
    generation: int
    batches: tuple[Entry, ...]
    replayed: int
    start: dict[str, Any] | None
    end: dict[str, Any] | None
    watermark_ms: int | None
    state_rows: int | None
    dropped_by_watermark: int
    rows: int
    delta_version: int
    duration: timedelta
    by_source: Mapping[str, RunReport] = field(default_factory=dict[str, "RunReport"])
    is_idle: bool = False
    is_cut_short: bool = False

    @property
    def rows_in(self) -> int:
        """Records or events read."""
        return sum(batch.rows_in for batch in self.batches)

    @property
    def rows_out(self) -> int:
        """Rows inserted, updated or deleted."""
        return sum(batch.rows_out for batch in self.batches)

    @property
    def late_rows(self) -> int:
        """Events that came behind the watermark: in the table all the same, or listed in ``late_events``."""
        return sum(batch.late_rows for batch in self.batches)

    @property
    def revisions(self) -> int:
        """Rows changed although the watermark had passed their ``final_at``."""
        return sum(batch.revisions for batch in self.batches)

    @property
    def quarantined(self) -> int:
        """Records rejected (``events`` only)."""
        return sum(batch.records.quarantined for batch in self.batches)

    @property
    def duplicates(self) -> int:
        """Events left out as duplicates (``events`` only)."""
        return sum(batch.copies.duplicates for batch in self.batches)

    @property
    def passed_over(self) -> int:
        """Records that were no events and not meant as such (``events`` only)."""
        return sum(batch.records.passed for batch in self.batches)

    @property
    def violations(self) -> dict[str, int]:
        """The rules of the contract that events which are kept break, and how often (``events`` only)."""
        return dict(sum((Counter(batch.declared.violations) for batch in self.batches), Counter[str]()))

    @property
    def lost(self) -> list[dict[str, list[tuple[int, int | None]]]]:
        """Offsets that were gone before they were read, a batch each (``events`` only)."""
        return [batch.account.lost for batch in self.batches if batch.account.lost]

    @property
    def unreadable(self) -> dict[str, str]:
        """Files that could not be read, by path (``events`` only)."""
        return {path: finding for batch in self.batches for path, finding in batch.account.unreadable.items()}


def report_without_batches(
    table: StreamingTable, lake: Lake, checkpoint: Checkpoint, run_id: str, duration: timedelta
) -> RunReport:
    """The report of a run of one source that committed nothing: where table and checkpoint stand now."""
    target, committed = lake.table(table.name), checkpoint.committed()
    planned = checkpoint.plan(committed)
    position = planned.end if planned else None
    return RunReport(
        table=table.name,
        run_id=run_id,
        generation=checkpoint.generation,
        batches=(),
        replayed=0,
        start=position,
        end=position,
        watermark_ms=checkpoint.watermark_ms(committed),
        state_rows=None,
        dropped_by_watermark=0,
        rows=target.rows(),
        delta_version=target.version() or 0,
        duration=duration,
    )


def combine_reports(reports: Mapping[str, RunReport]) -> RunReport:
    """One report of a table's run over several sources, by name in the order that they were read; that of one as is."""
    *_, last = reports.values()
    if len(reports) == 1:
        return last
    return replace(
        last,
        batches=tuple(entry for each in reports.values() for entry in each.batches),
        replayed=sum(each.replayed for each in reports.values()),
        start={name: each.start for name, each in reports.items()},
        end={name: each.end for name, each in reports.items()},
        watermark_ms=min((each.watermark_ms for each in reports.values() if each.watermark_ms), default=None),
        duration=sum((each.duration for each in reports.values()), timedelta()),
        by_source=reports,
        is_cut_short=any(each.is_cut_short for each in reports.values()),
    )


def state_rows(progress: list[Any]) -> int | None:
    """Rows in the state store after the last batch that ran; None if none did."""
    counts = [
        sum(op["numRowsTotal"] for op in record["stateOperators"]) for record in progress if record["stateOperators"]
    ]
    return counts[-1] if counts else None


def dropped_by_watermark(progress: list[Any]) -> int:
    """Rows dropped as late, by Spark's own count. It counts after partial aggregation, so several events may be one."""
    return sum(op["numRowsDroppedByWatermark"] for record in progress for op in record["stateOperators"])
