"""Avro to JSON: whatever a schema is and a value of it, the JSON says it by the rule of docs/kafka.md."""

from __future__ import annotations

import base64
import io
import json
import math
import uuid
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_platform.events.json_record import any_json
from clickstream_platform.events.registry.avro import reader_of
from clickstream_platform.events.registry.failures import UnreadSchemaError, WrongBodyError
from clickstream_platform.events.registry.shaping import LEVELS

NODE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def body_of(schema: Any, value: Any) -> bytes:
    stream = io.BytesIO()
    with localcontext() as context:
        context.prec = 100  # or fastavro would round
        fastavro.schemaless_writer(stream, fastavro.parse_schema(json.loads(json.dumps(schema))), value)
    return stream.getvalue()


def read(schema: Any, body: bytes, *references: Any) -> Any:
    return any_json(reader_of(json.dumps(schema), [json.dumps(each) for each in references])(body).decode())


def said(schema: Any, value: Any) -> Any:
    return read(schema, body_of(schema, value))


class Case(NamedTuple):
    """A schema, a value as fastavro writes it, and what it is in JSON."""

    schema: Any
    value: Any
    told: Any


def of(schema: Any, values: st.SearchStrategy[Any], told: Any = lambda value: value) -> st.SearchStrategy[Case]:
    return values.map(lambda value: Case(schema, value, told(value)))


def number(value: float) -> Any:
    if math.isfinite(value):
        return Decimal(repr(value))
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def of_32_bits(value: float) -> Any:
    return number(value) if not math.isfinite(value) else Decimal(repr(float(str(np.float32(value)))))


def base64_of(value: bytes) -> str:
    return base64.b64encode(value).decode()


def logical(kind: str, is_a: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": is_a, **more}


def instant(value: datetime, digits: int) -> str:
    fraction = f".{value.microsecond:06}"[: digits + 1] if value.microsecond else ""
    return f"{value:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + fraction


def clock(value: time, digits: int) -> str:
    return f"{value:%H:%M:%S}" + (f".{value.microsecond:06}"[: digits + 1] if value.microsecond else "")


def to_millis(value: Any) -> Any:
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


NAIVE = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 30))
UTC = NAIVE.map(lambda value: value.replace(tzinfo=timezone.utc))
NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
FIXED = {"type": "fixed", "name": "Four", "size": 4}
ENUM = {"type": "enum", "name": "Kind", "symbols": ["click", "page_view"]}
MONEY = {"precision": 38, "scale": 4}
DECIMALS = st.integers(-(10**38) + 1, 10**38 - 1).map(lambda value: Decimal(f"{value}E-4"))

LEAVES = st.one_of(
    of("null", st.none()),
    of("boolean", st.booleans()),
    of("int", st.integers(-(2**31), 2**31 - 1)),
    of("long", st.integers(-(2**63), 2**63 - 1)),
    of("double", st.floats(), number),
    of("float", st.floats(width=32), of_32_bits),
    of("string", st.text()),
    of("bytes", st.binary(), base64_of),
    of(ENUM, st.sampled_from(ENUM["symbols"])),
    of(FIXED, st.binary(min_size=4, max_size=4), base64_of),
    of(logical("bytes", "decimal", **MONEY), DECIMALS, lambda value: value),
    of(logical("fixed", "decimal", name="Money", size=16, **MONEY), DECIMALS, lambda value: value),
    of(logical("string", "uuid"), st.uuids(), str),
    of(logical("int", "date"), st.dates(), date.isoformat),
    of(logical("int", "time-millis"), st.times().map(to_millis), lambda value: clock(value, 3)),
    of(logical("long", "time-micros"), st.times(), lambda value: clock(value, 6)),
    of(logical("long", "timestamp-millis"), UTC.map(to_millis), lambda value: f"{instant(value, 3)}Z"),
    of(logical("long", "timestamp-micros"), UTC, lambda value: f"{instant(value, 6)}Z"),
    of(logical("long", "local-timestamp-millis"), NAIVE.map(to_millis), lambda value: instant(value, 3)),
    of(logical("long", "local-timestamp-micros"), NAIVE, lambda value: instant(value, 6)),
    of(logical("bytes", "nobody-knows"), st.binary(), base64_of),
)


def _apart(cases: list[Case]) -> list[Case]:
    """Those of which fastavro's writer tells the branch of a union by the value."""
    kinds = [str(case.schema if isinstance(case.schema, str) else case.schema["type"]) for case in cases]
    alike = {"int": "number", "long": "number", "float": "number", "double": "number", "enum": "string"}
    alike |= {"fixed": "bytes", "record": "map"}
    groups = [alike.get(kind, kind) for kind in kinds]
    return [case for at, case in enumerate(cases) if groups.index(groups[at]) == at]


@st.composite
def unions(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    branches = _apart(
        draw(st.lists(inner.filter(lambda case: not isinstance(case.schema, list)), min_size=1, max_size=4))
    )
    chosen = draw(st.sampled_from(branches))
    return Case([each.schema for each in branches], chosen.value, chosen.told)


def _array(cases: list[Case], count: int) -> Case:
    one = cases[0]
    if one.schema == "null":  # of these nothing can be read
        one = Case("int", 1, 1)
    return Case({"type": "array", "items": one.schema}, [one.value] * count, [one.told] * count)


def _record(fields: dict[str, Case]) -> Case:
    schema = {"type": "record", "name": "R", "fields": [{"name": n, "type": each.schema} for n, each in fields.items()]}
    told = {name: each.told for name, each in fields.items() if each.told is not None}
    return Case(schema, {name: each.value for name, each in fields.items()}, told)


def _map(one: Case, keys: list[str]) -> Case:
    told = {} if one.told is None else dict.fromkeys(keys, one.told)
    return Case({"type": "map", "values": one.schema}, dict.fromkeys(keys, one.value), told)


CASES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(_array, st.lists(inner, min_size=1, max_size=1), st.integers(1, 3)),
        st.builds(_map, inner, st.lists(st.text(max_size=3), unique=True, max_size=3)),
        st.builds(_record, st.dictionaries(NAMES, inner, min_size=1)),
        unions(inner),
    ),
    max_leaves=8,
)


def renamed(schema: Any, taken: list[str]) -> Any:
    """The schema with a name of its own for each named type."""
    if isinstance(schema, list):
        return [renamed(each, taken) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {**schema}
    if "name" in schema:
        taken.append(f"T{len(taken)}")
        found["name"] = taken[-1]
    if "fields" in schema:
        found["fields"] = [{**each, "type": renamed(each["type"], taken)} for each in schema["fields"]]
    return found | {name: renamed(schema[name], taken) for name in ("items", "values") if name in schema}


def is_sized(schema: Any) -> bool:
    """Whether no array in it is of what takes no bytes."""
    try:
        reader_of(json.dumps(schema))
    except UnreadSchemaError:
        return False
    return True


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
