"""Records of a producer, read by its preset."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa

from clickstream_platform.events.parsing import read_records
from clickstream_platform.events.rules import Rules
from clickstream_platform.settings import Settings
from clickstream_platform.tables.events import rules_from

ARRIVED = datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(days=365 * 500)  # all of them lie before


def rules(name: str, contract: str = "") -> Rules:
    return rules_from(Settings(mapping=name, contract=contract))


def come_of(name: str, records: list[Any], contract: str = "") -> list[dict[str, Any]]:
    """What becomes of some records."""
    values = [(each if isinstance(each, str) else json.dumps(each)).encode() for each in records]
    at = pa.array([ARRIVED] * len(values), pa.timestamp("us", "UTC"))
    ids = pa.nulls(len(values), pa.binary())
    return read_records(pa.array(values, pa.binary()), at, ids, rules(name, contract)).to_pylist()
