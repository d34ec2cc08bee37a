"""Whether a table was made of the declared columns of ``events`` as these are now. No JVM.

A contract may declare a column, or give one up, and a fill gives values to events that are there: the rows of a table
that passes such columns on change, and no batch has anything to read of it. So what a generation was made of is written
down when it begins, before its first batch. Where it is something else now, a new generation has to begin.
"""

from __future__ import annotations

from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.fills import fill_counts
from clickstream_platform.streaming.lake.places import Lake

MADE_OF = "made_of"  # in the fingerprint


def inherited_column_versions(table: StreamingTable, lake: Lake) -> dict[str, str]:
    """The declared columns that a derived table passes on, each with its type and how often it has been filled.

    Whoever asks before a first batch has read ``events`` knows of no fill that it has not read.
    """
    if not table.derived or not table.declared:
        return {}
    filled = fill_counts(lake.events, [each.name for each in table.declared])
    return {each.name: f"{each.declared_as}, {filled[each.name]} fills" for each in table.declared}


def outdated_reason(table: StreamingTable, lake: Lake, checkpoint: Checkpoint) -> str:
    """Why the rows of a table are not made of the declared columns as they are now; empty if they are."""
    if not table.derived:
        return ""
    made_for = checkpoint.fingerprint()
    if not made_for and checkpoint.committed() < 0:
        return ""
    then: dict[str, str] = made_for.get(MADE_OF, {})
    now = inherited_column_versions(table, lake)
    changed = [name for name in now | then if now.get(name) != then.get(name)]
    return f"since it was made, {', '.join(changed)} of events came, went or got values" if changed else ""
