"""Schemas of Avro drawn at random, each with a value as fastavro writes it and what it is in JSON."""

from __future__ import annotations

import base64
import io
import json
import math
from datetime import date, datetime, time, timezone
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

import fastavro
import numpy as np
from hypothesis import strategies as st

from clickstream_platform.events.json_record import any_json
from clickstream_platform.events.registry.avro import reader_of
from clickstream_platform.events.registry.failures import UnreadSchemaError


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
