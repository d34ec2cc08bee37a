"""The steps by which something is packed in a record, undone one at a time, and never beyond a limit."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from clickstream_platform.events.json_record import BOM
from clickstream_platform.events.schema import Reason

NO_JSON = (msgspec.DecodeError, UnicodeDecodeError)
OBJECT, ARRAY = msgspec.json.Decoder(dict[str, msgspec.Raw]), msgspec.json.Decoder(list[msgspec.Raw])  # one level
_TEXT = msgspec.json.Decoder(str)
CALL = rb"(?:\s|/\*[^*]*\*/)*[A-Za-z_$][\w$.]*\s*\("  # a name and a bracket, behind blanks and comments
_CALL = re.compile(CALL)
_GZIP = 16 + zlib.MAX_WBITS  # as zlib calls that format


class UnopenedError(Exception):
    """A step of unpacking failed, or gave too much."""

    def __init__(self, reason: Reason) -> None:
        """The reason is that of the step, or ``TOO_LARGE``."""
        super().__init__(reason)
        self.reason = reason


class PackedValue(NamedTuple):
    """Bytes on the way in.

    Attributes:
        data: the bytes.
        is_json: whether they are a JSON value, of which a text is still to be read.
    """

    data: bytes
    is_json: bool


class UnpackBudget:
    """How many bytes may still be unpacked of a record, and what was, whole or not."""

    def __init__(self, limit: int) -> None:
        """Nothing is unpacked yet."""
        self.bytes = limit
        self.parts: list[bytes] = []

    def take(self, data: bytes) -> None:
        """Count what was unpacked. Raises an UnopenedError if that was too much."""
        self.parts.append(data)
        self.spend(len(data))

    def spend(self, count: int) -> None:
        """Count bytes that are there once and become more. Raises an UnopenedError if that was too much."""
        self.bytes -= count
        if self.bytes < 0:
            raise UnopenedError(Reason.TOO_LARGE)


def undo_step(step: str, value: PackedValue, left: UnpackBudget) -> PackedValue:
    """What is left of a value once a step is undone. Raises an UnopenedError with the step as its reason."""
    match step:
        case "base64":
            data = _of_base64(unquote_text(value, Reason.ENVELOPE_BASE64))
            left.take(data)
            return PackedValue(data, is_json=False)
        case "gzip":
            if value.is_json:
                raise UnopenedError(Reason.ENVELOPE_GZIP)
            return PackedValue(_of_gzip(value.data, left), is_json=False)
        case "form":
            data = _of_form(unquote_text(value, Reason.ENVELOPE_FORM))
            left.parts.append(data)  # about as long as it was
            return PackedValue(data, is_json=True)
        case "jsonp":
            inside = inside_call(unquote_text(value, Reason.ENVELOPE_JSONP).removeprefix(BOM))
            if inside is None:
                raise UnopenedError(Reason.ENVELOPE_JSONP)
            return PackedValue(inside, is_json=True)
        case _:
            if value.is_json and value.data.lstrip()[:1] == b'"':
                return PackedValue(unquote_text(value, Reason.ENVELOPE_JSON), is_json=True)
            return PackedValue(value.data.removeprefix(BOM), is_json=True)


def inside_call(text: bytes) -> bytes | None:
    """What stands between the brackets of a text that is one call: ``callback(...);``. None of any other text."""
    call, end = _CALL.match(text), text.rstrip().removesuffix(b";").rstrip()
    return end[call.end() : -1] if call and end.endswith(b")") else None


def unquote_text(value: PackedValue, reason: Reason) -> bytes:
    """The bytes of a text."""
    if not value.is_json:
        return value.data
    try:
        return _TEXT.decode(value.data).encode()
    except (*NO_JSON, UnicodeEncodeError):
        raise UnopenedError(reason) from None


def as_text(value: PackedValue) -> bytes:
    """An item of an array of texts, for who reads lines; any other as it is."""
    try:
        return _TEXT.decode(value.data).encode() if value.is_json else value.data
    except (*NO_JSON, UnicodeEncodeError):
        return value.data


def _of_base64(text: bytes) -> bytes:
    """Also broken into lines."""
    try:
        return decode_base64(b"".join(text.split()))
    except binascii.Error:
        raise UnopenedError(Reason.ENVELOPE_BASE64) from None


def decode_base64(text: bytes) -> bytes:
    """What base64 in either alphabet says, with or without the signs at its end. Raises a binascii.Error."""
    letters = text.translate(_STANDARD).rstrip(b"=")
    return base64.b64decode(letters + b"=" * (-len(letters) % 4), validate=True)


_STANDARD = bytes.maketrans(b"-_", b"+/")


def _of_gzip(data: bytes, left: UnpackBudget) -> bytes:
    """All members of it, to their ends."""
    parts: list[bytes] = []
    while True:
        part, data, is_whole = _member(data, left)
        parts.append(part)
        if not is_whole:
            raise UnopenedError(Reason.ENVELOPE_GZIP)
        if not data.strip(b"\x00"):  # what some tools fill up with
            return b"".join(parts)


def _member(data: bytes, left: UnpackBudget) -> tuple[bytes, bytes, bool]:
    """What is in the first member, what follows it, and whether it was read to its end."""
    unpacking = zlib.decompressobj(_GZIP)
    try:
        part = unpacking.decompress(data, left.bytes + 1)
    except zlib.error:
        return b"", b"", False
    left.take(part)
    return part, unpacking.unused_data, unpacking.eof


def _of_form(text: bytes) -> bytes:
    """The parameters of a query, of a URL or by itself, as a JSON object of texts: `application/x-www-form-urlencoded`.

    One that comes again is an array of its texts. What stands before the sign ``?`` is a text of that name.
    """
    text = text.removeprefix(BOM).strip()
    before, mark, query = text.partition(b"?")
    if not mark or b"=" in before or b"&" in before:
        before, query = b"", text
    if b"=" not in query or query[:1] in _NO_QUERY:
        raise UnopenedError(Reason.ENVELOPE_FORM)
    fields: dict[str, list[str]] = {}
    try:
        text.decode()
        if before:
            fields["?"] = [before.decode()]
        for each in filter(None, query.split(b"&")):
            name, _, value = each.partition(b"=")
            fields.setdefault(_unescaped(name), []).append(_unescaped(value))
    except UnicodeDecodeError:
        raise UnopenedError(Reason.ENVELOPE_FORM) from None
    return msgspec.json.encode({name: texts[0] if len(texts) == 1 else texts for name, texts in fields.items()})


_NO_QUERY = (b"{", b"[", b"<", b'"')  # with which JSON begins, or a document


def _unescaped(text: bytes) -> str:
    return unquote_to_bytes(text.replace(b"+", b" ")).decode()


def lines_of(text: bytes) -> Iterator[bytes]:
    """The lines that are not blank."""
    return (line for each in text.removeprefix(BOM).split(b"\n") if (line := each.removesuffix(b"\r")).strip())
