"""The last runs of one table, from its ledger, with small plots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clickstream_platform.live.sparks import bar, spark
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.terminal import clock, grid
from clickstream_platform.wording import length

PLOTTED = 60  # runs in one plot


@dataclass(frozen=True)
class RunSummary:
    """What one run of a table did: the sums over its batches.

    Attributes:
        run_id: the run.
        ended_at_ms: when its last batch was committed, in milliseconds since 1970.
        batches: how many it committed; a run that found nothing to read committed none and is not in the ledger.
        rows_in: records or events read.
        rows_out: rows inserted, updated or deleted.
        late_rows: events that came behind the watermark; all of them are in the table.
        revisions: rows changed although the watermark had passed their ``final_at``.
        quarantined: records rejected (``events`` only).
        passed_over: records that were no events and not meant as such (``events`` only).
        duration_ms: of its batches; the start of the JVM and of the query is not in it.
    """

    run_id: str
    ended_at_ms: int
    batches: int
    rows_in: int
    rows_out: int
    late_rows: int
    revisions: int
    quarantined: int
    passed_over: int
    duration_ms: int


def last_runs(entries: Iterable[Entry], limit: int) -> list[RunSummary]:
    """The newest runs of a ledger that comes newest first; newest first. Reads no more of it than it needs."""
    runs: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.run_id not in runs and len(runs) == limit:
            break
        runs.setdefault(entry.run_id, []).append(entry)
    return [_run(run_id, booked) for run_id, booked in runs.items()]


def _run(run_id: str, booked: list[Entry]) -> RunSummary:
    return RunSummary(
        run_id=run_id,
        ended_at_ms=booked[0].committed_at_ms,
        batches=len(booked),
        rows_in=sum(e.rows_in for e in booked),
        rows_out=sum(e.rows_out for e in booked),
        late_rows=sum(e.late_rows for e in booked),
        revisions=sum(e.revisions for e in booked),
        quarantined=sum(e.records.quarantined for e in booked),
        passed_over=sum(e.records.passed for e in booked),
        duration_ms=sum(e.duration_ms for e in booked),
    )


def fields_of(runs: Sequence[RunSummary]) -> list[dict[str, Any]]:
    """The runs, for a program."""
    return [asdict(run) for run in runs]


def history(table: str, runs: Sequence[RunSummary], now: datetime) -> RenderableType:
    """The runs in a table, with how long ago each ended, and one plot of each figure over them."""
    if not runs:
        return Text(f"{table}: no run has committed a batch yet")
    return Group(_plots(runs), "", _table(table, runs, now))


def _plots(runs: Sequence[RunSummary]) -> Table:
    """Oldest left: as one reads."""
    plotted = runs[:PLOTTED][::-1]
    figures: list[tuple[str, list[float], str]] = [
        ("batches", [run.batches for run in plotted], ""),
        ("rows in", [run.rows_in for run in plotted], ""),
        ("rows out", [run.rows_out for run in plotted], ""),
        ("late rows", [run.late_rows for run in plotted], ""),
        ("revisions", [run.revisions for run in plotted], ""),
        ("seconds", [run.duration_ms / 1000 for run in plotted], ".1f"),
    ]
    rows = ((name, spark(values, PLOTTED), *_ends(values, form or ",")) for name, values, form in figures)
    newest = f"the last {len(plotted)} runs" if len(plotted) > 1 else "the only run"
    return grid("", newest, "least", "most", "last", right=("least", "most", "last"), rows=rows)


def _ends(values: Sequence[float], form: str) -> tuple[str, str, str]:
    return format(min(values), form), format(max(values), form), format(values[-1], form)


def _table(table: str, runs: Sequence[RunSummary], now: datetime) -> Table:
    counted = ("batches", "in", "out", *(["quar."] if table == "events" else []), "late", "rev.", "s")
    longest = max(run.duration_ms for run in runs)
    return grid(
        *("committed (UTC)", "ago", *counted, "", "run"),
        right=("ago", *counted),
        cut=("run",),
        gap=1,
        rows=(
            (
                clock(run.ended_at_ms),
                length(now - datetime.fromtimestamp(run.ended_at_ms / 1000, timezone.utc)),
                *(run.batches, run.rows_in, run.rows_out),
                *([run.quarantined] if table == "events" else []),
                *(run.late_rows, run.revisions, f"{run.duration_ms / 1000:.1f}"),
                bar(run.duration_ms, longest),
                run.run_id,
            )
            for run in runs
        ),
    )
