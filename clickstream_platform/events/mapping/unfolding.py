"""What is around the events of records of an unknown shape: arrays, and texts in which they are packed.

Told by what is there. A list of events in an object is told by :mod:`.guessing`, by what its items are called.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from clickstream_platform.events.json_record import any_json
from clickstream_platform.events.mapping.envelope_steps import (
    PackedValue,
    UnopenedError,
    UnpackBudget,
    inside_call,
    undo_step,
)
from clickstream_platform.events.mapping.guessing import add_from_around, guess, is_address
from clickstream_platform.events.mapping.model import REQUIRED, Envelope, Undo
from clickstream_platform.events.mapping.paths import path_text
from clickstream_platform.events.mapping.sampling import sample
from clickstream_platform.events.mapping.spread_out import spread_out, table_of_lists

_DEEPEST = 4  # layers
_NEARLY = 0.9  # of the records
_MOST_AROUND = 20  # objects in a record, one of which may be the event: who wraps an event has few others
_LARGEST = 1_000_000  # bytes that are unpacked of one text, in all steps
# In which events are packed:
_WAYS_OF_BASE64: tuple[tuple[Undo, ...], ...] = (("base64",), ("base64", "gzip"), ("base64", "form"))
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_FORM = re.compile(r"(?:[^=&?\s]*\?)?[\w.$~%\[\]-]{1,60}=[^&=\s]*=*(?:&[^&\s]+)*\s*", re.ASCII)

Record = dict[str, Any]


class Unfolded(NamedTuple):
    """Events out of their envelopes.

    Attributes:
        layers: what is around them, from the outside in; none if each record is one.
        events: the events.
        around: of each, the object in which the innermost layer lies; empty of an array that is a record.
    """

    layers: tuple[Envelope, ...]
    events: list[Record]
    around: list[Record]


class _Packed(NamedTuple):
    steps: tuple[Undo, ...]
    value: Any


def unfold(records: Sequence[Any], deepest: int = _DEEPEST) -> Unfolded:
    """The events of some records, which are JSON values, out of so many layers; other values are left out."""
    lists = [each for each in records if isinstance(each, list)]
    if lists and len(lists) >= _NEARLY * len(records):
        if table := table_of_lists(lists):
            return Unfolded(*table[:3])
        texts = [item for each in lists for item in each]
        if _is_of_texts(texts) and (more := unfold_lines(texts, deepest - 1)):
            return Unfolded((Envelope(), *more.layers), more.events, more.around)
        items = [item for each in lists for item in each if isinstance(item, dict)]
        more = _unfold_objects(items, deepest - 1)
        return Unfolded((Envelope(), *more.layers), more.events, more.around)
    return _unfold_objects([each for each in records if isinstance(each, dict)], deepest)


def unfold_lines(lines: Sequence[str], deepest: int = _DEEPEST) -> Unfolded | None:
    """The events that are packed in lines: queries, base64, JSON as a text; None if nearly all are not packed alike."""
    packed = [found for line in lines if (found := _unpacked(line))]
    ((steps, count),) = Counter(each.steps for each in packed).most_common(1) or [((), 0)]
    if not count or count < _NEARLY * len(lines):
        return None
    values = [each.value for each in packed if each.steps == steps]
    is_list = isinstance(values[0], list)
    events = [item for value in values for item in (value if is_list else [value]) if isinstance(item, dict)]
    more = _unfold_objects(events, deepest - 1)
    layer = Envelope(steps=_of_line(steps), holds="many" if is_list else "one")
    return Unfolded((layer, *more.layers), more.events, more.around)


def _of_line(steps: tuple[Undo, ...]) -> tuple[Undo, ...]:
    """A line that is JSON is read as such, and the text that it is then is another step."""
    return ("json", "json") if steps == ("json",) else steps


def ways_in(records: Sequence[Any], lines: Sequence[str]) -> Iterator[Unfolded]:
    """Where else the events of some records may be: packed in these, or an object in each of them.

    The outermost first, as events of a known producer may have something packed in them.
    """
    seen = set[tuple[Envelope, ...]]()
    for deepest in range(1, _DEEPEST + 1):
        unfolded = unfold(records, deepest) if records else unfold_lines(lines, deepest)
        layers = unfolded.layers if unfolded else ()
        if unfolded and layers and layers not in seen:
            seen.add(layers)
            yield unfolded
        if 0 < len(layers) < deepest:
            break
    objects = [each for each in records if isinstance(each, dict)]
    held = Counter(name for each in objects for name, value in each.items() if _is_object(value))
    for name, count in held.most_common(_MOST_AROUND):
        if count >= _NEARLY * len(records):
            inside = [(each[name], each) for each in objects if _is_object(each.get(name))]
            layer = Envelope(path_text((name,)), holds="one")
            yield Unfolded((layer,), [event for event, _ in inside], [around for _, around in inside])


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and bool(value)


def _unfold_objects(records: list[Record], deepest: int) -> Unfolded:
    """An object that has all an event needs is one, whatever else is packed in it."""
    nothing = Unfolded((), records, [{} for _ in records])
    spread = spread_out(records) if deepest else None
    plain = spread.beside if spread else records
    if not records or not deepest or not _lacks(plain, []):
        return nothing
    opened = _of_a_text(records) or (spread and Unfolded(*spread[:3])) or _of_a_list(records) or _of_texts(records)
    if opened is None:
        return nothing
    inside = _unfold_objects(opened.events, deepest - 1)
    better = inside if inside.layers else Unfolded((), opened.events, opened.around)
    is_worth_it = _lacks(better.events, better.around) < _lacks(plain, [])
    return Unfolded((*opened.layers, *inside.layers), better.events, better.around) if is_worth_it else nothing


def _lacks(records: list[Record], around: list[Record]) -> int:
    """How many of the columns that each event has are nowhere; an address is a visitor only where nothing else is."""
    paths = add_from_around(guess(sample(records).values), sample(around).values).paths
    return sum(not paths[column] for column in REQUIRED) + any(map(is_address, paths["user_id"][:1]))


def _of_a_text(records: list[Record]) -> Unfolded | None:
    """The content of the text that nearly each of them has packed alike."""
    packed = [dict(_packed_in(each)) for each in records]
    ways = Counter((path, each.steps) for texts in packed for path, each in texts.items())
    for (path, steps), count in ways.most_common():
        if count < _NEARLY * len(records):
            return None
        contents = [(texts[path].value, record) for texts, record in zip(packed, records, strict=True) if path in texts]
        is_list = isinstance(contents[0][0], list)
        events = [
            (item, record) for value, record in contents for item in (value if isinstance(value, list) else [value])
        ]
        if all(isinstance(item, dict) for item, _ in events):
            layer = Envelope(path, steps, "many" if is_list else "one")
            return Unfolded((layer,), [item for item, _ in events], [record for _, record in events])
    return None


def _of_a_list(records: list[Record]) -> Unfolded | None:
    """The items of the list that nearly each of them has, if their events are packed in these, or spread out."""
    names = Counter(name for each in records for name, value in each.items() if _is_of_objects(value))
    for name, count in names.most_common():
        items = [item for each in records if _is_of_objects(each.get(name)) for item in each[name]]
        if count >= _NEARLY * len(records) and (_of_a_text(items) or spread_out(items) or _of_a_list(items)):
            return Unfolded((Envelope(path_text((name,))),), items, [{} for _ in items])
    return None


def _of_texts(records: list[Record]) -> Unfolded | None:
    """The content of the texts in the list that nearly each of them has, all packed alike."""
    names = Counter(name for each in records for name, value in each.items() if _is_of_texts(value))
    for name, count in names.most_common():
        held = [text for each in records if _is_of_texts(each.get(name)) for text in each[name]]
        unfolded = unfold_lines(held, 1) if count >= _NEARLY * len(records) else None
        if unfolded:
            return Unfolded((Envelope(path_text((name,))), *unfolded.layers), unfolded.events, unfolded.around)
    return None


def _is_of_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)


def _is_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _packed_in(value: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[str, _Packed]]:
    """The texts of an object, at any depth, in which JSON is."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _packed_in(each, (*keys, name))
    elif isinstance(value, str) and (packed := _unpacked(value)):
        yield path_text(keys), packed


