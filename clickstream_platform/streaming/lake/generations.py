"""Which checkpoint a run goes on from, and whether it may.

The current generation is the one in the table's last transaction. A rebuild that was killed before its batch 0
committed has therefore changed nothing: the old generation still serves.
"""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING

from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.lake.ledger import last_entry
from clickstream_platform.streaming.lake.places import Lake

if TYPE_CHECKING:
    pass

log = logging.getLogger(__name__)


def checkpoint_of(lake: Lake, name: str, generation: int) -> Checkpoint:
    """The checkpoint of one generation of a table."""
    return Checkpoint(lake.checkpoints(name) / str(generation), name, generation)


def current(lake: Lake, name: str) -> Checkpoint:
    """The checkpoint that the table's last transaction names; generation 1 before there is one."""
    entry = last_entry(lake.table(name))
    return checkpoint_of(lake, name, entry.generation if entry else 1)


def following(lake: Lake, name: str) -> Checkpoint:
    """The checkpoint of a generation that nothing has used yet."""
    folder = lake.checkpoints(name)
    used = [int(path.name) for path in folder.iterdir() if path.name.isdigit()] if folder.is_dir() else []
    return checkpoint_of(lake, name, max([current(lake, name).generation, *used]) + 1)


def remove_superseded(lake: Lake, name: str) -> int:
    """Delete the generations that no longer serve, or never did: a rebuild was killed before its first commit.

    Call it under the table's lease. Returns how many there were.
    """
    serving = current(lake, name).generation
    superseded = [path for path in lake.checkpoints(name).glob("[0-9]*") if int(path.name) != serving]
    for folder in superseded:
        shutil.rmtree(folder)
    return len(superseded)
