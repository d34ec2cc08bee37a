"""Which paths of somebody's own mapping matched nothing in some batches, by the ledger alone."""

from __future__ import annotations

from collections.abc import Iterable

from clickstream_platform.events.mapping.matching import Matches, combine_matches
from clickstream_platform.streaming.lake.entry import Entry


def unmatched_paths(batches: Iterable[Entry]) -> Matches:
    """The paths at which none of the records of these batches that were looked at had anything."""
    return combine_matches(Matches(entry.declared.looked_at, tuple(entry.declared.never_matched)) for entry in batches)
