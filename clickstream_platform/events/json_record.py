"""One record's bytes to the texts of its wire fields: strict JSON, and no digit of a number is lost. No Spark."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from clickstream_platform.events.schema import WIRE, Reason

BOM = b"\xef\xbb\xbf"
LEVELS = 500  # of nesting: half of what Python's own limit allows, so that the caller's stack has no say

_FIELDS = tuple(WIRE.names)
_NOTHING: tuple[str | None, ...] = (None,) * len(_FIELDS)

# Nearly every record is an object of wire fields, each a text or null: that one C call takes 0.3 us.
_PLAIN = msgspec.json.Decoder(
    msgspec.defstruct("Plain", [(name, str | None, None) for name in _FIELDS], forbid_unknown_fields=True)
)
_ANY = msgspec.json.Decoder(float_hook=Decimal)  # whole numbers are Python's own: as long as they are
_JSON = msgspec.json.Encoder(decimal_format="number")
NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, InvalidOperation)
_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)  # also one that never ends: looked at once


class ParsedRecord(msgspec.Struct, frozen=True, gc=False):
    """What a record says.

    Attributes:
        texts: of each wire field, in their order; null where there is none.
        extra: the other fields, as one JSON object; null if there are none.
        fault: why nothing could be read, if so.
        passed_over: why it is no event, and none was meant; null for all others. Of a mapping only, as the next one.
        is_of_wrong_type: whether a value is not of the type that the mapping says.
    """

    texts: tuple[str | None, ...] = _NOTHING
    extra: str | None = None
    fault: Reason | None = None
    passed_over: str | None = None
    is_of_wrong_type: bool = False


_MALFORMED = ParsedRecord(fault=Reason.MALFORMED_JSON)


def read_json_record(value: bytes) -> ParsedRecord:
    """Read a record: one JSON object in UTF-8, with a byte order mark or without. Raises nothing.

    Of a key that an object has twice, the last one counts. A number, a boolean, an array or an object in a wire field
    becomes its JSON text: of the same value, to the last digit. Malformed is what RFC 8259 does not allow, and also a
    text with half a surrogate pair, a whole number of about 4,300 digits or more, an exponent beyond those of a Decimal
    (some 10^18), and what is nested deeper than ``LEVELS``.
    """
    text = value.removeprefix(BOM)
    try:
        return ParsedRecord(msgspec.structs.astuple(_PLAIN.decode(text)))
    except msgspec.ValidationError:  # JSON so far, but of another shape
        return _MALFORMED if is_deep(text) else _read_any(text)
    except NO_JSON:
        return _MALFORMED


def _read_any(text: bytes) -> ParsedRecord:
    fields = parse_json_object(text)
    if isinstance(fields, Reason):
        return ParsedRecord(fault=fields)
    try:
        texts = tuple(text_of(fields.pop(name, None)) for name in _FIELDS)
        return ParsedRecord(texts, text_of(fields) if fields else None)
    except NO_JSON:
        return _MALFORMED


def parse_json_object(text: bytes) -> dict[str, Any] | Reason:
    """The fields of an object, every number to its last digit; why there are none, if so.

    The text must not be nested deeper than ``LEVELS``: see :func:`is_deep`.
    """
    try:
        record = _ANY.decode(text)
    except NO_JSON:
        return Reason.MALFORMED_JSON
    return record if isinstance(record, dict) else Reason.NOT_AN_OBJECT


def object_of(value: bytes) -> dict[str, Any] | None:
    """The JSON object that a record is; None for whatever :func:`read_json_record` finds a fault in."""
    text = value.removeprefix(BOM)
    try:
        record = None if is_deep(text) else _ANY.decode(text)
    except NO_JSON:
        return None
    return record if isinstance(record, dict) else None


def any_json(text: str) -> Any:
    """What a JSON text says, to the last digit of its numbers. Raises ValueError if it is none, or is too deep."""
    value = text.encode(errors="surrogatepass")
    try:
        if not is_deep(value):
            return _ANY.decode(value)
    except (UnicodeDecodeError, InvalidOperation) as wrong:
        raise ValueError from wrong
    raise ValueError


def to_json(value: Any) -> bytes:
    """A value that :func:`any_json` gave, as JSON."""
    return _JSON.encode(value)


def text_of(value: Any) -> str | None:
    """A value as a column keeps it: a text as it is, null as none, any other as its JSON text."""
    return value if value is None or isinstance(value, str) else _JSON.encode(value).decode()


def is_deep(text: bytes) -> bool:
    """Whether brackets are open more than ``LEVELS`` deep."""
    if len(text) <= LEVELS or text.count(b"[") + text.count(b"{") <= LEVELS:
        return False
    level = 0
    for sign in re.findall(rb"[\[{\]}]", _TEXTS.sub(b"", text)):
        level += 1 if sign in b"[{" else -1
        if level > LEVELS:
            return True
    return False
