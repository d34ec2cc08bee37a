"""The folder in which a run stages records, of which each is written once and read once.

It is in the lake if that lies in a folder. With a lake on a store it is on this host, in the home; but if Spark's tasks
run on other hosts, it is on the store, where they and the driver both reach it.
"""

from __future__ import annotations

import glob
import os
import shutil
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from clickstream_platform.source_list import MAIN
from clickstream_platform.store.place import Place, StorePath, is_on_store
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.processes import is_pid_alive
from clickstream_platform.streaming.lake.store_lease import require_held


def staging_folder(lake: Lake, checkpoint: Checkpoint, run: str, *, on_one_machine: bool) -> Place:
    """Where the records of a source's batch are staged. One query at a time uses it: its run has the table's lease.

    Nothing ends the lease on a store for sure, so each process has a folder of its own then; on the store, each run.

    Args:
        lake: the lake.
        checkpoint: of the source.
        run: tells the run from any other.
        on_one_machine: whether Spark's tasks are threads of this machine.
    """
    name = "_staging" if checkpoint.source == MAIN else f"_staging-{checkpoint.source}"
    if not is_on_store(lake.root):
        return lake.root / name
    if not on_one_machine:
        return lake.root / name / run
    return lake.root.access.scratch / "_staging" / f"{socket.gethostname()}-{os.getpid()}" / name


@contextmanager
def write_file(folder: Place, name: str) -> Generator[IO[bytes]]:
    """A file to write to in the block, which lies in the folder under that name afterwards.

    On a store it is put there whole once the block ends, and not at all if that fails. Until then it is on this host's
    disk without a name, so that nothing of it is left however the process ends.
    """
    if not is_on_store(folder):
        with (folder / name).open("wb") as file:
            yield file
        return
    with TemporaryFile() as file:
        yield file
        file.seek(0)
        (folder / name).write(file)


def clear_staging(folder: Place, root: Place) -> None:
    """Delete what is staged there; and what runs or processes have staged elsewhere that are no more.

    Args:
        folder: as :func:`staging_folder` gives it.
        root: the lake's.

    Raises:
        TableBusyError: this process has lost its lease of a lake on a store.
    """
    if is_on_store(folder):
        require_held(root)
        _sweep_store(folder)
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder.parent)


def _sweep_store(own: StorePath) -> None:
    """Delete what this run has staged on the store, and what others have that had the lease before it.

    One that comes back after it has lost its lease deletes nothing of this run: whatever it lists is older.
    """
    for run in [*own.parent.iterdir(), own]:
        run.remove_all()


def _sweep(own: Path) -> None:
    """Delete what processes of this host have staged that are no more, if each has a folder of its own."""
    before = f"{socket.gethostname()}-"
    for other in own.parent.glob(f"{glob.escape(before)}*") if own.name.startswith(before) else ():
        pid = other.name.removeprefix(before)
        if pid.isdigit() and not is_pid_alive(int(pid)):
            shutil.rmtree(other, ignore_errors=True)
