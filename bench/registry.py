"""What a record in Avro costs beside the same in JSON: reading alone, without a JVM, a broker and a registry.

``python bench/registry.py`` reads one sort after the other in one process. What a schema is known by is put where the
registry's answer would be kept, so that no request is measured: there is one a schema and process.
"""

from __future__ import annotations

import io
import json
import time
from datetime import timedelta
from typing import Any

import fastavro
import pyarrow as pa
from mapping import ROUNDS, ROWS, START, own

from clickstream_platform.events.opening import open_records
from clickstream_platform.events.parsing import read_events
from clickstream_platform.events.registry import client
from clickstream_platform.events.registry.model import Registry
from clickstream_platform.settings import Settings
from clickstream_platform.tables.events import rules_from

NAMES = ("user_id", "session_id", "event_type", "page_url", "product_id", "device_type", "ip_address", "event_id")
STRINGS = [{"name": name, "type": "string"} for name in NAMES]
TIME = {"name": "timestamp", "type": {"type": "long", "logicalType": "timestamp-millis"}}
PLAIN = {"type": "record", "name": "Click", "fields": [*STRINGS, TIME]}
OPTIONAL = {**PLAIN, "fields": [*({**each, "type": ["null", "string"]} for each in STRINGS), TIME]}
SCHEMAS = {
    1: client.RegisteredSchema("AVRO", json.dumps(PLAIN)),
    2: client.RegisteredSchema("AVRO", json.dumps(OPTIONAL)),
}
SCHEMAS[3] = client.RegisteredSchema("JSON", "{}")


def event(number: int) -> dict[str, Any]:
    """An event in our own shape, its time not yet a text."""
    return {**own(number), "timestamp": START + timedelta(seconds=number)}


def in_json(number: int) -> bytes:
    """As a line."""
    of = event(number)
    return json.dumps({**of, "timestamp": of["timestamp"].isoformat()}, separators=(",", ":")).encode()


def in_avro(number: int, schema: int) -> bytes:
    """As a serializer of Avro writes it."""
    stream = io.BytesIO(b"\0" + schema.to_bytes(4, "big"))
    stream.seek(0, io.SEEK_END)
    fastavro.schemaless_writer(stream, fastavro.parse_schema(json.loads(SCHEMAS[schema].text)), event(number))
    return stream.getvalue()


def main() -> None:
    """Print microseconds a record, the best of some rounds, which take turns, and how many times JSON that is."""
    client.schema = lambda _, number: SCHEMAS[number]
    registry = Registry("http://localhost")
    records = {
        "JSON": [in_json(number) for number in range(ROWS)],
        "JSON Schema": [b"\0\0\0\0\3" + in_json(number) for number in range(ROWS)],
        "Avro": [in_avro(number, 1) for number in range(ROWS)],
        "Avro, all fields optional": [in_avro(number, 2) for number in range(ROWS)],
    }
    rules, best = rules_from(Settings(registry=registry.url)), dict.fromkeys(records, float("inf"))
    batches = {name: _batch(values) for name, values in records.items()}
    for _ in range(ROUNDS):
        for name, batch in batches.items():
            began = time.process_time()
            for part in open_records(batch, rules):
                read_events(part, rules)
            best[name] = min(best[name], (time.process_time() - began) / ROWS * 1e6)
    for name, cost in best.items():
        size = sum(map(len, records[name])) / ROWS
        print(f"{name:<28}{size:6.0f} bytes{cost:8.2f} us a record{cost / best['JSON']:8.2f} times JSON")


def _batch(values: list[bytes]) -> pa.RecordBatch:
    count = len(values)
    return pa.RecordBatch.from_pydict(
        {
            "source": pa.array(["kafka"] * count),
            "value": pa.array(values, pa.binary()),
            "size": pa.array([len(each) for each in values], pa.int64()),
            "arrived_at": pa.array([START + timedelta(days=1)] * count, pa.timestamp("us", "UTC")),
            "event_id": pa.nulls(count, pa.binary()),
        }
    )


if __name__ == "__main__":
    main()
