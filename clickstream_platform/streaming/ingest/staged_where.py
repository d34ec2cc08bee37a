"""The folder in which a run stages records. It is always on this host, as each is written once and read once."""

from __future__ import annotations

import glob
import os
import shutil
import socket
from pathlib import Path

from clickstream_platform.source_list import MAIN
from clickstream_platform.store.place import is_on_store
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.processes import is_alive


def folder_of(lake: Lake, checkpoint: Checkpoint) -> Path:
    """Where the records of a source's batch are staged. One query at a time uses it: its run has the table's lease.

    Nothing ends the lease on a store for sure, so each process has a folder of its own there.
    """
    name = "_staging" if checkpoint.source == MAIN else f"_staging-{checkpoint.source}"
    if not is_on_store(lake.root):
        return lake.root / name
    return lake.root.access.scratch / "_staging" / f"{socket.gethostname()}-{os.getpid()}" / name


def clear(folder: Path) -> None:
    """Delete what is staged there; and what processes have staged elsewhere that are no more."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder.parent)


def _sweep(own: Path) -> None:
    """Delete what processes of this host have staged that are no more, if each has a folder of its own."""
    before = f"{socket.gethostname()}-"
    for other in own.parent.glob(f"{glob.escape(before)}*") if own.name.startswith(before) else ():
        pid = other.name.removeprefix(before)
        if pid.isdigit() and not is_alive(int(pid)):
            shutil.rmtree(other, ignore_errors=True)