def _unpacked(text: str) -> _Packed | None:
    """The steps after which a text is JSON, as an envelope undoes them, and what it says then."""
    text = _text_of_json(text)
    ways: list[tuple[Undo, ...]] = [("json",), *(_WAYS_OF_BASE64 if _BASE64.fullmatch(text) else ())]
    if _FORM.fullmatch(text):
        ways.append(("form",))
    if inside_call(text.encode(errors="replace")) is not None:
        ways.append(("jsonp",))
    for steps in ways:
        if (json := _undone(text, steps)) is not None:
            return _Packed(steps, json)
    return None


def _text_of_json(text: str) -> str:
    """The text that a JSON text is; any other as it is."""
    try:
        value = any_json(text) if text[:1] == '"' else text
    except ValueError:
        return text
    return value if isinstance(value, str) else text


def _undone(text: str, steps: Sequence[Undo]) -> Any:
    """The object, or the array, that a text is after these steps; None if it is neither."""
    left = UnpackBudget(_LARGEST)
    try:
        value = PackedValue(text.encode(), is_json=False)
        for step in steps:
            value = undo_step(step, value, left)
        return _json(value.data.decode())
    except (UnopenedError, UnicodeError):
        return None


def _json(text: str) -> Any:
    """The object, or the array, that a text is; None if it is neither."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return any_json(text)
    except ValueError:
        return None
