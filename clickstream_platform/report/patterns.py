"""What visitors did in the order of their events, and what ``user_patterns`` left out of it."""

from __future__ import annotations

from datetime import datetime, timezone

from clickstream_platform.report.figures import Reading
from clickstream_platform.report.section import Grid, Section
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import last_entry
from clickstream_platform.streaming.observe.late import LEFT_OUT
from clickstream_platform.wording import number_of


def patterns_section(lake: Reading) -> Section | None:
    """What visitors do in the order of their events. Says how many, not who."""
    patterns = lake.rows(
        "SELECT pattern, count(*), count(DISTINCT user_id), count(DISTINCT product_id) FROM user_patterns"
        " WHERE detected_at BETWEEN $since AND $until GROUP BY pattern ORDER BY 2 DESC, 1"
    )
    title, note = f"Patterns per {lake.unit}", left_out(lake)
    if not patterns:
        return Section(title, "No pattern was completed in this time.", note=note) if note else None
    total = number_of(sum(each[1] for each in patterns), "pattern")
    grid = Grid(("pattern", "found", "visitors", "products"), patterns)
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
    return " ".join(filter(None, (_late(lake, entry), _waiting(lake, entry)))) if entry else ""


def _late(lake: Reading, entry: Entry) -> str:
    """Those listed by the generation that serves; others are of a generation before a rebuild, which took them in."""
    if LEFT_OUT not in lake.names:
        return ""
    ((late,),) = lake.rows(f"SELECT count(*) FROM {LEFT_OUT} WHERE generation = {entry.generation}")
    if not late:
        return ""
    they_are, them = ("it is", "it") if late == 1 else ("they are", "them")
    return (
        f"{number_of(late, 'event')} came too late to be taken in order: {they_are} in no pattern, but in"
        f" {LEFT_OUT}. `clickstream rebuild user_patterns` takes {them} in, and may find more patterns."
    )


def _waiting(lake: Reading, entry: Entry) -> str:
    """How many events the watermark has not passed, in words; nothing if there are none."""
    handled = f"make_timestamptz({entry.handled_ms * 1000})"
    ((waiting,),) = lake.rows(f"SELECT count(*) FROM events WHERE timestamp > {handled}")
    if not waiting:
        return ""
    reached = lake.clock(datetime.fromtimestamp(entry.handled_ms / 1000, timezone.utc))
    return (
        f"{number_of(waiting, 'event')} after {reached} {'waits' if waiting == 1 else 'wait'} for newer ones, which"
        " move the watermark; a rebuild does not change that."
    )
