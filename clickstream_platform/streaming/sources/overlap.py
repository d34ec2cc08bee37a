"""No record may be read twice, under two names: neither by two sources of the settings nor by one under a new name."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from clickstream_platform.errors import SettingsError, SourceError
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.sources.source import RecordSource

VARIABLE = "CLICKSTREAM_SOURCE"


def require_apart(sources: Sequence[RecordSource], *, asking: bool = False) -> None:
    """Refuse sources of which two have something in common.

    Args:
        sources: of one table.
        asking: look outside of the settings, too; raises what :meth:`.RecordSource.unread` does then.

    Raises:
        SettingsError: names both, and what they share.
    """
    for one, other in combinations(sources, 2):
        if shared := one.overlap_with(other, asking=asking):
            finding = f"the sources {one.source_name!r} and {other.source_name!r} would both read it: {shared}"
            raise SettingsError(VARIABLE, finding, "let one of them have it")


def require_not_yet_read(source: RecordSource, table: str, lake: Lake) -> None:
    """Refuse a source of which another one of the lake has read something, whether that is still named or not.

    Call it before every run of the source, as what links lead to and a pattern means may change. No JVM.

    Raises:
        SourceError: names the other one, and what both have.
    """
    for name in generations.checkpointed_sources(lake, table):
        if name == source.source_name:
            continue
        if shared := source.overlap_with_checkpoint(generations.current_checkpoint(lake, table, name)):
            finding = f"the source {source.source_name!r} would read again what {name!r} has read: {shared}"
            remedy = f"leave it to {name!r} in {VARIABLE}, which goes on where it was"
            raise SourceError(table, finding, remedy)
