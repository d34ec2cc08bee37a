"""Records that hold events: opened by what a mapping declares, each event with its own bytes.

Opened at once or not at all: an envelope of which a step fails is one rejected record, with the step as its reason. No
more is unpacked than a limit, whatever a record claims to hold.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from clickstream_platform.events.json_record import BOM, is_deep, parsed, to_json
from clickstream_platform.events.mapping.model import Envelope, Mapping
from clickstream_platform.events.mapping.paths import Index, Item, Key, Step, steps_of
from clickstream_platform.events.schema import Reason

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)
_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError)
_GZIP = 16 + zlib.MAX_WBITS  # as zlib calls that format


class Limits(NamedTuple):
    """What one record may hold.

    Attributes:
        events: so many events.
        unpacked: so many bytes, all that is unpacked of it counted together.
    """

    events: int
    unpacked: int


class Inside(NamedTuple):
    """An event of an envelope.

    Attributes:
        value: its bytes.
        inherited: what it has from the envelope, as a JSON object.
    """

    value: bytes
    inherited: str = "{}"


Opened = list[Inside] | Reason | None
Open = Callable[[bytes], Opened]


class _UnopenedError(Exception):
    """A step fails. Never leaves this module."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class _NoEnvelopeError(Exception):
    """The record is an event by itself. Never leaves this module."""


class _Value(NamedTuple):
    """Bytes on the way in.

    Attributes:
        data: the bytes.
        is_json: whether they are a JSON value, of which a text is still to be read.
    """

    data: bytes
    is_json: bool


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
            held = _all_of(value, layers, limits, _Left(limits.unpacked))
            return [Inside(_as_text(each) if is_text else each.data, inherited) for each, inherited in held]
        except _UnopenedError as found:
            return found.reason
        except _NoEnvelopeError:
            return None

    return opened


class Glimpsed(NamedTuple):
    """What can be seen of a record, whatever is wrong with it.

    Attributes:
        parts: what was unpacked on the way to its events, as far as it could be.
        is_whole: whether that is all that is packed in it.
    """

    parts: list[bytes]
    is_whole: bool


def glimpsed(value: bytes, mapping: Mapping, limits: Limits) -> Glimpsed:
    """What is packed in a record, for who looks for something in it. Raises nothing, whatever the bytes."""
    left = _Left(limits.unpacked)
    try:
        found = _all_of(value, [_Layer(each, is_first=n == 0) for n, each in enumerate(mapping.envelope)], limits, left)
    except _UnopenedError as fault:
        # Of another step than these, the bytes that it fails at can be looked at as they are.
        is_whole = fault.reason not in (Reason.ENVELOPE_GZIP, Reason.TOO_LARGE) or not left.parts
        return Glimpsed(left.parts, is_whole and fault.reason is not Reason.TOO_LARGE)
    except _NoEnvelopeError:
        return Glimpsed([], is_whole=True)
    return Glimpsed([*left.parts, *(each.data for each, _ in found)], is_whole=True)


def _all_of(value: bytes, layers: Sequence[_Layer], limits: Limits, left: _Left) -> list[tuple[_Value, str]]:
    held = [(_Value(value.removeprefix(BOM), is_json=False), "{}")]
    for layer in layers:
        found: list[tuple[_Value, str]] = []
        for each, inherited in held:
            inside, own = layer.taken_out(each, left)
            said = _merged(inherited, own)
            for item in inside:
                found.append((item, said))
                if len(found) > limits.events:
                    raise _UnopenedError(Reason.TOO_LARGE)
        held = found
    return held


class _Left:
    """How many bytes may still be unpacked of a record, and what was, whole or not."""

    def __init__(self, limit: int) -> None:
        self.bytes = limit
        self.parts: list[bytes] = []

    def take(self, data: bytes) -> None:
        self.parts.append(data)
        self.bytes -= len(data)
        if self.bytes < 0:
            raise _UnopenedError(Reason.TOO_LARGE)


