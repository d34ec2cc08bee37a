"""What lands in each round of a trial that goes on for many, and what must have become of all that has landed."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform_tests.accounts import counts_of_records
from clickstream_platform_tests.conftest import event

NEW, AGAIN = 500, 50  # events that land in each round; how many of them do so twice
LATE = 25  # of the new ones: those of the hours of earlier rounds
LASTS = 1_200  # seconds of each hour that have events: sessions end between two hours
BEGIN = datetime(2024, 3, 1)
EVENT_TYPES = ("page_view", "purchase", "click")


def land(folder: Path, number: int) -> None:
    """Let a round's events land, most of them of an hour of its own, some twice, and a line that is none."""
    records = [
        event(
            f"u{one % 20}",
            f"{_time(number, one):%Y-%m-%dT%H:%M:%SZ}",
            event_id=f"{number * NEW + one}",
            event_type=EVENT_TYPES[one % 3],
        )
        for one in range(NEW)
    ]
    lines = [*map(json.dumps, [*records, *records[:AGAIN]]), "{"]
    (folder / f"{number:04}.json").write_text("".join(f"{line}\n" for line in lines))


def _time(number: int, one: int) -> datetime:
    """When an event of a round was: the late ones are spread over the hours before."""
    hour = number if one >= LATE else number * one // LATE
    return BEGIN + timedelta(hours=hour, seconds=one * LASTS // NEW)


def require_exact(lake: Lake, landed: int) -> None:
    """Every record of so many rounds is booked once, and every event is there once. Raises an AssertionError."""
    found = counts_of_records(lake)
    of_each = {"events": NEW, "duplicates": AGAIN, "quarantine": 1, "read": NEW + AGAIN + 1}
    expected = {what: count * landed for what, count in of_each.items()}
    assert found == expected, f"{found} is not {expected}"


def require_nothing_staged(lake: Lake) -> None:
    """Nothing is left of what was staged. Raises an AssertionError."""
    left = [str(each) for each in (lake.root / "_staging").rglob("*")]
    assert not left, f"left staged: {left}"
