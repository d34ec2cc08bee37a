"""Events that are no items of a list: members of an object, rows and columns of a table. Told by what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from clickstream_platform.events.json_record import any_json, to_json
from clickstream_platform.events.mapping.envelopes import Limits, as_fields, inherit, opener
from clickstream_platform.events.mapping.guessing import FEW, LONG, columns_called
from clickstream_platform.events.mapping.held_items import name_in
from clickstream_platform.events.mapping.model import KEY, REQUIRED, Envelope, EventTypes, Form, Mapping
from clickstream_platform.events.mapping.paths import Key, path_text, steps_of

_DEEPEST = 4  # keys, and layers
_LIMITS = Limits(100_000, 100_000_000)  # larger than a run has: what is too large there is drafted all the same
_ENOUGH = 1_000  # events of a record by which all of them are told
_NEARLY = 0.9  # of the records

Record = dict[str, Any]


class SpreadOut(NamedTuple):
    """Events, with what is around them.

    Attributes:
        layers: the envelopes.
        events: the events, with their keys.
        around: of each, what is beside the table that it is a row of.
        beside: of each record, the same.
    """

    layers: tuple[Envelope, ...]
    events: list[Record]
    around: list[Record]
    beside: list[Record]


def spread_out(records: Sequence[Record]) -> SpreadOut | None:
    """The events of tables, or of objects by keys; None if nearly all records are not of one such form."""
    layers, values = list[Envelope](), [*records]
    is_keyed = True  # or a row may have a value that is like one of them
    while is_keyed and len(layers) < _DEEPEST and (layer := _layer_of(values, layers)):
        layers.append(layer)
        is_keyed = layer.holds == "values"
        values = [event for each in values for event, _ in _opened(each, (layer,)) if isinstance(event, dict)]
    if not layers:
        return None
    beside = [_beside(each, layers[0]) for each in records]
    events, around = list[Record](), list[Record]()
    for record, rest in zip(records, beside, strict=True):
        for event, fields in _opened(record, layers):
            if isinstance(event, dict):
                inherit(event, fields)
                events.append(event)
                around.append(rest if len(layers) == 1 else {})
    return SpreadOut(tuple(layers), events, around, beside)


def table_of_lists(lists: Sequence[list[Any]]) -> SpreadOut | None:
    """The events of lists of lists, the first of which has names; None if they are none."""
    layer = Envelope(holds="rows")
    if not all(map(_has_header, lists)):
        return None
    events = [event for each in lists for event, _ in _opened(each, (layer,)) if isinstance(event, dict)]
    return SpreadOut((layer,), events, [{} for _ in events], [])


def _opened(record: Any, layers: Sequence[Envelope]) -> Iterator[tuple[Any, Record]]:
    """What a run opens it to, the beginning of it: each event, and what it inherits."""
    mapping = Mapping("", "", Form(), (), EventTypes(), (), envelope=tuple(layers))
    opened = opener(mapping, _LIMITS)(to_json(record))
    for each in opened[:_ENOUGH] if isinstance(opened, list) else ():
        yield any_json(each.value.decode()), as_fields(each.inherited)


def _beside(record: Record, layer: Envelope) -> Record:
    taken = {steps_of(path)[0] for path in (layer.path, layer.names) if path}
    return {name: value for name, value in record.items() if Key(name) not in taken} if layer.path else {}


def _layer_of(records: Sequence[Record], outer: Sequence[Envelope]) -> Envelope | None:
    """The form of nearly all of them."""
    found = Counter(layer for each in records for layer in _layers_in(each))
    for layer, count in found.most_common():
        if count < _NEARLY * len(records):
            return None
        if outer and layer.path:  # an event may have a field that is like one
            continue
        keys = [fields[KEY] for each in records for _, fields in _opened(each, (layer,)) if KEY in fields]
        if layer.holds != "values" or len({*keys}) > 1:  # or it is a field of a name
            return msgspec.structs.replace(layer, key=_field_of_keys(records, layer, outer))
    return None


def _field_of_keys(records: Sequence[Record], layer: Envelope, outer: Sequence[Envelope]) -> str:
    """What the field is called that gets the keys: an event's id, if they look like such; empty for the usual name."""
    opened = [(event, fields.get(KEY)) for each in records for event, fields in _opened(each, (layer,))]
    keys = [key for _, key in opened if isinstance(key, str)]
    if not keys:
        return ""
    taken = {name for event, _ in opened if isinstance(event, dict) for name in event}
    taken |= {each.key or KEY for each in outer}
    are_ids = len({*keys}) == len(keys) and min(map(len, keys)) >= LONG and layer.holds == "values"
    names = ["event_id"] * are_ids + [KEY, *(f"{KEY}_{number}" for number in range(2, 100))]
    name = next(name for name in names if name not in taken)
    return "" if name == KEY else name


