"""Self-describing JSON of Snowplow: a value beside the name of its schema, put where its analytics SDKs put it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from clickstream_platform.events.json_record import any_json
from clickstream_platform.events.mapping.envelope_steps import decode_base64

CONTEXTS, EVENT = "contexts", "unstruct_event"  # what a name begins with: of a list, and of one value
_SCHEMA = re.compile(r"iglu:([\w.-]+)/([\w.-]+)/[^/]+/(\d+)-\d+-\d+")
_HUMP = re.compile(r"([^A-Z_])([A-Z])")


def read_self_describing(fields: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The fields, with a field for each schema in place of those that hold self-describing JSON.

    ``contexts_com_acme_page_1`` is the list of all that they have by the schema ``iglu:com.acme/page/.../1-0-2``,
    ``unstruct_event_com_acme_click_1`` an event by one. A field that is none of both, in any part, stays as it is.

    Args:
        fields: of a record.
        names: those that hold it, as texts, in base64 or not, or as the objects that these are.
    """
    for name in names:
        found = [*_described(fields.get(name))]
        if not found or any(not isinstance(fields.get(own, []), list) for own, _ in found):
            continue
        del fields[name]
        for own, data in found:
            if own.startswith(CONTEXTS):
                fields.setdefault(own, []).append(data)
            else:
                fields[own] = data
    return fields


def is_of_schema(name: str) -> bool:
    """Whether a field may be one of those."""
    return name.startswith((f"{CONTEXTS}_", f"{EVENT}_"))


def _described(value: Any) -> Iterator[tuple[str, Any]]:
    """Each value in a field, and the name that it gets; nothing of any other field."""
    if type(value) is str:
        with suppress(ValueError):
            value = any_json(value if value.lstrip()[:1] == "{" else decode_base64(value.encode()).decode())
    data = value.get("data") if isinstance(value, dict) else None
    parts: list[Any] = data if isinstance(data, list) else [data]
    begin = CONTEXTS if isinstance(data, list) else EVENT
    named = [(_name(begin, part), part) for part in parts]
    if all(name for name, _ in named):
        yield from ((name, part["data"]) for name, part in named)


def _name(begin: str, part: Any) -> str:
    schema = part.get("schema") if isinstance(part, dict) and "data" in part else None
    match = _SCHEMA.fullmatch(schema) if isinstance(schema, str) else None
    if match is None:
        return ""
    vendor, name, model = (re.sub(r"[.-]", "_", each) for each in match.groups())
    words = _HUMP.sub(r"\1_\2", name).lower()
    return f"{begin}_{vendor.lower()}_{words}_{model}"
