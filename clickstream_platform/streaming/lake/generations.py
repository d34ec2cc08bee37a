"""The generations of a table's checkpoint: which of them serves, which would be next, which are left over.

The current generation is the one in the table's last transaction. A rebuild that was killed before its batch 0
committed has therefore changed nothing: the old generation still serves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clickstream_platform.files import remove_all
from clickstream_platform.source_list import MAIN
from clickstream_platform.streaming.checkpoint import Checkpoint, numbers_in
from clickstream_platform.streaming.lake.ledger import last_entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.store_lease import require_held


def checkpoint_of(lake: Lake, name: str, generation: int, source: str = MAIN) -> Checkpoint:
    """The checkpoint of one generation of a table."""
    return Checkpoint(lake.checkpoints(name, source) / str(generation), name, generation, source)


def current_checkpoint(lake: Lake, name: str, source: str = MAIN) -> Checkpoint:
    """The checkpoint that the table's last transaction, of a source, names; generation 1 before there is one.

    Args:
        lake: where the table lies.
        name: its name.
        source: of ``events``: the source.
    """
    entry = last_entry(lake.table(name))
    if entry is None or entry.source == source:
        return checkpoint_of(lake, name, entry.generation if entry else 1, source)
    # Its own last entry may be thousands back, but whether a generation has a transaction is one look.
    used = (
        checkpoint_of(lake, name, number, source)
        for number in sorted(_used_generations(lake, name, source), reverse=True)
    )
    table = lake.table(name)
    serving = next((each for each in used if table.transaction(each.app_id) is not None), None)
    return serving or checkpoint_of(lake, name, 1, source)


def next_checkpoint(lake: Lake, name: str) -> Checkpoint:
    """The checkpoint of a generation that nothing has used yet."""
    return checkpoint_of(
        lake, name, max([current_checkpoint(lake, name).generation, *_used_generations(lake, name)]) + 1
    )


def _used_generations(lake: Lake, name: str, source: str = MAIN) -> list[int]:
    return numbers_in(lake.checkpoints(name, source))


def checkpointed_sources(lake: Lake, name: str) -> list[str]:
    """The sources that a table has checkpoints of: ``main``, if it is one of them, then the others by name."""
    folder = lake.checkpoints(name)
    folders = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    others = [each for each in folders if not each.isdigit() and _used_generations(lake, name, each)]
    return [MAIN, *others] if any(each.isdigit() for each in folders) else others


def half_committed_batches(lake: Lake, name: str, beside: Sequence[str], among: Iterable[str]) -> dict[str, int]:
    """The batches of sources that were killed between their commits: rejected records are there, events are not.

    None as a rule. Until such a batch is complete, nothing else may add events: it would find other duplicates than
    when it rejected.

    Args:
        lake: where the tables lie.
        name: the table.
        beside: its side tables, which a batch commits first.
        among: the sources that are asked about.
    """
    cut: dict[str, int] = {}
    for source in among:
        checkpoint = current_checkpoint(lake, name, source)
        then, *first = (lake.table(each).transaction(checkpoint.app_id_in(each)) for each in (name, *beside))
        newest = max((each for each in first if each is not None), default=None)
        if newest is not None and newest > (-1 if then is None else then):
            cut[source] = newest
    return cut


def remove_superseded(lake: Lake, name: str) -> int:
    """Delete the generations that no longer serve, or never did: a rebuild was killed before its first commit.

    Call it under the table's lease. Returns how many there were.
    """
    serving = current_checkpoint(lake, name).generation
    superseded = [path for path in lake.checkpoints(name).glob("[0-9]*") if int(path.name) != serving]
    require_held(lake.root)
    for folder in superseded:
        remove_all(folder)
    return len(superseded)
