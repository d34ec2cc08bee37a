"""What may not be written: fields and URL parameters, by name, that are dropped or hashed before anything is kept.

A name means a field of a record wherever it stands in it, also within objects, lists and texts that are JSON, in upper
or lower case. One function masks whatever bytes are kept of a record (:meth:`Masking.kept`). What cannot be read, so
that nobody can say where a field is in it, is not kept at all.

Masking twice changes nothing: a hash begins with :data:`.masks.HASHED`, and is left as it is. So a record that was kept
masked and is parsed again becomes the same event as if it had been good at once.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_platform.events.addresses import mask_network
from clickstream_platform.events.escapes import TooManyFormsError, unescaped_forms
from clickstream_platform.events.json_record import any_json, object_of, to_json
from clickstream_platform.events.masks import Masks
from clickstream_platform.events.parameters import Parameters, plain_name
from clickstream_platform.events.schema import WIRE

_MAY_BE_QUOTED = re.compile(r"""["'\\%&]""")
_LEVELS = 100  # of objects, lists and texts within each other; what lies deeper is dropped
_ADDRESS = "ip_address"
_NOT_KEPT = "not_kept"
_FILLED = ("user_id", "event_type")  # columns of `events` that are never null


@dataclass(frozen=True)
class Masking:
    """What is kept of records, their keys and their headers."""

    masks: Masks

    def columns(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The wire fields that are texts, and ``extra``, as they may be kept."""
        names = [name for name in (*WIRE.names, "extra") if name != "timestamp"]
        return {name: self._column(name, fields[name]) for name in names}

    def extra(self, texts: Any) -> Any:
        """What may be kept of ``extra``, the fields that no column takes."""
        return _each(texts, self._json)

    def _column(self, name: str, texts: Any) -> Any:
        if name == "extra":
            return self.extra(texts)
        if name in self.masks.dropped:
            return pa.nulls(len(texts), pa.string())
        masked = _each(texts, self.masks.hash_of if name in self.masks.hashed else self._text)
        if name in _FILLED:
            return pc.if_else(pc.is_valid(texts), pc.fill_null(masked, _NOT_KEPT), texts)
        return masked

    def fields(self, record: dict[str, Any]) -> dict[str, Any]:
        """The fields of a record, as its producer names them, as they may be kept."""
        return self._value(record, 0)

    def kept(self, values: Any, mask_ip: str, packed: Any = None) -> Any:
        """What may be kept of the bytes of records.

        Of a record that is one JSON object, that object, written anew. Of any other, an object that says how long it
        was and what hash it had. Without any mask, the bytes as they are.

        Args:
            values: the bytes.
            mask_ip: what becomes of addresses.
            packed: which of them hold something packed, in which no field can be masked: like those that are no object.
        """
        if not self.masks and mask_ip == "keep":
            return values
        are_packed = [False] * len(values) if packed is None else packed.to_pylist()
        masked = (
            each and (self._hidden(each) if is_packed else self._record(each, mask_ip))
            for each, is_packed in zip(values.to_pylist(), are_packed, strict=True)
        )
        return pa.array(masked, pa.binary())

    def keys(self, keys: Any) -> Any:
        """What may be kept of the keys of records. A key has no name, and is often an id that is also a field.

        So where any field is masked, a key is hashed; without a secret, dropped.
        """
        if not self.masks:
            return keys
        return _each(keys, self._key)

    def headers(self, headers: Any, id_header: str) -> Any:
        """What may be kept of the headers of records: they are masked by their names, as fields, and in their texts.

        Args:
            headers: of each record its headers, or null.
            id_header: the name of the one that holds the event's id.
        """
        if not self.masks or headers.null_count == len(headers):
            return headers
        return pa.array([each and self._headers(each, id_header) for each in headers.to_pylist()], headers.type)

    def _record(self, value: bytes, mask_ip: str) -> bytes:
        record = object_of(value)
        if record is None:
            return self._hidden(value)
        if mask_ip != "keep" and record.get(_ADDRESS) is not None:
            record[_ADDRESS] = mask_network(_as_text(record[_ADDRESS]), mask_ip)
        return to_json(self._value(record, 0))

    def _hidden(self, value: bytes) -> bytes:
        how = ("hmac_sha256", hmac.new(self.masks.secret, value, hashlib.sha256)) if self.masks.secret else None
        name, digest = how or ("sha256", hashlib.sha256(value))
        return to_json({_NOT_KEPT: {"bytes": len(value), name: digest.hexdigest()}})

    def _json(self, text: str) -> str | None:
        masked = self._value(any_json(text), 0)
        return to_json(masked).decode() if masked else None

    def _key(self, key: bytes) -> bytes | None:
        if not self.masks.fields:
            return _of_bytes(key, self._text)
        return _of_bytes(key, self.masks.hash_of) if self.masks.secret else None

    def _headers(self, headers: list[dict[str, Any]], id_header: str) -> list[dict[str, Any]] | None:
        kept: list[dict[str, Any]] = []
        for each in headers:
            name, value = plain_name(each["key"]), each["value"]
            is_hashed = name in self.masks.hashed or (each["key"] == id_header and "event_id" in self.masks.hashed)
            if name not in self.masks.dropped:
                masked = value and _of_bytes(value, self.masks.hash_of if is_hashed else self._text)
                kept.append({"key": each["key"], "value": masked})
        return kept or None

    def _value(self, value: Any, level: int) -> Any:
        """A value of JSON as it may be kept. One frame of Python a level, as there may be many."""
        if level >= _LEVELS:
            return None
        if isinstance(value, str):
            return self._text(value, level + 1)
        if isinstance(value, list):
            items: list[Any] = []
            for each in value:
                items.append(self._value(each, level + 1))
            return items
        if not isinstance(value, dict):
            return value
        fields: dict[str, Any] = {}
        for key, each in value.items():
            name = plain_name(key)
            if name in self.masks.hashed:
                fields[key] = None if each is None else self.masks.hash_of(_as_text(each))
            elif name not in self.masks.dropped:
                fields[self._text(key, level + 1) or ""] = self._value(each, level + 1)
        return fields

    def _text(self, text: str, level: int = 0) -> str | None:
        """A text as it may be kept; None if there is something to mask in it that cannot be told from the rest."""
        if level >= _LEVELS:
            return None
        is_json = text.lstrip()[:1] in ("{", "[", '"')
        if is_json:
            try:
                return to_json(self._value(any_json(text), level + 1)).decode()
            except ValueError:
                pass  # it only begins like JSON
        if self.masks.fields and self._may_have_a_field(text, anywhere=is_json):
            return None
        if not self.masks.parameters:
            return text
        return self._parameters(lambda part: self._text(part, level + 1)).masked(text)

    def _parameters(self, within: Callable[[str], str | None]) -> Parameters:
        return Parameters(self.masks.dropped_parameters, self.masks.hashed_parameters, self.masks.hash_of, within)

    def _may_have_a_field(self, text: str, *, anywhere: bool) -> bool:
        """Whether a text has a masked field in it, as JSON and programs write one; or, anywhere, its name."""
        if not anywhere and not _MAY_BE_QUOTED.search(text):
            return False
        pattern = _anywhere(self.masks.fields) if anywhere else _quoted(self.masks.fields)
        try:
            return any(pattern.search(form) for form in unescaped_forms(text))
        except TooManyFormsError:
            return True


@cache
def _quoted(names: frozenset[str]) -> re.Pattern[str]:
    return re.compile(rf"""["'](?:{"|".join(map(re.escape, names))})["']\s*[:=]""", re.IGNORECASE)


@cache
def _anywhere(names: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, names)), re.IGNORECASE)


def _as_text(value: Any) -> str:
    """A value as ``events`` has it in a column of texts."""
    return value if isinstance(value, str) else to_json(value).decode()


def _each(column: Any, mask: Callable[[Any], Any]) -> Any:
    """A column with each of its values masked, each different one once."""
    encoded = column.dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    masked = pa.array([mask(each) for each in encoded.dictionary.to_pylist()], column.type)
    return pc.take(masked, encoded.indices)


def _of_bytes(value: bytes, mask: Callable[[str], str | None]) -> bytes | None:
    """Bytes masked as a text, which they are in UTF-8 or, whatever they are, in Latin-1."""
    try:
        text, encoding = value.decode(), "utf-8"
    except UnicodeDecodeError:
        text, encoding = value.decode("latin-1"), "latin-1"
    masked = mask(text)
    return None if masked is None else masked.encode(encoding, errors="replace")
