"""``maintain``: what a lake needs as it grows old. Files only, no JVM.

Of each table, under its lease: the ledger is rolled up, before Delta's log is cleaned; small files are joined; files
and log that no reader needs any more are deleted; so are checkpoints of generations that no longer serve.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from clickstream_platform.streaming.checkpoint import next_version
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations, upkeep
from clickstream_platform.streaming.lake.lease import lease_all
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.roll_up import roll_up

FILES_KEPT = timedelta(days=7)  # Delta's default: a reader of an older version has so long to end
LOG_KEPT = timedelta(days=30)  # Delta's default: so long a version can be read, as far as its files are there


@dataclass(frozen=True)
class MaintenanceReport:
    """What was done to one table.

    Attributes:
        table: the table's name.
        rolled_up: lines of the ledger that now lie outside of Delta's log as well.
        joined: small files that were joined into larger ones.
        deleted: files that no version within the window of files needs.
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


def maintain(
    contracts: Sequence[StreamingTable],
    lake: Lake,
    *,
    files_kept: timedelta | None = None,
    log_kept: timedelta | None = None,
    run_id: str | None = None,
) -> list[MaintenanceReport]:
    """Maintain every table that exists, with it what the same batches write. Killed anywhere, run it again.

    Args:
        contracts: all tables.
        lake: where they lie.
        files_kept: how long files stay after they left a table; :data:`FILES_KEPT`, if not given.
        log_kept: how far back the log goes; :data:`LOG_KEPT`, if not given.
        run_id: the run's name in the leases; made up if not given.

    Raises:
        TableBusyError: a run is at a table and does not end within ten minutes.
    """
    run_id, now = run_id or uuid.uuid4().hex[:12], datetime.now(timezone.utc)
    windows = _Windows(files_kept or FILES_KEPT, log_kept or LOG_KEPT)
    reports: list[MaintenanceReport] = []
    for table in contracts:
        if lake.table(table.name).exists:
            with lease_all([table.name], lake, run_id):
                names = lake.existing(table.names)
                reports += [_maintain(name, table, contracts, lake, now, windows) for name in names]
    return reports


@dataclass(frozen=True)
class _Windows:
    """How long files and log are kept that no table needs."""

    files: timedelta
    log: timedelta


def _maintain(
    name: str,
    table: StreamingTable,
    contracts: Sequence[StreamingTable],
    lake: Lake,
    now: datetime,
    windows: _Windows,
) -> MaintenanceReport:
    need = _need(contracts, lake, now) if name == "events" else _Need(now, now)
    files_kept, log_kept = max(windows.files, now - need.files_since), max(windows.log, now - need.log_since)
    rolled_up = roll_up(lake.table(name))
    path, size = lake.table(name).path, table.sink.file_size
    return MaintenanceReport(
        table=name,
        rolled_up=rolled_up,
        joined=upkeep.compact(path, size),
        deleted=upkeep.vacuum(path, files_kept),
        cleaned=upkeep.clean_log(path, windows.log) if log_kept == windows.log else 0,
        generations=generations.remove_superseded(lake, name),
        held_back_by=need.table if files_kept > windows.files else None,
    )


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
        checkpoint = generations.current_checkpoint(lake, table.name)
        plan = checkpoint.plan(checkpoint.committed())
        if table.derived and plan:
            version = next_version(plan.end)
            unread = lake.events.log.same_rows_until(version - 1) + 1
            files, log = (lake.events.log.committed_at(each) or now for each in (unread, version))
            needs.append(_Need(files, log, table.name))
    return min(needs, key=lambda need: (need.files_since, need.log_since))
