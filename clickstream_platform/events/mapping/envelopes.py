"""Records that hold events: opened by what a mapping declares, each event with its own bytes.

Opened at once or not at all: an envelope of which a step fails is one rejected record, with the step as its reason. No
more is unpacked than a limit, whatever a record claims to hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from clickstream_platform.events.json_record import BOM, is_deep, parse_json_object, to_json
from clickstream_platform.events.mapping.envelope_steps import (
    ARRAY,
    NO_JSON,
    OBJECT,
    PackedValue,
    UnopenedError,
    UnpackBudget,
    as_text,
    lines_of,
    undo_step,
    unquote_text,
)
from clickstream_platform.events.mapping.held_items import HeldItems, Holding
from clickstream_platform.events.mapping.model import KEY, Envelope, Mapping
from clickstream_platform.events.mapping.paths import Index, Item, Key, Step, steps_of
from clickstream_platform.events.schema import Reason


class Limits(NamedTuple):
    """What one record may hold.

    Attributes:
        events: so many events.
        unpacked: so many bytes, all that is unpacked of it counted together.
    """

    events: int
    unpacked: int


class EnvelopeEvent(NamedTuple):
    """An event of an envelope.

    Attributes:
        value: its bytes.
        inherited: what it has from the envelope, as a JSON object.
    """

    value: bytes
    inherited: str = "{}"


Opened = list[EnvelopeEvent] | Reason | None
Open = Callable[[bytes], Opened]


class _NoEnvelopeError(Exception):
    """The record is an event by itself. Never leaves this module."""


def opener(mapping: Mapping, limits: Limits) -> Open:
    """A function from a record's bytes to its events; to the reason why there are none; to None if it is one itself.

    It raises nothing, whatever the bytes, and takes no more memory than some copies of what may be unpacked.
    """
    layers = [_Layer(each, is_first=number == 0) for number, each in enumerate(mapping.envelope)]
    is_text = mapping.record.format != "json"

    def opened(value: bytes) -> Opened:
        if layers[0].is_absent(value):
            return None
        try:
            held = _all_of(value, layers, limits, UnpackBudget(limits.unpacked))
            return [EnvelopeEvent(as_text(each) if is_text else each.data, inherited) for each, inherited in held]
        except UnopenedError as fault:
            return fault.reason
        except _NoEnvelopeError:
            return None

    return opened


def envelope_pattern(mapping: Mapping) -> str:
    """A regular expression that is somewhere in every record that may be an envelope; it matches all if any may be."""
    key = _Layer(mapping.envelope[0], is_first=True).key
    return rf"{re.escape(key.decode())}|\\" if key else ""


class EnvelopeContents(NamedTuple):
    """What can be seen of a record, whatever is wrong with it.

    Attributes:
        parts: what was unpacked on the way to its events, as far as it could be.
        is_whole: whether that is all that is packed in it.
    """

    parts: list[bytes]
    is_whole: bool


def inspect_envelope(value: bytes, mapping: Mapping, limits: Limits) -> EnvelopeContents:
    """What is packed in a record, for who looks for something in it. Raises nothing, whatever the bytes."""
    left = UnpackBudget(limits.unpacked)
    try:
        opened = _all_of(
            value, [_Layer(each, is_first=n == 0) for n, each in enumerate(mapping.envelope)], limits, left
        )
    except UnopenedError as fault:
        # Of another step than these, the bytes that it fails at can be looked at as they are.
        is_whole = fault.reason not in (Reason.ENVELOPE_GZIP, Reason.TOO_LARGE) or not left.parts
        return EnvelopeContents(left.parts, is_whole and fault.reason is not Reason.TOO_LARGE)
    except _NoEnvelopeError:
        return EnvelopeContents([], is_whole=True)
    return EnvelopeContents([*left.parts, *(each.data for each, _ in opened)], is_whole=True)


def _all_of(
    value: bytes, layers: Sequence[_Layer], limits: Limits, left: UnpackBudget
) -> list[tuple[PackedValue, str]]:
    held = [(PackedValue(value.removeprefix(BOM), is_json=False), "{}")]
    for layer in layers:
        opened: list[tuple[PackedValue, str]] = []
        for each, inherited in held:
            inside, own = layer.taken_out(each, left)
            fields = _merged(inherited, own, left)
            if inside.keys:
                keyed = (_merged(fields, layer.with_key(key), left) for key in inside.keys)
                opened += zip(inside.items, keyed, strict=True)
            else:
                opened += [(item, fields) for item in inside.items]
            if len(opened) > limits.events:
                raise UnopenedError(Reason.TOO_LARGE)
        held = opened
    return held


class _Layer:
    """One envelope, made ready to be opened."""

    def __init__(self, declared: Envelope, *, is_first: bool) -> None:
        self._declared = declared
        self._path: tuple[Step, ...] = steps_of(declared.path) if declared.path else ()
        self._names: tuple[Step, ...] = steps_of(declared.names) if declared.names else ()
        self._inherit = [[step[0] for step in steps_of(path)] for path in declared.inherit]
        self._holding = Holding(declared.holds, is_record=is_first and not declared.steps)
        first = self._path[0] if self._path else None
        # A record without the key, however that is spelt, needs no second look.
        self.key = first.name.encode() if declared.optional and isinstance(first, Key) and first.name.isascii() else b""
        self._is_first = is_first

    def is_absent(self, value: bytes) -> bool:
        """Whether a record is certainly an event by itself, told without parsing it."""
        if self.key:
            return self.key not in value and b"\\" not in value
        return self._declared.optional and not self._path and value.removeprefix(BOM).lstrip()[:1] != b"["

    def with_key(self, key: str) -> str:
        """The JSON object that an item inherits, beside all others, that has this key."""
        return to_json({self._declared.key or KEY: key}).decode()

    def taken_out(self, value: PackedValue, left: UnpackBudget) -> tuple[HeldItems, str]:
        """The items in the envelope, and the JSON object that they inherit."""
        inherited, names = "{}", None
        if self._path:
            fields = self._fields(value.data)
            if self._inherit:
                inherited = _inherited(fields, self._inherit)
            value = PackedValue(self._content(fields), is_json=True)
            if self._names:
                names = bytes(_at(self._names, fields) or b"")
        for step in self._declared.steps:
            if step == "lines":
                lines = lines_of(unquote_text(value, Reason.ENVELOPE_LINES))
                return HeldItems([PackedValue(line, is_json=False) for line in lines]), inherited
            value = undo_step(step, value, left)
        if self._declared.holds == "one":
            return HeldItems([value]), inherited
        return self._holding.items_of(value, names, left), inherited

    def _fields(self, data: bytes) -> dict[str, msgspec.Raw]:
        if is_deep(data):
            raise self._by_itself(UnopenedError(Reason.TOO_LARGE))
        try:
            return OBJECT.decode(data)
        except msgspec.ValidationError:
            raise self._by_itself(UnopenedError(Reason.ENVELOPE_PATH)) from None
        except NO_JSON:
            raise UnopenedError(Reason.MALFORMED_JSON if self._is_first else Reason.ENVELOPE_JSON) from None

    def _content(self, fields: dict[str, msgspec.Raw]) -> bytes:
        """The JSON at the path."""
        inside = _at(self._path, fields)
        if inside is None or bytes(inside) == b"null":
            raise self._by_itself(UnopenedError(Reason.ENVELOPE_PATH))
        return bytes(inside)

    def _by_itself(self, otherwise: UnopenedError) -> Exception:
        return _NoEnvelopeError() if self._declared.optional else otherwise


def _at(path: Sequence[Step], fields: dict[str, msgspec.Raw]) -> msgspec.Raw | None:
    """The JSON at a path; None where there is none."""
    inside = fields.get(str(path[0][0]))  # a path begins with a key
    for step in path[1:]:
        inside = None if inside is None else _child(step, inside)
    return inside


def _child(step: Step, value: msgspec.Raw) -> msgspec.Raw | None:
    """A member or an item of a JSON value; None where there is no such one."""
    try:
        match step:
            case Key(name):
                return OBJECT.decode(value).get(name)
            case Index(place):
                return next(iter(ARRAY.decode(value)[place:]), None)
            case Item(key, wanted):
                return next((each for each in ARRAY.decode(value) if _has(each, key, wanted)), None)
    except NO_JSON:
        return None


def _has(item: msgspec.Raw, key: str, value: str) -> bool:
    fields = parse_json_object(bytes(item))
    return isinstance(fields, dict) and fields.get(key) == value


def _inherited(fields: dict[str, msgspec.Raw], paths: Sequence[Sequence[Any]]) -> str:
    taken: dict[str, Any] = {}
    for first, *more in paths:
        value = fields.get(first)
        for key in more:
            value = None if value is None else _child(Key(key), value)
        if value is None or bytes(value) == b"null":
            continue
        into = taken
        for name in (first, *more)[:-1]:
            into = into.setdefault(name, {})
        into[more[-1] if more else first] = value
    read = parse_json_object(msgspec.json.encode(taken))
    if isinstance(read, Reason):  # what is in a text was not looked at before
        raise UnopenedError(Reason.ENVELOPE_JSON)
    return to_json(read).decode()


def _merged(outer: str, own: str, left: UnpackBudget) -> str:
    """What is inherited from two layers. What is repeated of the outer one is taken from what may be unpacked."""
    if outer == "{}" or own == "{}":
        return own if outer == "{}" else outer
    left.spend(len(outer))
    fields = as_fields(own)
    inherit(fields, as_fields(outer))
    return to_json(fields).decode()


def as_fields(inherited: str) -> dict[str, Any]:
    """What an event has inherited, for nobody else to change."""
    fields = parse_json_object(inherited.encode())
    return fields if isinstance(fields, dict) else {}  # it is an object: written here


def inherit(fields: dict[str, Any], inherited: dict[str, Any]) -> None:
    """Give a record the fields that it lacks; of an object that both have, what that lacks."""
    for name, value in inherited.items():
        own = fields.get(name)
        if own is None:
            fields[name] = value
        elif isinstance(own, dict) and isinstance(value, dict):
            inherit(own, value)
