"""What a caller may want to hear of a run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.store_lease import require_held

if TYPE_CHECKING:
    from clickstream_platform.streaming.batches.micro_batch import Notify

log = logging.getLogger(__name__)


def log_new_rows(table: StreamingTable, rows: list[dict[str, Any]]) -> None:
    """The default ``notify`` hook: one warning a row."""
    for row in rows:
        log.warning("%s: %s", table.name, ", ".join(f"{name}={value}" for name, value in row.items()))


@dataclass
class Hooks:
    """What a caller may want to hear while a run is on.

    Attributes:
        notify: new rows of a table that announces them, at least once each, before their commit.
        committed: each batch's entry, right after its commit.
        ended: the table, after a run of it that ended well: its lease is free again. In a stream, which does not end,
            after each commit of a table that announces its rows: all that it announced is in the table.
        forgotten: the user id, once a person has left every table; whoever keeps rows elsewhere deletes theirs.
    """

    notify: Notify = log_new_rows
    committed: Callable[[Entry], None] = field(default=lambda entry: None)
    ended: Callable[[StreamingTable], None] = field(default=lambda table: None)
    forgotten: Callable[[str], None] = field(default=lambda user_id: None)


def notify_if_lease_held(notify: Notify, lake: Lake) -> Notify:
    """The hook, silenced once this process has lost a lease: then the new holder announces the rows."""

    def asked(table: StreamingTable, rows: list[dict[str, Any]]) -> None:
        require_held(lake.root)
        notify(table, rows)

    return asked
