"""``reset``: ``events`` begins anew, and with it all tables. What was there is set aside, and nothing is deleted."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from clickstream_platform.errors import ClickstreamError, SettingsError, SourceError
from clickstream_platform.files import move
from clickstream_platform.store.place import Place
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import layout
from clickstream_platform.streaming.lake.lease import lease_all
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.store_lease import require_held
from clickstream_platform.streaming.maintenance.proofs import read_proofs
from clickstream_platform.streaming.observe.lag import sum_lags
from clickstream_platform.wording import number_of

BEFORE = "_before"
COMMAND = "reset --yes"  # what a lake says in which it was stopped


@dataclass(frozen=True)
class ResetPreview:
    """What a reset would do.

    Attributes:
        rows: the rows of each table that would be set aside.
        to_read: what the first run would read then, in words; or why that cannot be told now.
        erasures: how many erasures there were. The source may still have those persons.
    """

    rows: dict[str, int]
    to_read: str
    erasures: int


def preview_reset(contracts: Sequence[StreamingTable], lake: Lake) -> ResetPreview:
    """Look what a reset would do. Changes nothing.

    Raises:
        SourceError: nothing was read yet.
    """
    rows = {name: lake.table(name).rows() for table in contracts for name in lake.existing(table.names)}
    if not rows and not layout.layout_of(lake).unfinished:
        raise SourceError("events", "nothing was read yet", "there is nothing to reset")
    return ResetPreview(rows, _to_read(contracts, lake), len(read_proofs(lake)))


def require_confirmed(preview: ResetPreview, lake: Lake, confirm: str) -> None:
    """Refuse a reset that was not confirmed with a word that stands for the lake as it is.

    After a reset the word is another one, so that nothing said once is a yes to the next. A reset that was stopped in
    its middle was confirmed, and goes on.

    Raises:
        SettingsError: says what would be done, and the word.
    """
    if layout.layout_of(lake).unfinished or confirm.strip() == (word := _word(preview, lake)):
        return
    rows = f"{number_of(sum(preview.rows.values()), 'row')} of {number_of(len(preview.rows), 'table')}"
    finding = f"nothing was done: {rows} would be set aside, and the next run would read"
    raise SettingsError("confirm", f"{finding} {preview.to_read}", f"to do it, set confirm to {word!r}")


def _word(preview: ResetPreview, lake: Lake) -> str:
    """The word that confirms a reset: part of the first table's Delta id, which a table begun anew does not have."""
    table = lake.table(next(iter(preview.rows))).open()
    assert table is not None
    return str(table.metadata().id)[:8]


def _to_read(contracts: Sequence[StreamingTable], lake: Lake) -> str:
    """What a run without any checkpoint would read."""
    events = next(table for table in contracts if not table.derived)
    nothing = Checkpoint(lake.checkpoints(events.name) / "none", events.name, 0)
    try:
        unread = sum_lags(source.unread(nothing, lake) for source in events.sources)
    except ClickstreamError as problem:
        return f"that cannot be told now ({problem})"
    return str(unread)


def reset(contracts: Sequence[StreamingTable], lake: Lake, *, run_id: str | None = None) -> Place:
    """Set all tables aside, with checkpoints and ledgers. Killed anywhere, do it again: until then nothing else begins.

    Proofs of erasures and the outbox stay.

    Returns:
        The folder where they are, a lake of its own.

    Raises:
        SourceError: nothing was read yet.
        TableBusyError: a run is at one of the tables and does not end within ten minutes.
    """
    preview_reset(contracts, lake)
    names = [name for table in contracts for name in table.names]
    with lease_all([table.name for table in contracts], lake, run_id or uuid.uuid4().hex[:12], finishing=COMMAND):
        aside = _folder(lake, goes_on=bool(layout.layout_of(lake).unfinished))
        layout.write_layout(Lake(aside), layout.Layout(layout.VERSION))
        layout.write_layout(lake, layout.Layout(layout.VERSION, unfinished=COMMAND))
        for name in names:
            require_held(lake.root)
            move(lake.table(name).path, aside / name)
            move(lake.root / "_ledger" / name, aside / "_ledger" / name)
            for each in lake.checkpoints(name).glob("*"):
                if each.name != "lease":
                    move(each, Lake(aside).checkpoints(name) / each.name)
        layout.write_layout(lake, layout.Layout(layout.VERSION))
    return aside


def _folder(lake: Lake, *, goes_on: bool) -> Place:
    """Where to: the newest folder, for a reset that goes on; else one of its own, named by the time."""
    if goes_on:
        return max(_set_aside(lake).iterdir(), key=lambda folder: folder.name)
    now = datetime.now(timezone.utc)
    return _set_aside(lake) / f"{now:%Y-%m-%dT%H-%M-%S.%fZ}"


def _set_aside(lake: Lake) -> Place:
    return lake.root / BEFORE
