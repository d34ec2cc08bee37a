"""``maintain``: what a lake needs as it grows old. Files only, no JVM.

Of each table, under its lease: the ledger is rolled up, before Delta's log is cleaned; small files are joined; files
and log that no reader needs any more are deleted; so are checkpoints of generations that no longer serve.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from math import ceil
from pathlib import Path

from deltalake import DeltaTable

from clickstream_platform.streaming.checkpoint import next_version
from clickstream_platform.streaming.contract.side_tables import LATE_EVENTS, QUARANTINE
from clickstream_platform.streaming.contract.sink import Upsert
from clickstream_platform.streaming.contract.state import Processor
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.lease import all_leased
from clickstream_platform.streaming.lake.ledger import roll_up
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.writer import APPENDED_FILE, UPSERTED_FILE

FILES_KEPT = timedelta(days=7)  # Delta's default: a reader of an older version has so long to end
LOG_KEPT = timedelta(days=30)  # Delta's default: so long a version can be read, as far as its files are there


@dataclass(frozen=True)
class Maintained:
    """What was done to one table.

    Attributes:
        table: the table's name.
        rolled_up: lines of the ledger that now lie outside of Delta's log as well.
        joined: small files that were joined into larger ones.
        deleted: files that no version within :data:`FILES_KEPT` needs.
        cleaned: commits whose log was deleted.
        generations: checkpoints that no longer served.
        held_back_by: the table that is behind, for whose sake older files of ``events`` stay; None if none.
    """

    table: str
    rolled_up: int
    joined: int
    deleted: int
    cleaned: int
    generations: int
    held_back_by: str | None = None


def maintain(contracts: Sequence[StreamingTable], lake: Lake, *, run_id: str | None = None) -> list[Maintained]:
    """Maintain every table that exists, with it what the same batches write. Killed anywhere, run it again.

    Raises:
        TableBusyError: a run is at a table and does not end within ten minutes.
    """
    run_id, now = run_id or uuid.uuid4().hex[:12], datetime.now(timezone.utc)
    done: list[Maintained] = []
    for table in contracts:
        if lake.table(table.name).exists:
            with all_leased([table.name], lake, run_id):
                names = [table.name, *_beside(table)]
                done += [_maintain(name, table, contracts, lake, now) for name in names]
    return done


def _beside(table: StreamingTable) -> list[str]:
    """The table that the same batches write."""
    if not table.derived:
        return [QUARANTINE]
    return [LATE_EVENTS] if isinstance(table.state, Processor) else []


def _maintain(
    name: str, table: StreamingTable, contracts: Sequence[StreamingTable], lake: Lake, now: datetime
) -> Maintained:
    need = _need(contracts, lake, now) if name == "events" else _Need(now, now)
    files_kept, log_kept = max(FILES_KEPT, now - need.files_since), max(LOG_KEPT, now - need.log_since)
    rolled_up = roll_up(lake.table(name))
    held = DeltaTable(str(lake.table(name).path))
    size = UPSERTED_FILE if isinstance(table.sink, Upsert) else APPENDED_FILE
    return Maintained(
        table=name,
        rolled_up=rolled_up,
        joined=held.optimize.compact(target_size=size)["numFilesRemoved"],
        deleted=_vacuum(held, files_kept),
        cleaned=_clean(held) if log_kept == LOG_KEPT else 0,
        generations=generations.remove_superseded(lake, name),
        held_back_by=need.table if files_kept > FILES_KEPT else None,
    )


def _vacuum(held: DeltaTable, kept: timedelta) -> int:
    """Delete files that left the table longer ago than that, and what killed runs wrote but never committed."""
    vacuum = partial(
        held.vacuum, retention_hours=ceil(kept / timedelta(hours=1)), full=True, enforce_retention_duration=False
    )
    # A vacuum that deletes nothing would make two versions all the same.
    return len(vacuum(dry_run=False)) if vacuum(dry_run=True) else 0


def _clean(held: DeltaTable) -> int:
    log = Path(held.table_uri.removeprefix("file://")) / "_delta_log"
    before = len(list(log.glob("*.json")))
    held.cleanup_metadata()
    return before - len(list(log.glob("*.json")))


@dataclass(frozen=True)
class _Need:
    """Since when files and log of ``events`` are needed by the table that is furthest behind."""

    files_since: datetime
    log_since: datetime
    table: str | None = None


def _need(contracts: Sequence[StreamingTable], lake: Lake, now: datetime) -> _Need:
    """A table needs the log from its next offset on, and the files from the first commit that adds events.

    A table without a checkpoint needs neither: its first batch reads ``events`` as it is then.
    """
    needs = [_Need(now, now)]
    for table in contracts:
        checkpoint = generations.current(lake, table.name)
        plan = checkpoint.plan(checkpoint.committed())
        if table.derived and plan:
            version = next_version(plan.end)
            unread = lake.events.same_rows_until(version - 1) + 1
            files, log = (lake.events.committed_at(each) or now for each in (unread, version))
            needs.append(_Need(files, log, table.name))
    return min(needs, key=lambda need: (need.files_since, need.log_since))
