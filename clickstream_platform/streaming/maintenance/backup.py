"""``backup``: a copy of the lake as it stood at one moment, at which no run was on. Plain files, no JVM.

The moment: the leases of all tables are held, so every table, its checkpoint and its ledger are from the same instant,
as a kill at that instant would have left them; an engine that goes on after any kill goes on from the copy. Under the
leases only what changes is copied: logs, checkpoints, what begins with ``_``. Data files never change, and stay for
days after they have left a table: they are copied afterwards, while runs go on.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from clickstream_platform.errors import BackupError, CheckpointError, DamageError
from clickstream_platform.files import name_within, write_whole
from clickstream_platform.store.place import Place, size_of
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations, layout
from clickstream_platform.streaming.lake.delta import REMAKE
from clickstream_platform.streaming.lake.lease import lease_all
from clickstream_platform.streaming.lake.ledger import last_entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.maintenance.copying import (
    LIST,
    TREE,
    Backup,
    CopiedFile,
    are_nested,
    copy_database,
    copy_file,
    has_file_of_size,
    locked_backup_folder,
    measure_file,
    translate_write_errors,
)
from clickstream_platform.streaming.maintenance.reset import BEFORE
from clickstream_platform.streaming.runtime.admission import needed_files
from clickstream_platform.wording import iso

UNFINISHED = "unfinished.json"  # of a backup that is being made: which lake it is of
LEFT_OUT = ("_staging", "_spark-warehouse", BEFORE)  # and what begins so: of one batch, of Spark, of lakes set aside
_LEASE = "lease"


class WrittenBackup(NamedTuple):
    """A backup that was just written.

    Attributes:
        backup: what it holds.
        copied_before: how many of its files an earlier attempt had copied.
    """

    backup: Backup
    copied_before: int


def backup(
    contracts: Sequence[StreamingTable], lake: Lake, folder: Path, *, run_id: str | None = None
) -> WrittenBackup:
    """Copy the lake to a folder. Killed anywhere, do it again: data files that are there are not copied again.

    Waits up to ten minutes for each run that is on, holds the leases while the small files are copied, and lets runs
    go on while the large ones are.

    Args:
        contracts: all tables.
        lake: what is copied. Tables of others in its folder are, too.
        folder: where to; it must be empty, or hold a backup of this lake that was not finished.
        run_id: the run's name in the leases; made up if not given.

    Raises:
        BackupError: the folder is not empty, cannot be written to, or is being written to by another backup; or the
            lake has nothing to be copied.
        CheckpointError: a data file of a table is gone.
        TableBusyError: a run is at one of the tables and does not end within ten minutes.
    """
    require_backup(lake, folder)
    with translate_write_errors(folder), locked_backup_folder(folder):
        require_backup(lake, folder)  # another one may have ended just now
        write_whole(folder / UNFINISHED, json.dumps({"lake": str(lake.root)}))
        with lease_all([table.name for table in contracts], lake, run_id or uuid.uuid4().hex[:12]):
            begun = datetime.now(timezone.utc)
            versions = {name: lake.table(name).version() or 0 for name in lake.names()}
            rows = {name: lake.table(name).rows() for name in versions}
            data = [path for name in versions for path in _data_files(lake, name, contracts)]
            small = _copy_small(lake, folder / TREE, list(versions))
        files, copied_before = _copy_data(lake, folder / TREE, data)
        _remove_others(folder / TREE, small.keys() | files.keys())
        made = Backup(
            layout=layout.VERSION,
            program=layout.program_version(),
            made_at=iso(begun.timestamp() * 1000, "seconds"),
            lake=str(lake.root),
            versions=versions,
            rows=rows,
            files=dict(sorted((small | files).items())),
        )
        made.write(folder)
        (folder / UNFINISHED).unlink()
    return WrittenBackup(made, copied_before)


def require_backup(lake: Lake, folder: Path, sources: Iterable[str] = ()) -> None:
    """Raise what :func:`backup` raises of the two folders, before anything is waited for.

    Args:
        lake: what is to be copied.
        folder: where to.
        sources: the folders or addresses that the lake is read from, in none of which the backup may lie.
    """
    landing = [Path(url).resolve() for url in sources if "://" not in url]
    if any(folder.resolve().is_relative_to(each) for each in landing):
        finding = "it lies in the landing folder: its files would be read as events"
        raise BackupError(str(folder), finding, "choose a folder elsewhere")
    if not lake.names():
        raise BackupError(str(lake.root), "there is no table in it", "set CLICKSTREAM_HOME or CLICKSTREAM_LAKE")
    if are_nested(lake.root, folder):
        raise BackupError(str(folder), "the lake and its backup would lie in each other", "choose a folder elsewhere")
    if not folder.exists():
        return
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else [""]
    if LIST in names:
        raise BackupError(str(folder), "there is a backup in it already", "choose a folder of its own for each")
    if UNFINISHED not in names and names:
        raise BackupError(str(folder), "it is not an empty folder", "choose another")
    if names and json.loads((folder / UNFINISHED).read_text())["lake"] != str(lake.root):
        raise BackupError(str(folder), "it has half a backup of another lake", "choose another folder, or delete it")


def _data_files(lake: Lake, name: str, contracts: Sequence[StreamingTable]) -> Iterator[str]:
    """The data files of a table, relative to the lake; of ``events`` also those that other tables have still to read.

    Raises:
        DamageError: one that the table is made of is not there.
    """
    table = lake.table(name)
    files = table.files()
    if gone := next((file for file in files if not (table.path / file).is_file()), None):
        raise DamageError(name, f"the data file {gone} is gone", REMAKE)
    needed = set(files)
    for contract in contracts if name == "events" else ():
        if contract.derived:
            needed.update(file for file in _read_by(contract, lake) if (table.path / file).is_file())
    yield from (f"{name}/{file}" for file in sorted(needed))


def _read_by(table: StreamingTable, lake: Lake) -> Iterator[str]:
    """The files of ``events`` that a table has to read, or is compared with; none of what can no longer be read."""
    checkpoint = generations.current_checkpoint(lake, table.name)
    with suppress(CheckpointError):
        yield from needed_files(lake, checkpoint, checkpoint.planned(), checkpoint.committed())
    if entry := last_entry(lake.table(table.name)):
        with suppress(CheckpointError, DamageError):
            yield from lake.events.files(lake.events.log.same_rows_until(entry.events_version))


def _copy_small(lake: Lake, to: Path, tables: Sequence[str]) -> dict[str, CopiedFile]:
    """Copy what changes: all of it anew, as an earlier attempt has copied another moment."""
    copied: dict[str, CopiedFile] = {}
    roots = [path for path in lake.root.iterdir() if path.name.startswith("_") and not path.name.startswith(LEFT_OUT)]
    for root in sorted([*roots, *(lake.table(name).path / "_delta_log" for name in tables)], key=str):
        shutil.rmtree(to / name_within(root, lake.root), ignore_errors=True)
        for file in _files_of(root):
            name = name_within(file, lake.root)
            copy = copy_database if file.suffix == ".sqlite" else copy_file
            copied[name] = copy(file, to / name)
    return copied


def _files_of(root: Place) -> list[Place]:
    if root.is_file():
        return [] if root.suffix in (".sqlite-journal", ".sqlite-wal", ".sqlite-shm") else [root]
    return sorted((file for file in root.rglob("*") if file.is_file() and file.name != _LEASE), key=str)


def _copy_data(lake: Lake, to: Path, data: Sequence[str]) -> tuple[dict[str, CopiedFile], int]:
    """Copy the data files that are not there. Their names are never used twice. Returns how many were there, too."""
    copied, copied_before = dict[str, CopiedFile](), 0
    for name in data:
        source, target = lake.root / name, to / name
        try:
            is_there = has_file_of_size(target, size_of(source))
            copied[name] = measure_file(target) if is_there else copy_file(source, target)
        except FileNotFoundError as gone:
            finding, remedy = f"{name} was deleted while the lake was copied", "give the command again"
            raise BackupError(str(lake.root), finding, remedy) from gone
        copied_before += is_there
    return copied, copied_before


def _remove_others(tree: Path, names: set[str]) -> None:
    """Delete what an earlier attempt has copied and the lake no longer has."""
    for file in tree.rglob("*"):
        if file.is_file() and file.relative_to(tree).as_posix() not in names:
            file.unlink()
