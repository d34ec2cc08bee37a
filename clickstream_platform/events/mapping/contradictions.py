"""What contradicts itself in a mapping, with what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from clickstream_platform.events.mapping import time_forms
from clickstream_platform.events.mapping.column_choosers import is_of_kind
from clickstream_platform.events.mapping.model import (
    KEY,
    REQUIRED,
    UNITS,
    ColumnMapping,
    Envelope,
    Form,
    Mapping,
    fields_of,
)
from clickstream_platform.events.mapping.paths import Key, Step, steps_of
from clickstream_platform.events.mapping.self_describing import is_of_schema
from clickstream_platform.events.mapping.time_forms import is_form
from clickstream_platform.events.placeholders import WHITE

_NO_DEFAULT = {
    "user_id": "every record without a visitor would be of one and the same",
    "event_id": "every record without an id would be a duplicate of the first",
    "timestamp": "when something happened cannot be guessed",
}

_FORM = "%d.%m.%Y %H:%M:%S"

Findings = Iterator[tuple[str, str]]  # what is wrong with a mapping, and what to do about it


def contradictions(mapping: Mapping) -> Findings:
    """What is wrong with a mapping, and what to do about it."""
    yield from _of_record(mapping.record)
    for name, column in mapping.columns:
        yield from _of_column(name, column, mapping.record)
    for name, paths in mapping.declared:
        yield from _of_column(name, ColumnMapping(paths), mapping.record)
    for name in REQUIRED:
        if not mapping.column(name).paths and mapping.column(name).default is None:
            yield f"nothing says where {name} is found, and without it no record is an event", f"add columns.{name}"
    yield from _of_envelope(mapping.envelope)
    yield from _of_types(mapping)
    yield from _of_pass_over(mapping)
    for path in mapping.marks:
        yield from _of_path("marks", path, mapping.record)


def _of_record(form: Form) -> Findings:
    if form.format == "delimited":
        if not form.separator or not form.columns:
            yield "a delimited record needs record.separator and record.columns", "add both"
        if len(set(form.columns)) < len(form.columns):
            yield "record.columns has a name twice", "give each column a name of its own"
    elif form.separator or form.columns:
        yield "record.separator and record.columns are of a delimited record", 'say record.format = "delimited"'
    if form.format == "pattern":
        try:
            if not re.compile(form.pattern).groupindex:
                yield "record.pattern has no named group, and so no field", "name its groups: (?P<host>\\S+)"
        except re.error as error:
            yield f"record.pattern is no regular expression: {error}", "mend it"
            return
    elif form.pattern:
        yield "record.pattern is of a record that a pattern takes apart", 'say record.format = "pattern"'
    known = fields_of(form)
    for name in (*form.texts, *form.self_describing):
        if known is not None and name not in known:
            yield f"record.texts or self_describing: a record has no field {name!r}", f"choose of {', '.join(known)}"


def _of_envelope(layers: tuple[Envelope, ...]) -> Findings:
    for number, layer in enumerate(layers):
        where = "envelope" if len(layers) == 1 else f"envelope {number + 1}"
        for path in filter(None, (layer.path, layer.names, *layer.inherit)):
            yield from _of_path(where, path, Form())
        if "lines" in layer.steps[:-1]:
            yield f"{where}: lines are events, so that nothing of them can be undone any more", "put it last in steps"
        if "form" in layer.steps and (layer.steps[-1] != "form" or layer.holds != "one"):
            finding = f"{where}: a form is one object of texts, of which no step can be undone, and which is no array"
            yield finding, 'put form last in steps and say holds = "one"; the next [[envelope]] may have a path in it'
        if layer.holds != "many" and "lines" in layer.steps:
            yield f"{where}: lines are many, and it holds {layer.holds}", f'leave holds = "{layer.holds}" out'
        yield from _of_table(where, layer)
        if layer.optional and number:
            yield f"{where} is optional, and only the first may be", "leave optional out"
        if layer.optional and not layer.path and layer.steps:
            yield f"{where} is optional, and nothing tells whether its steps are to be undone", "give it a path"
        if layer.inherit and not layer.path:
            yield f"{where} has fields to inherit, and no path, so that nothing is beside its events", "give it a path"
        for path in layer.inherit:
            if not all(isinstance(step, Key) for step in _readable(path)):
                yield f"{where}: {path!r} is to be inherited, and only keys with dots between them can be", "name a key"
    keys = [layer.key or KEY for layer in layers if layer.holds in ("values", "columns")]
    if len(set(keys)) < len(keys):
        finding = f"two envelopes have their keys in one field, {keys[0]!r}, of which events would have one"
        yield finding, 'give each a field of its own: key = "user_id"'
    is_none = all(layer.holds == "one" and not layer.path and not layer.steps for layer in layers)
    if layers and is_none:
        yield "the envelope holds one, has no path and no steps, and so is none", "leave it out"


def _of_table(where: str, layer: Envelope) -> Findings:
    if layer.names and (layer.holds != "rows" or not layer.path):
        finding = f"{where} has names, which are of the columns of rows, and beside these"
        yield finding, 'say holds = "rows" and the path of the rows, or leave names out'
    if layer.key and layer.holds not in ("values", "columns"):
        yield f"{where} has a field for keys, and holds {layer.holds}, which have none", "leave key out"
    if layer.optional and not layer.path and layer.holds in ("values", "columns"):
        finding = f"{where} is optional, and nothing tells an event from an object that holds {layer.holds}"
        yield finding, "give it a path, or leave optional out"


def _readable(path: str) -> tuple[Step, ...]:
    try:
        return steps_of(path)
    except ValueError:  # said above
        return ()


def _of_column(name: str, column: ColumnMapping, form: Form) -> Findings:
    where = f"columns.{name}"
    if len(set(column.paths)) < len(column.paths):
        yield f"{where} has a path twice", "leave one out"
    for path in column.paths:
        yield from _of_path(where, path, form)
    if column.kind == "time" and name != "timestamp":
        yield f"{where} is no time: events keeps it as text", "leave its type out"
    if name == "timestamp" and column.kind != "time":
        yield f"{where} is of type {column.kind}, but event time is a time", 'say type = "time", or leave it out'
    if column.unit is not None and column.kind != "time":
        yield f"{where} has a unit, but is no time", "leave the unit out"
    elif column.unit is not None and not is_form(column.unit) and column.unit not in UNITS:
        yield f"{where} has the unit {column.unit!r}", f"say {', '.join(UNITS)}, or a form such as {_FORM!r}"
    elif column.unit is not None and is_form(column.unit) and column.unit != "clf":
        for fault in time_forms.form_faults(column.unit):
            yield f"{where} has the form {column.unit!r}: {fault}", f"write it as in {_FORM!r}; docs/mapping.md has all"
    if column.is_joined and (name != "timestamp" or len(column.paths) < 2):
        yield f"{where} is joined, but only a time in several fields is: a day and a time of day", "leave join out"
    if column.default is not None and not is_of_kind(column.default, column.kind):
        yield f"{where} has the default {column.default!r}, which is no {column.kind}", "mend it, or leave it out"
    if column.default is not None and name in _NO_DEFAULT:
        yield f"{where} has a default: {_NO_DEFAULT[name]}", "leave it out: such a record is rejected, and kept"


def _of_path(where: str, path: str, form: Form) -> Findings:
    try:
        steps = steps_of(path)
    except ValueError as error:
        yield f"{where}: {error}", 'paths are like context.page.url, "a.b".c, or params[key=page_location].value'
        return
    fields = fields_of(form)
    if fields is not None and not _is_one_of(fields, steps, form):
        near = get_close_matches(path, fields, n=1)
        yield f"{where}: a record has no field {path!r}", f"say {near[0]}" if near else f"choose of {', '.join(fields)}"


def _is_one_of(fields: tuple[str, ...], steps: tuple[Step, ...], form: Form) -> bool:
    if not isinstance(steps[0], Key):
        return False
    return steps[0].name in fields or (bool(form.self_describing) and is_of_schema(steps[0].name))


def _of_types(mapping: Mapping) -> Findings:
    types = mapping.event_types
    if types.accept == ():
        yield "event_types.accept is empty, so that no record is an event", "name the types, or leave it out"
    for name, event_type in types.names:
        if not event_type.strip(WHITE):
            yield f"event_types.names makes {name!r} a blank, which is no event type", "name a type, or pass it over"
    if isinstance(types.accept, tuple):
        for name, event_type in types.names:
            if event_type not in types.accept:
                finding = f"event_types.names makes {name!r} a {event_type!r}, which event_types.accept does not have"
                yield finding, "add it there, or leave the name out"


def _of_pass_over(mapping: Mapping) -> Findings:
    of_type = mapping.column("event_type").paths
    names = {name for name, _ in mapping.event_types.names}
    for path, values in mapping.pass_over:
        yield from _of_path("pass_over", path, mapping.record)
        if not values:
            yield f"pass_over: {path!r} has no value by which a record is passed over", "name one, or leave it out"
        if path in of_type and (both := names.intersection(values)):
            yield f"{min(both)!r} is passed over and has an event type", "leave it out of pass_over, or of names"