class _Layer:
    """One envelope, made ready to be opened."""

    def __init__(self, declared: Envelope, *, is_first: bool) -> None:
        self._declared = declared
        self._path: tuple[Step, ...] = steps_of(declared.path) if declared.path else ()
        self._inherit = [[step[0] for step in steps_of(path)] for path in declared.inherit]
        first = self._path[0] if self._path else None
        # A record without the key, however that is spelt, needs no second look.
        self._key = (
            first.name.encode() if declared.optional and isinstance(first, Key) and first.name.isascii() else b""
        )
        self._is_first = is_first

    def is_absent(self, value: bytes) -> bool:
        """Whether it can be seen at once that a record is an event by itself."""
        if self._key:
            return self._key not in value and b"\\" not in value
        return self._declared.optional and not self._path and value.removeprefix(BOM).lstrip()[:1] != b"["

    def taken_out(self, value: _Value, left: _Left) -> tuple[Sequence[_Value], str]:
        """What it holds, and what that inherits."""
        inherited = "{}"
        if self._path:
            fields = self._fields(value.data)
            if self._inherit:
                inherited = _inherited(fields, self._inherit)
            value = _Value(self._at(fields), is_json=True)
        for step in self._declared.steps:
            if step == "lines":
                return [
                    _Value(line, is_json=False) for line in _lines(_unquoted(value, Reason.ENVELOPE_LINES))
                ], inherited
            value = _undone(step, value, left)
        return ([value] if self._declared.holds == "one" else self._items(value)), inherited

    def _fields(self, data: bytes) -> dict[str, msgspec.Raw]:
        if is_deep(data):
            raise self._by_itself(_UnopenedError(Reason.TOO_LARGE))
        try:
            return _OBJECT.decode(data)
        except msgspec.ValidationError:
            raise self._by_itself(_UnopenedError(Reason.ENVELOPE_PATH)) from None
        except _NO_JSON:
            raise _UnopenedError(Reason.MALFORMED_JSON if self._is_first else Reason.ENVELOPE_JSON) from None

    def _at(self, fields: dict[str, msgspec.Raw]) -> bytes:
        """The JSON at the path."""
        inside = fields.get(str(self._path[0][0]))  # a path begins with a key
        for step in self._path[1:]:
            inside = None if inside is None else _child(step, inside)
        if inside is None or bytes(inside) == b"null":
            raise self._by_itself(_UnopenedError(Reason.ENVELOPE_PATH))
        return bytes(inside)

    def _items(self, value: _Value) -> Sequence[_Value]:
        if is_deep(value.data):
            raise _UnopenedError(Reason.TOO_LARGE)
        try:
            return [_Value(bytes(item), is_json=True) for item in _ARRAY.decode(value.data)]
        except msgspec.ValidationError:
            raise _UnopenedError(Reason.ENVELOPE_ARRAY) from None
        except _NO_JSON:
            is_record = self._is_first and not self._declared.steps
            raise _UnopenedError(Reason.MALFORMED_JSON if is_record else Reason.ENVELOPE_JSON) from None

    def _by_itself(self, otherwise: _UnopenedError) -> Exception:
        return _NoEnvelopeError() if self._declared.optional else otherwise


def _child(step: Step, value: msgspec.Raw) -> msgspec.Raw | None:
    """A member or an item of a JSON value; None where there is no such one."""
    try:
        match step:
            case Key(name):
                return _OBJECT.decode(value).get(name)
            case Index(place):
                return next(iter(_ARRAY.decode(value)[place:]), None)
            case Item(key, wanted):
                return next((each for each in _ARRAY.decode(value) if _has(each, key, wanted)), None)
    except _NO_JSON:
        return None


def _has(item: msgspec.Raw, key: str, value: str) -> bool:
    fields = parsed(bytes(item))
    return isinstance(fields, dict) and fields.get(key) == value


