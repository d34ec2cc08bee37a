"""Whether a run may go on from a table's checkpoint, and from which."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from clickstream_platform.errors import CheckpointError
from clickstream_platform.streaming.checkpoint import Checkpoint, next_version
from clickstream_platform.streaming.lake.generations import current_checkpoint, half_committed_batches, next_checkpoint
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.outdated import outdated_reason
from clickstream_platform.streaming.runtime.declared_types import require_same_types
from clickstream_platform.streaming.runtime.fingerprint import require_declared, require_unchanged

if TYPE_CHECKING:
    from clickstream_platform.streaming.contract.table import StreamingTable

log = logging.getLogger(__name__)


def admit_checkpoint(lake: Lake, table: StreamingTable) -> Checkpoint:
    """The checkpoint to go on from, of a table with one source.

    A checkpoint that is gone starts a new generation: batch 0 reads all of ``events`` and overwrites the table. Only
    ``events`` cannot do that. So does one that was made of other declared columns than there are now.

    Raises:
        CheckpointError: table and checkpoint do not belong together; someone restored or replaced one of them.
    """
    checkpoint = current_checkpoint(lake, table.name, table.offsets.source_name)
    last, planned = lake.table(table.name).transaction(checkpoint.app_id), checkpoint.planned()
    if last is not None and planned < 0:
        if not table.derived:
            finding = f"its checkpoint {checkpoint.path} is gone, so what was read already is not known"
            raise CheckpointError(table.title, finding, "restore a backup, or begin anew with `clickstream reset`")
        log.warning("%s: its checkpoint is gone; a new generation reads all of events", table.name)
        return next_checkpoint(lake, table.name)
    committed = checkpoint.committed()
    _refuse_strangers(lake, table, checkpoint, -1 if last is None else last, planned, committed)
    if table.derived and (lost := _missing_input(lake, checkpoint, planned, committed)):
        log.warning("%s: it was down for too long: %s; a new generation reads all of events", table.name, lost)
        return next_checkpoint(lake, table.name)
    if why := outdated_reason(table, lake, checkpoint):
        log.warning("%s: %s; a new generation reads all of events", table.name, why)
        return next_checkpoint(lake, table.name)
    return checkpoint


def require_unchanged_declarations(table: StreamingTable, lake: Lake) -> None:
    """Refuse what has been declared otherwise since the last run, as far as files tell it. No JVM.

    Raises:
        SettingsError: a column is declared with another type than the table has.
        CheckpointError: the table was read from another source, or something else that its checkpoint depends on is
            not as it was.
    """
    require_same_types(table, lake)
    require_unchanged(table, lake)


def require_matching_checkpoint(table: StreamingTable, lake: Lake) -> None:
    """Refuse a table made of ``events`` that declares something else than its checkpoint was made for. No JVM.

    Unless it begins a new generation anyway, for which nothing that was declared before counts.

    Raises:
        CheckpointError: names what has changed, with both values.
    """
    if not table.derived:
        return
    checkpoint = current_checkpoint(lake, table.name)
    try:
        require_declared(checkpoint, table)
    except CheckpointError:
        planned, committed = checkpoint.planned(), checkpoint.committed()
        begins_anew = (
            planned < 0
            or _missing_input(lake, checkpoint, planned, committed)
            or outdated_reason(table, lake, checkpoint)
        )
        if not begins_anew:
            raise


def sources_in_order(table: StreamingTable, lake: Lake) -> list[StreamingTable]:
    """A table with each of its sources, in their order; one with a batch that was killed half committed goes first."""
    if not table.further:
        return [*table.by_source()]
    names = [source.source_name for source in table.sources]
    cut = half_committed_batches(lake, table.name, table.names[1:], names)
    return sorted(table.by_source(), key=lambda each: each.offsets.source_name not in cut)


def _missing_input(lake: Lake, checkpoint: Checkpoint, planned: int, committed: int) -> str | None:
    """What is gone of the files and log of ``events`` that the next batch would read; None if all are there."""
    try:
        needed = needed_files(lake, checkpoint, planned, committed)
    except CheckpointError as gone:
        return gone.finding
    missing = next((path for path in needed if not (lake.events.path / path).exists()), None)
    return f"the file {missing} of events is gone" if missing else None


def needed_files(lake: Lake, checkpoint: Checkpoint, planned: int, committed: int) -> list[str]:
    """The files of ``events`` that the next batch of a checkpoint reads, relative to it. Some may have left the table.

    Args:
        lake: where ``events`` lies.
        checkpoint: of a table that is made of ``events``.
        planned: the newest batch that it has planned.
        committed: the newest batch that it has completed.

    Raises:
        CheckpointError: the log of a version that it has not read is gone.
    """
    done, interrupted = checkpoint.plan(committed), checkpoint.plan(planned) if planned > committed else None
    needed: list[str] = []
    if done:
        added = lake.events.log.added_files(next_version(done.end), lake.events.version() or 0)
        needed += [file.path for file in added]
    if interrupted:
        needed += lake.events.files(next_version(interrupted.end) - 1)
    return needed


def _refuse_strangers(
    lake: Lake, table: StreamingTable, checkpoint: Checkpoint, last: int, planned: int, committed: int
) -> None:
    missing = [n for n in range(last + 1, committed + 1) if _read_something(lake, table, checkpoint, n)]
    if last <= planned and not missing:
        return
    remedy = (
        f"run `clickstream rebuild {table.name}`"
        if table.derived
        else "restore a backup, which has both from one moment"
    )
    finding = (
        f"its last transaction is batch {last}, its checkpoint's last one {committed}: one was restored or replaced"
    )
    raise CheckpointError(table.title, finding, remedy)


def _read_something(lake: Lake, table: StreamingTable, checkpoint: Checkpoint, batch_id: int) -> bool:
    """Whether a batch had to commit something to the table."""
    plan = checkpoint.plan(batch_id)
    if plan is None or batch_id == 0:
        return True
    start = checkpoint.start(batch_id)
    if not table.derived:
        return start != plan.end
    return any(True for _ in lake.events.log.added_files(next_version(start), next_version(plan.end) - 1))
