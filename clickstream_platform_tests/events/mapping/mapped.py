"""The least that a mapping says, and what a record becomes by a mapping."""

from __future__ import annotations

import json
from typing import Any

from clickstream_platform.events.json_record import ParsedRecord
from clickstream_platform.events.mapping.model import COLUMNS, Mapping
from clickstream_platform.events.mapping.reader import record_reader

LEAST = """
[columns]
user_id = "who"
timestamp = "at"
event_type = "what"
"""


def by(mapping: Mapping, record: Any) -> ParsedRecord:
    return record_reader(mapping)(record if isinstance(record, bytes) else json.dumps(record).encode())


def columns(read: ParsedRecord) -> dict[str, str]:
    return {name: text for name, text in zip(COLUMNS, read.texts, strict=True) if text is not None}
