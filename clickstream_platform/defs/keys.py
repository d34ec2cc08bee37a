"""The names of assets and pools in Dagster."""

from __future__ import annotations

import dagster as dg

from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.sources.source import Source

REFRESH, VALIDATE, REBUILD, REPORT = "refresh", "validate", "rebuild", "report"
VERIFY, REPLAY, FILL, FORGET, MAINTAIN = "verify", "replay", "fill", "forget", "maintain"
BACKUP, RESTORE, RESET = "backup", "restore", "reset"
DAILY_REPORT = "daily_report"  # an asset


def input_key(source: Source) -> dg.AssetKey:
    """The asset that a table reads."""
    return dg.AssetKey(source.asset)


def input_keys(table: StreamingTable) -> list[dg.AssetKey]:
    """The assets that a table reads: one a source."""
    return [input_key(source) for source in table.sources]


def pool(table: StreamingTable) -> str:
    """The pool of a table's checkpoint: one slot, so one run at a time."""
    return f"checkpoint/{table.name}"
