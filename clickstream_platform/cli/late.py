"""``clickstream late``: what came late, and what it changed. Starts no JVM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clickstream_platform.cli.app import AsJson, print_json
from clickstream_platform.cli.ready import existing_lake
from clickstream_platform.settings import from_env
from clickstream_platform.terminal import clock, grid, line, show
from clickstream_platform.wording import length, number_of

if TYPE_CHECKING:
    from clickstream_platform.streaming.observe.late import LateBatch, LateReport

PANEL = "Look"
commands = typer.Typer()


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream late --limit 5  |  clickstream late --json")
def late(
    *,
    limit: Annotated[int, typer.Option(min=0, help="Events shown, of the newest batches; 0 for all.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Events behind the watermark of their batch, and what the batches that read them changed. Starts no JVM."""
    from clickstream_platform.streaming.observe.late import late_report  # noqa: PLC0415 - DuckDB, Arrow

    report = late_report(existing_lake(from_env()), limit)
    print_json(late_fields(report)) if as_json else show(*late_picture(report))


def late_picture(report: LateReport) -> Iterator[Any]:
    """For a person: a line for each batch that had late events, and those of them that are still there."""
    yield line(
        f"{report.late_rows:,} of {number_of(report.of, 'record')} came late: at or before the watermark of the batch"
    )
    for batch in report.batches:
        yield line("")
        yield line(f"batch {batch.batch_id}, watermark {clock(batch.late_before_ms, 'seconds')} UTC: {_changed(batch)}")
        rows = list(_rows(batch))
        names = ("happened (UTC)", "behind", "user", "type", "left out of", "record")
        if rows:
            yield grid(*names, rows=rows, cut=("user", "record"))
        if len(rows) < batch.late_rows:
            yield line(f"{batch.late_rows - len(rows):,} more: duplicates, gone since, or beyond --limit")


def _changed(batch: LateBatch) -> str:
    revised = [f"{name} {each.revisions:,}" for name, each in batch.changed.items() if each.revisions]
    if not batch.changed:
        return "no table has read it yet"
    return f"rows revised that were final: {', '.join(revised)}" if revised else "no final row was revised"


def _rows(batch: LateBatch) -> Iterator[Sequence[object]]:
    for each in batch.events:
        happened = each.timestamp.timestamp() * 1000
        behind = length(timedelta(milliseconds=batch.late_before_ms - happened))
        left_out = "user_patterns" if each.is_left_out else ""
        place = f"{each.partition}:{each.offset}"
        yield clock(happened, "seconds"), behind, each.user_id, each.event_type, left_out, place


def late_fields(report: LateReport) -> dict[str, Any]:
    """The late events as ``--json`` prints them."""
    return {
        "late_records": report.late_rows,
        "records": report.of,
        "batches": [_fields(each) for each in report.batches],
    }


def _fields(batch: LateBatch) -> dict[str, Any]:
    events = [
        {**asdict(each), "timestamp": each.timestamp.isoformat(), "arrived_at": each.arrived_at.isoformat()}
        for each in batch.events
    ]
    changed = {name: each._asdict() for name, each in batch.changed.items()}
    return {**asdict(batch), "changed": changed, "events": events}
