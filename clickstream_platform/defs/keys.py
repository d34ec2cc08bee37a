"""How things are called in Dagster."""

from __future__ import annotations

import re

import dagster as dg

from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.sources.delta import FromTable
from clickstream_platform.streaming.sources.files.source import FileSource
from clickstream_platform.streaming.sources.named import Offsets

REFRESH, VALIDATE, REBUILD, REPORT = "refresh", "validate", "rebuild", "report"
VERIFY, REPLAY, FORGET, MAINTAIN = "verify", "replay", "forget", "maintain"
DAILY_REPORT = "daily_report"  # an asset


def input_key(offsets: Offsets) -> dg.AssetKey:
    """The asset that a table reads."""
    if isinstance(offsets, FromTable):
        return dg.AssetKey(offsets.name)
    if isinstance(offsets, FileSource):
        return dg.AssetKey("landing")
    return dg.AssetKey(["kafka", re.sub(r"[^\w.-]", "_", offsets.topics)])  # Dagster selects assets by such signs


def pool(table: StreamingTable) -> str:
    """The pool of a table's checkpoint: one slot, so one run at a time."""
    return f"checkpoint/{table.name}"
