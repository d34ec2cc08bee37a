"""Declared columns, and records that are read with them, for the tests of contracts."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from clickstream_platform.events.contract.model import Contract, DeclaredColumn
from clickstream_platform.events.parsing import read_records
from clickstream_platform.events.rules import Rules

NOW = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)


def declared(name: str = "x", kind: str = "text", **said: Any) -> DeclaredColumn:
    return DeclaredColumn(name, kind, paths=(name,), **said)


def rules_of(*columns: DeclaredColumn) -> Rules:
    return Rules(("purchase", "click"), timedelta(hours=1), 10_000, contract=Contract("t", columns))


def read(records: list[bytes], rules: Rules) -> list[dict[str, Any]]:
    arrived = pa.array([NOW] * len(records), pa.timestamp("us", "UTC"))
    return read_records(pa.array(records), arrived, pa.nulls(len(records), pa.binary()), rules).to_pylist()


def event(**fields: Any) -> bytes:
    said = {"user_id": "u", "event_type": "click", "timestamp": "2024-03-01T10:00:00Z", **fields}
    return json.dumps(said).encode()


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-1000, max_value=1000, places=3).map(float),
    st.sampled_from(["", " ", "a", "abc", "7", "7.0", "1e2", "true", "007", "0.125", "[]", '[{"a":1}]', "2024-03-01"]),
    st.lists(st.dictionaries(st.sampled_from("ab"), st.integers()), max_size=2),
    st.dictionaries(st.sampled_from("ab"), st.integers(), max_size=1),
)