def _inherited(fields: dict[str, msgspec.Raw], paths: Sequence[Sequence[Any]]) -> str:
    found: dict[str, Any] = {}
    for first, *more in paths:
        value = fields.get(first)
        for key in more:
            value = None if value is None else _child(Key(key), value)
        if value is None or bytes(value) == b"null":
            continue
        into = found
        for name in (first, *more)[:-1]:
            into = into.setdefault(name, {})
        into[more[-1] if more else first] = value
    read = parsed(msgspec.json.encode(found))
    if isinstance(read, Reason):  # what is in a text was not looked at before
        raise _UnopenedError(Reason.ENVELOPE_JSON)
    return to_json(read).decode()


def _merged(outer: str, own: str) -> str:
    if outer == "{}" or own == "{}":
        return own if outer == "{}" else outer
    fields = as_fields(own)
    inherit(fields, as_fields(outer))
    return to_json(fields).decode()


def as_fields(inherited: str) -> dict[str, Any]:
    """What an event has inherited, for nobody else to change."""
    fields = parsed(inherited.encode())
    return fields if isinstance(fields, dict) else {}  # it is an object: written here


def inherit(fields: dict[str, Any], inherited: dict[str, Any]) -> None:
    """Give a record the fields that it lacks; of an object that both have, what that lacks."""
    for name, value in inherited.items():
        own = fields.get(name)
        if own is None:
            fields[name] = value
        elif isinstance(own, dict) and isinstance(value, dict):
            inherit(own, value)


def _undone(step: str, value: _Value, left: _Left) -> _Value:
    match step:
        case "base64":
            data = _of_base64(_unquoted(value, Reason.ENVELOPE_BASE64))
            left.take(data)
            return _Value(data, is_json=False)
        case "gzip":
            if value.is_json:
                raise _UnopenedError(Reason.ENVELOPE_GZIP)
            return _Value(_of_gzip(value.data, left), is_json=False)
        case _:
            if value.is_json and value.data.lstrip()[:1] == b'"':
                return _Value(_unquoted(value, Reason.ENVELOPE_JSON), is_json=True)
            return _Value(value.data.removeprefix(BOM), is_json=True)


def _unquoted(value: _Value, reason: Reason) -> bytes:
    """The bytes of a text."""
    if not value.is_json:
        return value.data
    try:
        return _TEXT.decode(value.data).encode()
    except (*_NO_JSON, UnicodeEncodeError):
        raise _UnopenedError(reason) from None


def _as_text(value: _Value) -> bytes:
    """An item of an array of texts, for who reads lines; any other as it is."""
    try:
        return _TEXT.decode(value.data).encode() if value.is_json else value.data
    except (*_NO_JSON, UnicodeEncodeError):
        return value.data


def _of_base64(text: bytes) -> bytes:
    """Either alphabet, with or without the signs at its end, broken into lines or not."""
    letters = b"".join(text.split()).translate(_STANDARD).rstrip(b"=")
    try:
        return base64.b64decode(letters + b"=" * (-len(letters) % 4), validate=True)
    except binascii.Error:
        raise _UnopenedError(Reason.ENVELOPE_BASE64) from None


_STANDARD = bytes.maketrans(b"-_", b"+/")


def _of_gzip(data: bytes, left: _Left) -> bytes:
    """All members of it, to their ends."""
    parts: list[bytes] = []
    while True:
        part, data, is_whole = _member(data, left)
        parts.append(part)
        if not is_whole:
            raise _UnopenedError(Reason.ENVELOPE_GZIP)
        if not data.strip(b"\x00"):  # what some tools fill up with
            return b"".join(parts)


def _member(data: bytes, left: _Left) -> tuple[bytes, bytes, bool]:
    """What is in the first member, what follows it, and whether it was read to its end."""
    unpacking = zlib.decompressobj(_GZIP)
    try:
        part = unpacking.decompress(data, left.bytes + 1)
    except zlib.error:
        return b"", b"", False
    left.take(part)
    return part, unpacking.unused_data, unpacking.eof


def _lines(text: bytes) -> Iterator[bytes]:
    return (line for each in text.removeprefix(BOM).split(b"\n") if (line := each.removesuffix(b"\r")).strip())
