"""The ledger in a terminal: what batches read and wrote, and what was done outside of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from clickstream_platform.terminal import NONE, Fitting, clock, grid, line
from clickstream_platform.wording import number_of

if TYPE_CHECKING:
    from clickstream_platform.streaming.lake.entry import Entry
    from clickstream_platform.streaming.lake.ledger import Amendment


def ledger(entries: Sequence[Entry]) -> Fitting:
    """Ledger entries, one a line; without their runs where there is no room for these."""
    return Fitting(_ledger(entries, runs=True), _ledger(entries, runs=False))


def _ledger(entries: Sequence[Entry], *, runs: bool) -> Table:
    counted = ("batch", "in", "out", "quar.", "dupl.", "late", "rev.", "s")
    return grid(
        *("committed (UTC)", "table", "batch", "read", *counted[1:], *(["run"] if runs else [])),
        right=counted,
        cut=("table", "run"),
        gap=1,
        rows=(
            (
                clock(e.committed_at_ms),
                e.title,
                f"{e.generation}/{e.batch_id}",
                offsets(e.start, e.end),
                e.rows_in,
                e.rows_out,
                e.records.quarantined if e.events_version < 0 else None,
                e.copies.duplicates if e.events_version < 0 else None,
                e.late_rows,
                e.revisions,
                f"{e.duration_ms / 1000:.1f}",
                *([e.run_id] if runs else []),
            )
            for e in entries
        ),
    )


def amendments(lines: Sequence[Amendment]) -> Table:
    """What was done to rows outside of batches, one commit a line."""
    return grid(
        *("committed (UTC)", "table", "what", "before", "added", "removed", "run"),
        right=("added", "removed"),
        cut=("table", "run"),
        rows=(
            (clock(a.committed_at_ms), a.table, _what(a), a.before[:10] or None, a.added, a.removed, a.run_id)
            for a in lines
        ),
    )


def _what(line: Amendment) -> str:
    return f"{line.kind} of {line.date}: {number_of(sum(line.filled.values()), 'value')}" if line.date else line.kind


def offsets(start: dict[str, Any] | None, end: dict[str, Any] | None) -> str:
    """What was read, both ends included: entries of a landing folder's log, versions of a table, records of a topic."""
    if end is None:
        return NONE
    if "logOffset" in end:
        return _span("log ", start["logOffset"] + 1 if start else 0, end["logOffset"])
    if "reservoirVersion" in end:
        return _span("v", start["reservoirVersion"] if start else 0, end["reservoirVersion"] - 1)
    return _span("", _records(start or {}), _records(end) - 1)


def _records(ends: dict[str, dict[str, int]]) -> int:
    return sum(sum(partitions.values()) for partitions in ends.values())


def _span(kind: str, first: int, last: int) -> str:
    return f"{kind}{first}-{last}" if last > first else f"{kind}{first}"


def imbalance(findings: Sequence[str]) -> Text:
    """Whether a ledger balances."""
    if findings:
        return line("the ledger does not balance:\n" + "\n".join(f"  {line}" for line in findings), "bold red")
    return Text("the ledger balances: no hole, no overlap, every record accounted for", "green")
