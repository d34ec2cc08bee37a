"""Migrations: how a lake of an older layout becomes one of the next, function by function.

The lease calls them before anybody writes (:mod:`.lease`), with the leases of all tables held. A new one is a function,
its line in :data:`MIGRATIONS`, a higher :data:`.layout.VERSION`, and a test. Each must hold:

- Done twice, or killed anywhere and done again, it leaves what it leaves when done once.
- It reads no data file and starts no JVM: a run waits for it.
- Code that only reads, as ``status`` does, understands the lake before it and after it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from clickstream_platform.files import rename
from clickstream_platform.streaming.checkpoint import INITIAL_WATERMARK
from clickstream_platform.streaming.lake import layout
from clickstream_platform.streaming.lake.places import Lake

log = logging.getLogger(__name__)

Migration = Callable[[Lake], None]


def name_the_initial_watermark(lake: Lake) -> None:
    """To layout 2: how far batch 0 of a processor goes is in a file that says so, no longer in ``head_start_ms``."""
    for file in (lake.root / "_checkpoints").glob("*/*/head_start_ms"):
        rename(file, INITIAL_WATERMARK)


MIGRATIONS: dict[int, Migration] = {2: name_the_initial_watermark}  # by the layout that each leads to


def migrate(lake: Lake) -> list[int]:
    """Bring a lake to this program's layout. Call it with the leases of all tables; killed anywhere, call it again.

    Returns:
        The layouts that it was brought to, one after another.

    Raises:
        LayoutError: as :func:`.layout.require_layout`.
    """
    before = layout.require_layout(lake).version
    steps = list(range(before + 1, layout.VERSION + 1))
    for step in steps:
        MIGRATIONS[step](lake)
        layout.write_layout(lake, layout.Layout(step))
        log.info("%s: brought to layout %s", lake.root, step)
    return steps
