"""What must come of a record, as a test writes it down."""

from __future__ import annotations

from typing import Any

from clickstream_platform.events.mapping.model import COLUMNS

Expected = dict[str, Any]
Row = tuple[Any, Expected]  # a record (an object, or a line as it is), and what must come of it


def event(**columns: Any) -> Expected:
    """An event with these columns; the others are null. ``timestamp`` as ISO-8601 in UTC."""
    assert columns.keys() <= set(COLUMNS)
    return {"reasons": [], "passed_over": None, **dict.fromkeys(COLUMNS), **columns}


def rejected(*reasons: str) -> Expected:
    """A record that lies in quarantine with these reasons."""
    return {"reasons": [*reasons], "passed_over": None}


def passed_over(why: str) -> Expected:
    """A record that is counted, and no more."""
    return {"reasons": [], "passed_over": why}
