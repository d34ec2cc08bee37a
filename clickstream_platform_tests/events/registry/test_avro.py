"""Avro to JSON: whatever a schema is and a value of it, the JSON says it by the rule of docs/kafka.md."""

from __future__ import annotations

import io
import json
import uuid
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_platform.events.registry.avro import reader_of
from clickstream_platform.events.registry.failures import UnreadSchemaError, WrongBodyError
from clickstream_platform.events.registry.shaping import LEVELS
from clickstream_platform_tests.events.registry.avro_cases import (
    CASES,
    ENUM,
    Case,
    body_of,
    is_sized,
    logical,
    read,
    renamed,
    said,
)

NODE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@given(CASES)
def test_every_value_of_every_schema_is_the_json_that_the_rule_says(case: Case) -> None:
    schema = renamed(case.schema, [])
    if is_sized(schema):
        assert said(schema, case.value) == case.told


@given(CASES, st.data())
def test_a_body_that_is_cut_or_too_long_is_not_read(case: Case, data: st.DataObject) -> None:
    schema = renamed(case.schema, [])
    if not is_sized(schema) or not (body := body_of(schema, case.value)):
        return
    decode = reader_of(json.dumps(schema))
    for wrong in (body[: data.draw(st.integers(0, len(body) - 1))], body + b"\0"):
        with pytest.raises(WrongBodyError):
            decode(wrong)


@given(CASES, st.binary(max_size=60))
def test_bytes_of_anybody_are_read_as_json_or_told_to_be_wrong(case: Case, body: bytes) -> None:
    schema = renamed(case.schema, [])
    if is_sized(schema):
        with suppress(WrongBodyError):  # the only error that there may be
            json.loads(reader_of(json.dumps(schema))(body))


def test_a_decimal_keeps_every_digit_and_the_zeros_at_its_end() -> None:
    schema = logical("bytes", "decimal", precision=60, scale=3)
    body = body_of(schema, Decimal("1234567890123456789012345678901234567890.100"))
    assert reader_of(json.dumps(schema))(body) == b"1234567890123456789012345678901234567890.100"
    more_than_declared = body_of("bytes", (10**50 + 1).to_bytes(30, "big", signed=True))
    assert read(logical("bytes", "decimal", precision=2, scale=1), more_than_declared) == Decimal(f"{10**50 + 1}E-1")
    with pytest.raises(WrongBodyError):
        read(schema, body_of("bytes", b"\x01" * 2_000))
    assert read(logical("bytes", "decimal", precision=2, scale=5), body_of("bytes", b"\x01")) == "AQ=="  # is none


def test_a_time_beyond_the_calendar_of_python_is_read() -> None:
    assert said("long", 2**62) == 2**62
    assert read(logical("long", "timestamp-millis"), body_of("long", 253_402_300_800_000)) == "+010000-01-01T00:00:00Z"
    assert read(logical("long", "timestamp-nanos"), body_of("long", 1_500_000_001)) == "1970-01-01T00:00:01.500000001Z"
    with pytest.raises(WrongBodyError):
        read(logical("int", "time-millis"), body_of("int", 86_400_000))


def test_a_uuid_and_a_duration_of_fixed_size_are_texts() -> None:
    its = uuid.UUID(int=5)
    assert said({"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}, its.bytes) == str(its)
    parts = b"".join(each.to_bytes(4, "little") for each in (1, 2, 3_004))
    assert said({"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}, parts) == "P1M2DT3.004S"


def test_the_branch_of_a_union_says_what_its_value_is() -> None:
    schema = ["int", logical("long", "timestamp-millis"), "float", "double"]
    assert read(schema, b"\x00\x02") == 1
    assert read(schema, b"\x02\x00") == "1970-01-01T00:00:00Z"
    assert read(schema, b"\x04" + np.float32(0.1).tobytes()) == Decimal("0.1")


def test_a_null_is_left_out_of_objects_and_stays_in_lists() -> None:
    optional = ["null", "int"]
    schema = {
        "type": "record",
        "name": "R",
        "fields": [
            {"name": "a", "type": optional},
            {"name": "list", "type": {"type": "array", "items": optional}},
            {"name": "map", "type": {"type": "map", "values": optional}},
        ],
    }
    assert said(schema, {"a": None, "list": [1, None], "map": {"x": None, "y": 2}}) == {
        "list": [1, None],
        "map": {"y": 2},
    }


def test_names_are_found_in_their_namespace_and_in_references() -> None:
    page = {"type": "record", "name": "Page", "namespace": "web", "fields": [{"name": "url", "type": "string"}]}
    kind = {"type": "enum", "name": "web.Kind", "symbols": ["A", "B"]}
    fields = [{"name": "one", "type": "Page"}, {"name": "two", "type": "web.Page"}, {"name": "kind", "type": "Kind"}]
    event = {"type": "record", "name": "Event", "namespace": "web", "fields": fields}
    assert read(event, b"\x02a\x02b\x02", page, kind) == {"one": {"url": "a"}, "two": {"url": "b"}, "kind": "B"}


def test_a_value_that_holds_itself_is_read_and_ends_where_no_event_is_so_deep() -> None:
    depth = json.dumps(read(NODE, b"\x02" * (LEVELS - 1) + b"\0")).count("next")
    assert depth == LEVELS - 1
    decode = reader_of(json.dumps(NODE))
    for levels in (LEVELS, 500_000):
        with pytest.raises(WrongBodyError):
            decode(b"\x02" * levels + b"\0")
    tree = {"type": "record", "name": "T", "fields": [{"name": "of", "type": {"type": "array", "items": "T"}}]}
    assert read(tree, b"\x04\x00\x00\x00") == {"of": [{"of": []}, {"of": []}]}


@pytest.mark.parametrize("items", ["null", {"type": "fixed", "name": "F", "size": 0}, {**NODE, "fields": []}])
def test_an_array_of_what_takes_no_bytes_has_no_reader(items: Any) -> None:
    with pytest.raises(UnreadSchemaError):  # a record of ten bytes may claim to hold 2**62 of them
        reader_of(json.dumps({"type": "array", "items": items}))


@pytest.mark.parametrize(
    "schema",
    [
        *('"Nobody"', "{", "5", "{}", '{"type": "record"}', '{"type": "record", "name": "a", "fields": 5}'),
        *('{"type": "fixed", "name": "a", "size": -1}', '{"type": "enum", "name": "a", "symbols": 5}'),
        '{"type":' * 5_000 + '"int"' + "}" * 5_000,
    ],
)
def test_what_is_no_schema_has_no_reader(schema: str) -> None:
    with pytest.raises(UnreadSchemaError):
        reader_of(schema)


def test_an_enum_has_no_symbol_below_its_first() -> None:
    with pytest.raises(WrongBodyError):
        read(ENUM, b"\x01")


def test_fastavros_own_readers_of_values_stay_as_they_were() -> None:
    schema = fastavro.parse_schema(logical("long", "timestamp-millis"))
    assert fastavro.schemaless_reader(io.BytesIO(b"\x00"), schema, None) == EPOCH + timedelta(0)
