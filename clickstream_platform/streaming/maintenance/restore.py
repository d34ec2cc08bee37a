"""``restore``: a backup becomes the lake of a home that has none. Plain files, no JVM."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

from clickstream_platform.errors import BackupError, LayoutError
from clickstream_platform.store.place import Place, is_on_store
from clickstream_platform.streaming.lake import layout
from clickstream_platform.streaming.lake.lease import lease_all
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.maintenance.copying import (
    TREE,
    Backup,
    CopiedFile,
    copy_file,
    has_file_of_size,
    measure_file,
    translate_write_errors,
)
from clickstream_platform.streaming.sources.files.manifest import FOLDER, restore_time_order
from clickstream_platform.wording import number_of


def verify_backup(folder: Path) -> Backup:
    """A backup of which every file is as it was copied. Reads all of it.

    Raises:
        BackupError: it is none, or files are missing or damaged; names them.
        LayoutError: it is of a newer version of this program.
    """
    backup = Backup.read(folder)
    if backup.layout > layout.VERSION:
        by = f"clickstream {backup.program}"
        finding = f"it has layout {backup.layout}, made by {by}; this program knows layout {layout.VERSION}"
        raise LayoutError(str(folder), finding, "update this program, or take an older backup")
    if damaged := list(_damaged(backup, folder / TREE)):
        named = ", ".join(damaged[:3]) + (f" and {len(damaged) - 3:,} more" if len(damaged) > 3 else "")
        finding = f"of {number_of(len(backup.files), 'file')}, {len(damaged):,} not as they were copied: {named}"
        raise BackupError(str(folder), finding, "take another backup; nothing was restored of this one")
    return backup


def _damaged(backup: Backup, tree: Path) -> Iterator[str]:
    for name, expected in backup.files.items():
        if not has_file_of_size(tree / name, expected.bytes):
            yield f"{name} (missing or of another size)"
        elif measure_file(tree / name) != expected:
            yield name


def restore_command(folder: Path) -> str:
    """The command that restores it, without ``clickstream``: what a lake says that is not restored wholly yet."""
    return f"restore {folder.absolute()}"


def restore(folder: Path, lake: Lake) -> Backup:
    """Put a backup where there is no lake. Killed anywhere, do it again; nothing else may use the lake until then.

    The next run goes on where the lake was when the backup was made, if its source still has what came later.

    Raises:
        BackupError: there is a lake, or something else; or the backup is damaged.
        LayoutError: the backup is of a newer version of this program.
        TableBusyError: another restore is at it.
    """
    require(folder, lake)
    backup, unfinished = verify_backup(folder), restore_command(folder)
    with translate_write_errors(lake.root):
        layout.write_layout(lake, layout.Layout(layout.VERSION, unfinished=unfinished))
        with lease_all(["events"], lake, uuid.uuid4().hex[:12], finishing=unfinished):
            for name, expected in backup.files.items():
                if name != layout.FILE:  # which says until the end that the lake is not restored wholly
                    _restore_file(folder / TREE / name, lake.root / name, expected)
            for depth in ("*/*", "*/*/*"):  # that of the first source, and of further ones
                for manifests in (lake.root / "_checkpoints").glob(f"{depth}/{FOLDER}"):
                    restore_time_order(manifests)
            layout.write_layout(lake, layout.Layout(backup.layout))  # the next lease brings an older one up
    return backup


def _restore_file(source: Path, target: Place, expected: CopiedFile) -> None:
    """Copy a file to its place, unless an attempt before has done so."""
    if has_file_of_size(target, expected.bytes) and measure_file(target) == expected:
        return
    if copy_file(source, target) != expected:
        raise BackupError(str(source), "it changed while it was restored", "give the command again")


def require(folder: Path, lake: Lake) -> None:
    """Refuse what is no backup, and a lake that is there, unless this command was stopped while it put it there.

    Raises:
        BackupError: names what is in the way.
    """
    Backup.read(folder)
    names = sorted(path.name for path in lake.root.iterdir()) if lake.root.is_dir() else []
    if names and layout.layout_of(lake).unfinished != restore_command(folder):
        tables = lake.names()
        finding = (
            f"there is a lake already, with {number_of(len(tables), 'table')}"
            if tables
            else f"it is not empty: {names[0]}"
        )
        remedy = "move it away first, or set CLICKSTREAM_LAKE (or CLICKSTREAM_HOME) to another folder"
        raise BackupError(str(lake.root), finding, remedy)
    if not is_on_store(lake.root) and lake.root.resolve().is_relative_to(folder.resolve()):
        raise BackupError(str(lake.root), "it lies in the backup itself", "set CLICKSTREAM_HOME to another folder")