def _layers_in(record: Record) -> Iterator[Envelope]:
    """The forms of what an object has, the flattest first."""
    objects = sorted(_objects_in(record), key=lambda each: len(each[0]))
    for keys, inside in objects:
        path = path_text(keys)
        if _are_columns(inside):
            yield Envelope(path, holds="columns")
        elif _is_by_keys(inside):
            yield Envelope(path, holds="values")
    lists = [(keys, each) for above, inside in objects for keys, each in _lists_in(above, inside)]
    for keys, rows in lists:
        longest = max((len(cells) for row in rows if (cells := _cells(row)) is not None), default=0)
        if longest < FEW or sum(_cells(row) is None for row in rows):
            continue
        names = next((at for at, each in lists if at != keys and _are_names(each, longest)), None)
        if names or _has_header(rows):
            yield Envelope(path_text(keys), holds="rows", names=path_text(names or ()))


def _objects_in(record: Record, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Record]]:
    yield keys, record
    for name, each in record.items() if len(keys) < _DEEPEST else ():
        if isinstance(each, dict):
            yield from _objects_in(each, (*keys, name))


def _lists_in(keys: tuple[str, ...], record: Record) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    for name, each in record.items():
        if isinstance(each, list) and each:
            yield (*keys, name), each


def _cells(row: Any) -> list[Any] | None:
    if isinstance(row, dict) and len(row) == 1:
        (row,) = row.values()
    return row if isinstance(row, list) else None


def _has_header(rows: Sequence[Any]) -> bool:
    """Whether their first one has names, of which two say of whom, of what or of when events are."""
    names = [name_in(each) for each in _cells(rows[0]) or ()] if rows else []
    return len(columns_called(filter(None, names)) & {*REQUIRED}) > 1


def _are_names(items: Sequence[Any], count: int) -> bool:
    """Whether they may be what so many columns are called."""
    names = [name_in(each) for each in items]
    return len(items) == count and None not in names and len({*names}) == count


def _are_columns(record: Record) -> bool:
    """Whether its members are columns: called so, and each a list of as many values, or an object by the same keys."""
    if len(columns_called(record) & {*REQUIRED}) < 2:
        return False
    if all(isinstance(each, list) for each in record.values()):
        return len({len(each) for each in record.values()}) == 1
    if not all(isinstance(each, dict) and len(each) > 1 for each in record.values()):
        return False
    keys = {key for each in record.values() for key in each}
    is_of_values = not any(isinstance(each, dict) for column in record.values() for each in column.values())
    return is_of_values and not columns_called(keys) and all(2 * len(each) >= len(keys) for each in record.values())


def _is_by_keys(record: Record, deepest: int = _DEEPEST) -> bool:
    """Whether an object is nothing but events, or objects of them, each under a key of its own."""
    members = [*record.values()]
    if not members or not deepest or not all(isinstance(each, dict) and each for each in members):
        return False
    if columns_called(record) & {*REQUIRED}:
        return False
    common = frozenset.intersection(*map(frozenset, members))
    if len(columns_called(common) & {*REQUIRED}) > 1:
        return True
    are_alike = len(members) >= FEW and len({frozenset(each) for each in members}) == 1
    are_of_values = any(not isinstance(each, dict | list) for each in members[0].values())
    return (are_alike and len(common) >= FEW and are_of_values) or all(
        _is_by_keys(each, deepest - 1) for each in members
    )
