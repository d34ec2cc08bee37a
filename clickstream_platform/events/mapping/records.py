"""One record's bytes to its fields, however the producer writes it. What cannot be read is a reason, never an error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from clickstream_platform.events.json_record import BOM, any_json, is_deep, parse_json_object
from clickstream_platform.events.mapping.model import Form
from clickstream_platform.events.placeholders import WHITE
from clickstream_platform.events.schema import Reason

Fields = dict[str, Any]
Taken = Callable[[bytes], "Fields | Reason"]


def field_reader(form: Form) -> Taken:
    """A function from a record's bytes to its fields, by name; or to the reason why there are none."""
    match form.format:
        case "json":
            return _with_texts(form.texts) if form.texts else json_fields
        case "delimited":
            return _delimited(form)
        case "pattern":
            return _by_pattern(form)


def json_fields(value: bytes) -> Fields | Reason:
    """The fields of a record that is one JSON object."""
    text = value.removeprefix(BOM)
    return Reason.MALFORMED_JSON if is_deep(text) else parse_json_object(text)


def _with_texts(names: Iterable[str]) -> Taken:
    def taken(value: bytes) -> Fields | Reason:
        fields = json_fields(value)
        return fields if isinstance(fields, Reason) else read_texts(fields, names)

    return taken


def read_texts(fields: Fields, names: Iterable[str]) -> Fields:
    """The fields, with objects in place of texts that are JSON objects; any other text stays as it is."""
    for name in names:
        text = fields.get(name)
        if type(text) is str and text.lstrip(WHITE)[:1] == "{":
            with suppress(ValueError):
                fields[name] = any_json(text)
    return fields


def _delimited(form: Form) -> Taken:
    names, separator, none, count = form.columns, form.separator, form.none, len(form.columns)

    def taken(value: bytes) -> Fields | Reason:
        texts = _text(value)
        parts = None if texts is None else texts.split(separator)
        if parts is None or len(parts) != count:
            return Reason.MALFORMED_LINE
        return {name: text for name, text in zip(names, parts, strict=True) if text not in ("", none)}

    return taken


def _by_pattern(form: Form) -> Taken:
    match, none = re.compile(form.pattern).fullmatch, form.none

    def taken(value: bytes) -> Fields | Reason:
        text = _text(value)
        groups = None if text is None else match(text)
        if groups is None:
            return Reason.MALFORMED_LINE
        return {name: text for name, text in groups.groupdict().items() if text is not None and text not in ("", none)}

    return taken


def _text(value: bytes) -> str | None:
    try:
        return value.removeprefix(BOM).decode().removesuffix("\r")
    except UnicodeDecodeError:
        return None
