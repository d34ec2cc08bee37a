"""How often each declared column of ``events`` was filled: a number that the fill's own commit carries.

It is a transaction of Delta's, as a batch's number is. So it is there exactly if the values are, and asking for it
reads no commit.
"""

from __future__ import annotations

from collections.abc import Iterable

from clickstream_platform.streaming.lake.tables import LakeTable


def fill_counts(events: LakeTable, columns: Iterable[str]) -> dict[str, int]:
    """How many commits have filled some values of these columns, by column; 0 for one that never was."""
    return {name: events.transaction(_fill_app_id(name)) or 0 for name in columns}


def fill_transactions(events: LakeTable, columns: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """What a commit carries that fills values of these columns, for who holds the lease of ``events``."""
    return tuple((_fill_app_id(name), count + 1) for name, count in fill_counts(events, columns).items())


def _fill_app_id(column: str) -> str:
    return f"fill/{column}"
