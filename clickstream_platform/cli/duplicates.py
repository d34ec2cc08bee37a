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
    found = duplicate_report(existing_lake(settings), rules_from(settings), limit)
    print_json(duplicates_fields(found)) if as_json else show(*duplicates_picture(found))


def duplicates_picture(found: DuplicateReport) -> Iterator[Any]:
    """For a person: how many there are, then the columns in which each conflicting one differs from its event."""
    exact = number_of(found.exact, "record was an exact copy", "records were exact copies")
    reuse = number_of(found.reused, "event reuses", "events reuse")
    conflicting = number_of(found.conflicting, "conflicting duplicate is", "conflicting duplicates are")
    yield line(f"{exact}: counted, and left out")
    yield line(f"{reuse} an event_id at another time: each is an event")
    style = "yellow" if found.conflicting else "green"
    yield line(f"{conflicting} in quarantine, with their bytes", style)
    if found.set_aside or found.replaced:
        yield line(
            f"{number_of(found.set_aside, 'record')} came again at another time, and "
            f"{number_of(found.replaced, 'event')} gave way to a copy at an earlier one; "
            f"{found.restored:,} of these became events again, the others are in the table copies"
        )
    if found.copies:
        yield line("")
        names = ("event_id", "record", "its time (UTC)", "the event's time", "left out as", "differs in")
        yield grid(*names, rows=map(_copy, found.copies), wrap=("event_id", "differs in"), cut=("record",))
    if found.conflicts:
        yield line("")
        names = ("event_id", "record", "column", "the event says", "the record says")
        rows = [row for each in found.conflicts for row in _rows(each)]
        yield grid(*names, rows=rows, wrap=("event_id",), cut=("record", "the event says", "the record says"))
        if len(found.conflicts) < found.conflicting:
            yield line(f"the newest {len(found.conflicts):,}; --limit 0 shows all, --json all of each")


def _copy(found: LeftOutCopy) -> Sequence[object]:
    times = (each and f"{each:%Y-%m-%d %H:%M:%S}" for each in (found.timestamp, found.event_time))
    place = f"{found.partition}:{found.offset}"
    return found.event_id, place, *times, found.left_out_as, ", ".join(found.differs)


def _rows(found: Conflict) -> Iterator[Sequence[object]]:
    place = f"{found.partition}:{found.offset}"
    if found.timestamp is None:
        yield found.event_id, place, "", "", "no event by today's settings: clickstream quarantine"
    elif found.original is None:
        yield found.event_id, place, "", "no longer there", "clickstream replay makes it an event"
    elif not found.differs:
        yield found.event_id, place, "", "the same by now", "clickstream replay counts it as a duplicate"
    else:
        for n, name in enumerate(found.differs):
            first = (found.event_id, place) if n == 0 else ("", "")
            yield *first, name, found.original.says[name], found.says[name]


def duplicates_fields(found: DuplicateReport) -> dict[str, Any]:
    """The report as ``--json`` prints it, with every column. Bytes that are no UTF-8 have escapes."""
    counts: dict[str, Any] = {"exact": found.exact, "reused_ids": found.reused, "conflicting": found.conflicting}
    if found.set_aside or found.replaced:
        aside = {"set_aside": found.set_aside, "replaced": found.replaced, "restored": found.restored}
        counts |= {**aside, "copies": [_copy_fields(each) for each in found.copies]}
    return {**counts, "conflicts": [_fields(each) for each in found.conflicts]}


def _copy_fields(found: LeftOutCopy) -> dict[str, Any]:
    times = {name: value.isoformat() for name, value in asdict(found).items() if isinstance(value, datetime)}
    return {**asdict(found), **times, "value": found.value and found.value.decode(errors="backslashreplace")}


def _fields(found: Conflict) -> dict[str, Any]:
    original = found.original
    event = {**_place(original), **original.says} if original else None
    return {
        "event_id": found.event_id,
        "timestamp": found.timestamp.isoformat() if found.timestamp else None,
        "differs": list(found.differs),
        "record": {**_place(found), **found.says, "value": found.value.decode(errors="backslashreplace")},
        "event": event,
    }


def _place(of: Any) -> dict[str, Any]:
    place = {"source": of.source, "partition": of.partition, "offset": of.offset}
    return {**place, "arrived_at": of.arrived_at.isoformat()}
