"""What a table's files and its log need over the years: commits that change none of its rows."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from math import ceil

from clickstream_platform.store.place import Place
from clickstream_platform.streaming.lake.handles import open_for_commit

_LOG_KEPT, _LOG_KEPT_BY_DEFAULT = "delta.logRetentionDuration", "interval 720 hours"


def compact(path: Place, file_size: int) -> int:
    """Join small files into larger ones of about that many bytes; returns how many were joined."""
    with open_for_commit(path) as held:
        return held.table.optimize.compact(target_size=file_size)["numFilesRemoved"]


def vacuum(path: Place, kept: timedelta) -> int:
    """Delete files that left the table longer ago than that, and what killed runs wrote but never committed.

    Returns how many there were.
    """
    with open_for_commit(path) as held:
        vacuumed = partial(
            held.table.vacuum,
            retention_hours=ceil(kept / timedelta(hours=1)),
            full=True,
            enforce_retention_duration=False,
        )
        # A vacuum that deletes nothing would make two versions all the same.
        return len(vacuumed(dry_run=False)) if vacuumed(dry_run=True) else 0


def clean_log(path: Place, kept: timedelta) -> int:
    """Delete the log of commits older than that, as far as no newer version needs it; returns how many there were."""
    log = path / "_delta_log"
    wanted = f"interval {ceil(kept / timedelta(hours=1))} hours"
    with open_for_commit(path) as held:
        if held.table.metadata().configuration.get(_LOG_KEPT, _LOG_KEPT_BY_DEFAULT) != wanted:
            held.table.alter.set_table_properties({_LOG_KEPT: wanted})
    before = len(list(log.glob("*.json")))
    with open_for_commit(path) as held:
        held.table.cleanup_metadata()
    return before - len(list(log.glob("*.json")))
