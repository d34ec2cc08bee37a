"""``clickstream duplicates``: what came twice, and whether it said the same. Starts no JVM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clickstream_platform.cli.app import AsJson, print_json
from clickstream_platform.cli.ready import existing_lake
from clickstream_platform.settings import from_env
from clickstream_platform.terminal import grid, line, show
from clickstream_platform.wording import number_of

if TYPE_CHECKING:
    from clickstream_platform.streaming.observe.duplicates import Conflict, DuplicateReport
    from clickstream_platform.streaming.observe.left_out_copies import LeftOutCopy

PANEL = "Look"
commands = typer.Typer()


@commands.command(
    rich_help_panel=PANEL, epilog="Example: clickstream duplicates --limit 5  |  clickstream duplicates --json"
)
def duplicates(
    *,
    limit: Annotated[int, typer.Option(min=0, help="Conflicting ones shown, the newest; 0 for all.")] = 20,
    as_json: AsJson = False,
) -> None:
    """What was sent twice; each that says something else than its event, beside it. Starts no JVM."""
    from clickstream_platform.streaming.observe.duplicates import duplicate_report  # noqa: PLC0415 - DuckDB, Arrow
    from clickstream_platform.tables.events import rules_from  # noqa: PLC0415 - the contracts import Spark

    settings = from_env()
    report = duplicate_report(existing_lake(settings), rules_from(settings), limit)
    print_json(duplicates_fields(report)) if as_json else show(*duplicates_picture(report))


def duplicates_picture(report: DuplicateReport) -> Iterator[Any]:
    """For a person: how many there are, then the columns in which each conflicting one differs from its event."""
    exact = number_of(report.exact, "record was an exact copy", "records were exact copies")
    reuse = number_of(report.reused, "event reuses", "events reuse")
    conflicting = number_of(report.conflicting, "conflicting duplicate is", "conflicting duplicates are")
    yield line(f"{exact}: counted, and left out")
    yield line(f"{reuse} an event_id at another time: each is an event")
    style = "yellow" if report.conflicting else "green"
    yield line(f"{conflicting} in quarantine, with their bytes", style)
    if report.set_aside or report.replaced:
        yield line(
            f"{number_of(report.set_aside, 'record')} came again at another time, and "
            f"{number_of(report.replaced, 'event')} gave way to a copy at an earlier one; "
            f"{report.restored:,} of these became events again, the others are in the table copies"
        )
    if report.copies:
        yield line("")
        names = ("event_id", "record", "its time (UTC)", "the event's time", "left out as", "differs in")
        yield grid(*names, rows=map(_copy, report.copies), wrap=("event_id", "differs in"), cut=("record",))
    if report.conflicts:
        yield line("")
        names = ("event_id", "record", "column", "the event says", "the record says")
        rows = [row for conflict in report.conflicts for row in _rows(conflict)]
        yield grid(*names, rows=rows, wrap=("event_id",), cut=("record", "the event says", "the record says"))
        if len(report.conflicts) < report.conflicting:
            yield line(f"the newest {len(report.conflicts):,}; --limit 0 shows all, --json all of each")


def _copy(copy: LeftOutCopy) -> Sequence[object]:
    times = (time and f"{time:%Y-%m-%d %H:%M:%S}" for time in (copy.timestamp, copy.event_time))
    place = f"{copy.partition}:{copy.offset}"
    return copy.event_id, place, *times, copy.left_out_as, ", ".join(copy.differs)


def _rows(conflict: Conflict) -> Iterator[Sequence[object]]:
    place = f"{conflict.partition}:{conflict.offset}"
    if conflict.timestamp is None:
        yield conflict.event_id, place, "", "", "no event by today's settings: clickstream quarantine"
    elif conflict.original is None:
        yield conflict.event_id, place, "", "no longer there", "clickstream replay makes it an event"
    elif not conflict.differs:
        yield conflict.event_id, place, "", "the same by now", "clickstream replay counts it as a duplicate"
    else:
        for n, name in enumerate(conflict.differs):
            first = (conflict.event_id, place) if n == 0 else ("", "")
            yield *first, name, conflict.original.says[name], conflict.says[name]


def duplicates_fields(report: DuplicateReport) -> dict[str, Any]:
    """The report as ``--json`` prints it, with every column. Bytes that are no UTF-8 have escapes."""
    counts: dict[str, Any] = {"exact": report.exact, "reused_ids": report.reused, "conflicting": report.conflicting}
    if report.set_aside or report.replaced:
        aside = {"set_aside": report.set_aside, "replaced": report.replaced, "restored": report.restored}
        counts |= {**aside, "copies": [_copy_fields(each) for each in report.copies]}
    return {**counts, "conflicts": [_fields(each) for each in report.conflicts]}


def _copy_fields(copy: LeftOutCopy) -> dict[str, Any]:
    times = {name: value.isoformat() for name, value in asdict(copy).items() if isinstance(value, datetime)}
    return {**asdict(copy), **times, "value": copy.value and copy.value.decode(errors="backslashreplace")}


def _fields(conflict: Conflict) -> dict[str, Any]:
    original = conflict.original
    event = {**_place(original), **original.says} if original else None
    return {
        "event_id": conflict.event_id,
        "timestamp": conflict.timestamp.isoformat() if conflict.timestamp else None,
        "differs": list(conflict.differs),
        "record": {**_place(conflict), **conflict.says, "value": conflict.value.decode(errors="backslashreplace")},
        "event": event,
    }


def _place(record: Any) -> dict[str, Any]:
    place = {"source": record.source, "partition": record.partition, "offset": record.offset}
    return {**place, "arrived_at": record.arrived_at.isoformat()}
