"""What visitors did in the order of their events, and what ``user_patterns`` left out of it."""

from __future__ import annotations

from datetime import datetime, timezone

from clickstream_platform.report.figures import Reading
from clickstream_platform.report.section import Grid, Section
from clickstream_platform.streaming.contract.side_tables import LATE_EVENTS
from clickstream_platform.streaming.lake.ledger import last_entry
from clickstream_platform.wording import number_of

REBUILD = "`clickstream rebuild user_patterns`"


def patterns(lake: Reading) -> Section | None:
    """What visitors do in the order of their events. Says how many, not who."""
    found = lake.rows(
        "SELECT pattern, count(*), count(DISTINCT user_id), count(DISTINCT product_id) FROM user_patterns"
        " WHERE detected_at BETWEEN $since AND $until GROUP BY pattern ORDER BY 2 DESC, 1"
    )
    title, note = f"Patterns per {lake.unit}", left_out(lake)
    if not found:
        return Section(title, "No pattern was completed in this time.", note=note) if note else None
    total = number_of(sum(each[1] for each in found), "pattern")
    grid = Grid(("pattern", "found", "visitors", "products"), found)
    plot = lake.over_time(lake.counted("user_patterns", "detected_at", "pattern"), "patterns")
    return Section(title, f"{total} in the order of a visitor's events.{_duration(lake)}", plot, grid, note)


def _duration(lake: Reading) -> str:
    ((bought, seconds),) = lake.rows(
        "SELECT count(*), median(seconds_to_click + seconds_to_purchase) FROM user_patterns"
        " WHERE pattern = 'view_click_purchase' AND detected_at BETWEEN $since AND $until"
    )
    if not bought:
        return ""
    if bought == 1:
        return f" The one view_click_purchase took {seconds / 60:.1f} minutes."
    return f" Half of the {bought:,} view_click_purchase took {seconds / 60:.1f} minutes or more."


def left_out(lake: Reading) -> str:
    """Which events are in no pattern, at any time since the table was last built, and what changes that."""
    entry = last_entry(lake.lake.table("user_patterns"))
    if entry is None:
        return ""
    late = 0
    if LATE_EVENTS in lake.names:
        ((late,),) = lake.rows(f"SELECT count(*) FROM {LATE_EVENTS} WHERE generation = {entry.generation}")
    ((waiting,),) = lake.rows(f"SELECT count(*) FROM events WHERE timestamp > {_micros(entry.handled_ms)}")
    said: list[str] = []
    if late:
        they_are, them = ("it is", "it") if late == 1 else ("they are", "them")
        said.append(
            f"{number_of(late, 'event')} came too late to be taken in order: {they_are} in no pattern, but in {LATE_EVENTS}."
            f" {REBUILD} takes {them} in, and may find more patterns."
        )
    if waiting:
        reached = lake.clock(datetime.fromtimestamp(entry.handled_ms / 1000, timezone.utc))
        verb = "waits" if waiting == 1 else "wait"
        said.append(
            f"{number_of(waiting, 'event')} after {reached} {verb} for newer ones, which move the watermark;"
            " a rebuild does not change that."
        )
    return " ".join(said)


def _micros(milliseconds: int) -> str:
    return f"make_timestamptz({milliseconds * 1000})"
