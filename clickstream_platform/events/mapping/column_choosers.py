"""For each column of a mapping, a function that finds its text in a record and takes it out there.

A record is as it was parsed, and nobody else's: what is left of it when all columns are served goes to ``extra``.
:mod:`.compiled` makes one function of these, and writes out what they do with what nearly all records hold.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from clickstream_platform.events.json_record import text_of
from clickstream_platform.events.mapping.model import COLUMNS, ColumnMapping, Kind, Mapping
from clickstream_platform.events.mapping.paths import getter, steps_of, taker
from clickstream_platform.events.mapping.time_forms import form_reader, is_form
from clickstream_platform.events.placeholders import WHITE, is_none
from clickstream_platform.events.schema import IDS

Choose = Callable[[dict[str, Any]], "str | None"]
# In place of a text that is not of its column's type. No record has it: half of a surrogate pair is no JSON.
WRONG = "\ud800"

_WHOLE = re.compile(r"(-?(?:0|[1-9]\d*))(?:\.0+)?")
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?")


def column_choosers(mapping: Mapping) -> list[Choose]:
    """A function for each column of a record, in their order; each gives the column's text, null if there is none."""
    uses = Counter(path for _, column in mapping.columns for path in column.paths)
    shared = frozenset(path for path, count in uses.items() if count > 1)
    names = dict(mapping.event_types.names)
    return [_choosing(name, mapping.column(name), shared, names) for name in COLUMNS]


def shared_path_takers(mapping: Mapping) -> list[Callable[[dict[str, Any], tuple[str | None, ...]], None]]:
    """For each path that several columns have, a function that takes its value out once one of them holds it."""
    columns: dict[str, list[int]] = {}
    for name, column in mapping.columns:
        for path in column.paths:
            columns.setdefault(path, []).append(COLUMNS.index(name))
    return [_taking_shared(path, those) for path, those in columns.items() if len(those) > 1]


def _taking_shared(path: str, columns: list[int]) -> Callable[[dict[str, Any], tuple[str | None, ...]], None]:
    find, take = getter(steps_of(path)), taker(steps_of(path))

    def taking(record: dict[str, Any], texts: tuple[str | None, ...]) -> None:
        text = text_of(find(record))
        if text is not None and any(texts[column] == text for column in columns):
            take(record)

    return taking


def _choosing(name: str, column: ColumnMapping, shared: frozenset[str], names: dict[str, str]) -> Choose:
    if name == "event_type":
        return _by_name(column, shared, names)
    if name in IDS and len(column.paths) > 1:
        return _first_id(column, shared)
    if column.is_joined:
        choose = _all_of(column, shared)
        return _by_iso(choose, str(column.unit)) if is_form(column.unit) else choose
    choose = _first([path_grabber(path, is_shared=path in shared) for path in column.paths], column.default)
    if column.kind not in ("text", "time"):
        return _of_kind(choose, column.kind)
    return _by_iso(choose, str(column.unit)) if is_form(column.unit) else choose


def _first(grabs: list[Choose], default: str | None) -> Choose:
    """The first that is there: neither null nor blank."""
    if default is None and len(grabs) == 1:
        return grabs[0]

    def choose(record: dict[str, Any]) -> str | None:
        for grab in grabs:
            text = grab(record)
            if text is not None:
                return text
        return default

    return choose


def _all_of(column: ColumnMapping, shared: frozenset[str]) -> Choose:
    """The texts at all paths, with a blank between them; null where one of them has nothing."""
    finds = _finders(column, shared)

    def choose(record: dict[str, Any]) -> str | None:
        texts = [(text_of(find(record)) or "").strip(WHITE) for find, _ in finds]
        if not all(texts):
            return None
        for _, take in finds:
            take(record)
        return " ".join(texts)

    return choose


def _first_id(column: ColumnMapping, shared: frozenset[str]) -> Choose:
    """The first that names somebody; where none does, the first placeholder that is there, as if it were alone."""
    finds = _finders(column, shared)
    default = column.default

    def choose(record: dict[str, Any]) -> str | None:
        placeholder = None
        for find, take in finds:
            text = find(record)
            if text is None:
                continue
            if type(text) is not str:
                text = str(text_of(text))
            if not is_none(text):
                take(record)
                return text
            if placeholder is None and text.strip(WHITE):
                placeholder = text, take
        if placeholder is None:
            return default
        placeholder[1](record)
        return placeholder[0]

    return choose


def _by_name(column: ColumnMapping, shared: frozenset[str], names: dict[str, str]) -> Choose:
    """The first name that has an event type; where none has, the last that is there, unless there is a default.

    A name that became another word stays in the record.
    """
    finds = _finders(column, shared)
    default = column.default

    def choose(record: dict[str, Any]) -> str | None:
        last = None
        for find, take in finds:
            name = find(record)
            if name is None:
                continue
            if type(name) is not str:
                name = str(text_of(name))
            if name in names:
                if names[name] == name:
                    take(record)
                return names[name]
            if name.strip(WHITE):
                last = name, take
        if default is not None or last is None:
            return default
        last[1](record)
        return last[0]

    return choose


def _finders(column: ColumnMapping, shared: frozenset[str]) -> list[tuple[Callable[[Any], Any], Callable[[Any], None]]]:
    """For each path of a column, what finds its value in a record, and what takes it out there."""
    return [(getter(steps := steps_of(path)), _nothing if path in shared else taker(steps)) for path in column.paths]


def _nothing(record: Any) -> None:
    """Another column has the same path."""


def _of_kind(choose: Choose, kind: Kind) -> Choose:
    of_kind = _KINDS[kind]

    def chosen(record: dict[str, Any]) -> str | None:
        text = choose(record)
        return None if text is None else of_kind(text.strip(WHITE))

    return chosen


def is_of_kind(text: str, kind: Kind) -> bool:
    """Whether a text is a value of that type."""
    return kind not in _KINDS or _KINDS[kind](text.strip(WHITE)) != WRONG


def _whole(text: str) -> str:
    match = _WHOLE.fullmatch(text)
    return match[1] if match else WRONG


_KINDS: dict[str, Callable[[str], str]] = {
    "integer": _whole,
    "decimal": lambda text: text if _DECIMAL.fullmatch(text) else WRONG,
    "boolean": lambda text: text.lower() if text.lower() in ("true", "false") else WRONG,
}


def _by_iso(choose: Choose, form: str) -> Choose:
    """A time of that form by ISO-8601; any other text as it is, for the parser of times to judge."""
    read = form_reader(form)

    def chosen(record: dict[str, Any]) -> str | None:
        text = choose(record)
        return None if text is None else read(text)

    return chosen


def path_grabber(path: str, *, is_shared: bool = False) -> Choose:
    """A function that gives the text at a path, and takes it out unless it is shared; null if it is null or blank."""
    steps = steps_of(path)
    find, take = getter(steps), (_nothing if is_shared else taker(steps))

    def grab(record: dict[str, Any]) -> str | None:
        text = present_text(find(record))
        if text is not None:
            take(record)
        return text

    return grab


def present_text(value: Any) -> str | None:
    """A value as a text; null if it is null or blank."""
    text = text_of(value)
    return text if text is not None and text.strip(WHITE) else None
