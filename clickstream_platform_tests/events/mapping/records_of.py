"""Records of producers and of nobody known, and files of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clickstream_platform_tests.events.mapping.producers.all_of_them import PRODUCERS

UNKNOWN = {"visitor": {"uid": "u1"}, "ts": 1709287200, "action": "open", "location": {"url": "/x"}}
OWN = {"user_id": "u", "timestamp": "2024-03-01T10:00:00Z", "event_type": "click"}


def lines_of(name: str) -> list[str]:
    rows: Any = PRODUCERS[name].ROWS
    return [each if isinstance(each, str) else json.dumps(each) for each, _ in rows]


def file_of(folder: Path, *records: Any, name: str = "events.json") -> Path:
    file = folder / name
    lines = [each if isinstance(each, str) else json.dumps(each) for each in records]
    file.write_text("".join(f"{line}\n" for line in lines))
    return file
