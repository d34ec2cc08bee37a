"""Records as a registry's serializers write them, and how they are read."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import fastavro
import pyarrow as pa

from clickstream_platform.events.opening import open_records
from clickstream_platform.events.parsing import read_events
from clickstream_platform.events.registry.model import Registry
from clickstream_platform.events.rules import Rules
from clickstream_platform_tests.schema_registry import SchemaRegistry, framed

TEXTS = ("user_id", "event_type", "timestamp", "event_id")
V1 = {"type": "record", "name": "Click", "fields": [{"name": name, "type": "string"} for name in TEXTS]}
UNKNOWN = 4_000


def click(user: str = "u", **fields: Any) -> dict[str, Any]:
    about = {"event_type": "click", "timestamp": "2024-03-01T10:00:00Z", "event_id": user}
    return {"user_id": user, **about, **fields}


def avro(number: int, schema: Any, value: Any) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(json.loads(json.dumps(schema))), value)
    return framed(number, stream.getvalue())


def rules_of(registry: SchemaRegistry | None, **more: Any) -> Rules:
    known = Registry(registry.url) if registry else None
    return Rules(("click",), timedelta(hours=1), 10_000, registry=known, **more)


def batch(*values: bytes | None, source: str = "kafka") -> pa.RecordBatch:
    count, now = len(values), datetime(2024, 3, 1, 11, tzinfo=timezone.utc)
    return pa.RecordBatch.from_pydict(
        {
            "source": pa.array([source] * count),
            "partition": pa.array(["clicks/3"] * count),
            "offset": pa.array(range(count), pa.int64()),
            "value": pa.array(values, pa.binary()),
            "size": pa.array([None if each is None else len(each) for each in values], pa.int64()),
            "arrived_at": pa.array([now] * count, pa.timestamp("us", "UTC")),
            "event_id": pa.nulls(count, pa.binary()),
        }
    )


def read(rules: Rules, *values: bytes | None, source: str = "kafka") -> list[dict[str, Any]]:
    """What is read of each event, with the bytes that it has."""
    found: list[dict[str, Any]] = []
    for part in open_records(batch(*values, source=source), rules):
        rows = zip(read_events(part, rules).to_pylist(), part["value"].to_pylist(), strict=True)
        found += [{**row, "value": value} for row, value in rows]
    return found


def reasons(rules: Rules, *values: bytes | None) -> list[Any]:
    return [",".join(row["reasons"]) for row in read(rules, *values)]
