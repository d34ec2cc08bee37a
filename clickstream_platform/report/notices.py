"""What a reader must know before the figures: what is not in them, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

from clickstream_platform.errors import CheckpointError
from clickstream_platform.report.figures import Reading
from clickstream_platform.streaming.lake.ledger import last_entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.wording import number_of

SHOWN = ("sessions", "purchases", "alerts", "user_patterns")  # what the page is made of, beside events


def without_events(rejected: int) -> str:
    """What to know of a lake that has no event at all."""
    records = number_of(rejected, "rejected record")
    return (
        f"There is no event in this lake, but {records}. `clickstream quarantine` shows the reasons. Mend what"
        " sends them, and run `clickstream run`; records that are right by now are taken in by `clickstream replay`."
    )


def notices(reading: Reading) -> Iterator[str]:
    """What to know of a lake with events."""
    missing = [name for name in SHOWN if name not in reading.names]
    if missing:
        yield f"Not in this lake yet: {', '.join(missing)}. `clickstream run` makes what is missing."
    if behind := [name for name in SHOWN if name in reading.names and is_behind(reading.lake, name)]:
        verb = "has" if len(behind) == 1 else "have"
        yield f"{', '.join(behind)} {verb} not read all events yet. `clickstream run` brings them up to date."


def is_behind(lake: Lake, name: str) -> bool:
    """Whether events have come since the last batch of a table; one that no batch filled is not."""
    entry = last_entry(lake.table(name))
    if entry is None:
        return False
    try:
        return lake.events.log.same_rows_until(entry.events_version) < (lake.events.version() or 0)
    except CheckpointError:  # the log is gone from there on, so that much has happened since
        return True
