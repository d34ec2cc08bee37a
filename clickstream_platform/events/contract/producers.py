"""A contract as JSON Schema (2020-12): what producers have to send, in our own shape."""

from __future__ import annotations

import re
from typing import Any

from clickstream_platform.events.contract import portable
from clickstream_platform.events.contract.model import DECIMAL, Contract, DeclaredColumn
from clickstream_platform.events.mapping.model import REQUIRED
from clickstream_platform.events.schema import WIRE

_BLANK_OR_NOT = {"type": ["string", "number", "null"]}


def json_schema(contract: Contract) -> dict[str, Any]:
    """What a record of our own shape must be. A record that is valid by it breaks no rule of the contract.

    It is stricter than the reader, which also takes a number that is written with an exponent, say.
    """
    properties: dict[str, Any] = {
        column.name: {"description": column.description, **_wire(column.name)} for column in WIRE.columns
    }
    properties |= {column.name: _of_column(column) for column in contract.columns}
    always = [*REQUIRED, *(column.name for column in contract.columns if column.required is True)]
    sometimes = [_where(column.name, column.required) for column in contract.columns if _is_of_types(column)]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"events, contract {contract.label}",
        "type": "object",
        "properties": properties,
        "required": always,
        **({"allOf": sometimes} if sometimes else {}),
    }


def _wire(name: str) -> dict[str, Any]:
    if name in REQUIRED:
        return {"type": "string" if name == "event_type" else ["string", "number"], "pattern": _INK}
    return _BLANK_OR_NOT


def _is_of_types(column: DeclaredColumn) -> bool:
    return not isinstance(column.required, bool)


def _where(name: str, event_types: Any) -> dict[str, Any]:
    chosen = {"properties": {"event_type": {"enum": [*event_types]}}, "required": ["event_type"]}
    return {"if": chosen, "then": {"required": [name]}}


def _of_column(column: DeclaredColumn) -> dict[str, Any]:
    schema: dict[str, Any] = {"description": column.description} if column.description else {}
    schema |= _kind(column)
    if column.one_of:
        schema["enum"] = [*column.one_of]
    if column.pattern:
        schema["allOf"] = [{"pattern": portable.portable_pattern(column.pattern)}]
    schema["$comment"] = "rejected if not so" if column.severity == "reject" else "counted if not so"
    return schema


def _kind(column: DeclaredColumn) -> dict[str, Any]:
    if DECIMAL.fullmatch(column.type) or column.type == "integer":
        return _number(column)
    match column.type:
        case "boolean":
            return {"type": "boolean"}
        case "time":
            return {"type": "string", "format": "date-time", "pattern": _TIME}
        case "items":
            return {"type": "array", "items": {"type": "object"}}
        case _:
            return {"type": "string", "pattern": _INK}


_INK = r"[^ \t\n\r\f\v]"
_TIME = (
    r"^(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:\.[0-9]{1,6})?Z$"
)


def _number(column: DeclaredColumn) -> dict[str, Any]:
    digits = DECIMAL.fullmatch(column.type)
    precision, scale = (int(digits[1]), int(digits[2])) if digits else (18, 0)
    most = 10 ** (precision - scale)
    schema: dict[str, Any] = {"type": "number", "exclusiveMinimum": -most, "exclusiveMaximum": most}
    schema |= {"anyOf": [{"multipleOf": each} for each in portable.divisors(scale)]} if scale else {"multipleOf": 1}
    schema |= {} if column.min is None else {"minimum": _plain(column.min)}
    return schema | ({} if column.max is None else {"maximum": _plain(column.max)})


def _plain(limit: str) -> int | float:
    return int(limit) if re.fullmatch(r"-?\d+", limit) else float(limit)
