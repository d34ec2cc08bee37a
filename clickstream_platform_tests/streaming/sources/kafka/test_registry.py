"""A real broker, and a registry in a process of its own: what its serializers wrote, from the topic to the lake."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastavro
import pytest

from clickstream_platform.errors import UnreachableError
from clickstream_platform.streaming.audit.source_account import source_account
from clickstream_platform.streaming.maintenance.erasure import forget
from clickstream_platform.streaming.maintenance.reprocess import replay
from clickstream_platform_tests.conftest import event
from clickstream_platform_tests.schema_registry import SchemaRegistry, framed, started

if TYPE_CHECKING:
    from clickstream_platform_tests.conftest import Lab
    from clickstream_platform_tests.topics import Topic

pytestmark = pytest.mark.spark

TEXTS = ("user_id", "session_id", "event_type", "timestamp", "event_id")
V1: dict[str, Any] = {
    "type": "record",
    "name": "Click",
    "fields": [{"name": name, "type": "string"} for name in TEXTS],
}
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
V2 = {**V1, "fields": [*V1["fields"], {"name": "price", "type": ["null", MONEY], "default": None}]}


def click(user: str, **fields: Any) -> dict[str, Any]:
    return event(user, event_id=user, **fields)


def avro(schema: Any, value: Any) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(json.loads(json.dumps(schema))), value)
    return stream.getvalue()


def users(lab: Lab) -> dict[str, str | None]:
    """Whose events there are, and what else they say."""
    return {row["user_id"]: row["extra"] for row in lab.table("events").collect()}


def quarantined(lab: Lab) -> list[tuple[bytes, str]]:
    rows = lab.table("quarantine").orderBy("offset").collect()
    return [(bytes(row["value"]), ",".join(row["reasons"])) for row in rows]


def test_records_of_a_registry_become_events_and_none_is_lost_for_one_that_is_away(
    lab: Lab, topic: Topic, tmp_path: Path
) -> None:
    topic.made(1)
    with started(tmp_path / "registry") as registry:
        kafka = lab.reading(topic.url, registry=registry.url).only("events")
        first, second = registry.register(V1), registry.register(V2)
        third, coming = registry.register({"type": "object"}, "JSON"), 5
        cut = framed(first, avro(V1, click("ben", session_id="s" * 24)))[:-2]  # a 0 stands behind ben: its length
        later = framed(coming, avro("string", "x"))
        of_anna = framed(first, avro(V1, click("anna", event_type="nod")))
        topic.send(click("a"), framed(first, avro(V1, click("b"))))
        topic.send(framed(second, avro(V2, click("c", price=None))), framed(third, json.dumps(click("d")).encode()))
        topic.send(cut, later, of_anna, b"\0")
        registry.down()
        _is_told_and_nothing_is_committed(kafka, topic, registry)
        registry.up()
        kafka.run()
        assert users(kafka) == dict.fromkeys("abcd")
        rejected = [(cut, "malformed_avro"), (later, "unknown_schema"), (of_anna, "unknown_event_type")]
        assert quarantined(kafka) == [*rejected, (b"\0", "malformed_json")]
        _a_replay_reads_what_is_known_by_now(kafka, topic, registry, coming)
        assert source_account(kafka.contracts["events"], kafka.lake).errors == ()
        kafka.assert_exact()
        proof = forget(["anna", "ben"], [kafka.contracts["events"]], kafka.spark, kafka.lake)
        left = [value for value, _ in quarantined(kafka)]
        assert of_anna not in left
        assert cut in left  # as nobody can read it, nobody claims that it is gone
        assert sum(proof.unsearched.values()) == 1


def _is_told_and_nothing_is_committed(kafka: Lab, topic: Topic, registry: SchemaRegistry) -> None:
    with pytest.raises(UnreachableError) as failed:
        kafka.run()
    for each in (registry.url, f"{topic.name}/0", "schemas/ids/", "start it"):
        assert each in str(failed.value)
    assert kafka.lake.events.rows() == 0
    assert kafka.lake.table("quarantine").rows() == 0


def _a_replay_reads_what_is_known_by_now(kafka: Lab, topic: Topic, registry: SchemaRegistry, coming: int) -> None:
    registry.register("string")
    assert registry.register(V2) == coming  # of another schema than its record was written by
    topic.send(framed(coming + 1, avro(V2, click("e", price=Decimal("0.01")))))
    kafka.run()
    assert registry.register(V2) == coming + 1
    found = replay(kafka.contracts["events"], kafka.spark, kafka.lake, "unknown_schema")
    assert (found.tried, found.accepted, found.stayed) == (2, 1, 1)
    assert users(kafka)["e"] == '{"price":0.01}'
