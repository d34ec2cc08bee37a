"""What the actions of one commit in a Delta log say to those who read the table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

GAVE_WAY = "gave_way"  # begins the application ids of commits by which events give way to earlier copies


@dataclass(frozen=True)
class AddedFile:
    """A data file that one commit added, as the commit describes it."""

    path: str
    rows: int
    min_timestamp: datetime | None  # None: no statistics, so it may hold any time


def is_read_by_others(actions: list[dict[str, Any]]) -> bool:
    """Whether a commit has something for the tables that are made of this one."""
    gave_way = any("txn" in each and each["txn"]["appId"].startswith(f"{GAVE_WAY}/") for each in actions)
    return gave_way or any(file.rows for file in files_added_by(actions))


def files_added_by(actions: list[dict[str, Any]]) -> list[AddedFile]:
    """The files that a commit added, as long as it removed none: that is what a stream reads of it."""
    if any("remove" in each and each["remove"].get("dataChange", True) for each in actions):
        return []
    return [_added(each["add"]) for each in actions if "add" in each and each["add"].get("dataChange", True)]


def _added(add: dict[str, Any]) -> AddedFile:
    stats = json.loads(add.get("stats") or "{}")
    minimum = stats.get("minValues", {}).get("timestamp")
    return AddedFile(
        path=unquote(add["path"]),
        rows=stats.get("numRecords", 0),
        min_timestamp=datetime.fromisoformat(minimum.replace("Z", "+00:00")) if minimum else None,
    )
