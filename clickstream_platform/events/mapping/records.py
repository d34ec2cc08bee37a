"""One record's bytes to its fields, however the producer writes it. What cannot be read is a reason, never an error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from clickstream_platform.events.json_record import BOM, any_json, is_deep, parse_json_object
from clickstream_platform.events.mapping.model import Form
from clickstream_platform.events.mapping.self_describing import read_self_describing
from clickstream_platform.events.placeholders import WHITE
from clickstream_platform.events.schema import Reason

Fields = dict[str, Any]
Taken = Callable[[bytes], "Fields | Reason"]


def field_reader(form: Form) -> Taken:
    """A function from a record's bytes to its fields, by name; or to the reason why there are none."""
    match form.format:
        case "json":
            taken = json_fields
        case "delimited":
            taken = _delimited(form)
        case "pattern":
            taken = _by_pattern(form)
    if form.texts:
        taken = _then(taken, read_texts, form.texts)
    return _then(taken, read_self_describing, form.self_describing) if form.self_describing else taken


def json_fields(value: bytes) -> Fields | Reason:
    """The fields of a record that is one JSON object."""
    text = value.removeprefix(BOM)
    return Reason.MALFORMED_JSON if is_deep(text) else parse_json_object(text)


def _then(first: Taken, then: Callable[[Fields, tuple[str, ...]], Fields], names: tuple[str, ...]) -> Taken:
    def taken(value: bytes) -> Fields | Reason:
        fields = first(value)
        return then(fields, names) if isinstance(fields, dict) else fields

    return taken


def read_texts(fields: Fields, names: Iterable[str]) -> Fields:
    """The fields, with what they are in place of texts that are objects, or lists of objects, as JSON.

    Any other text stays as it is.
    """
    for name in names:
        text = fields.get(name)
        if type(text) is str and text.lstrip(WHITE)[:1] in ("{", "["):
            with suppress(ValueError):
                value = any_json(text)
                if isinstance(value, dict) or all(isinstance(each, dict) for each in value):
                    fields[name] = value
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
