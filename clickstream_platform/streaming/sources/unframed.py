"""What a registry's serializers wrote, for who counts again: by other means than what decodes it for a run.

Its schemas are the same, and so is the word on which of them cannot be read by. The reader is fastavro's in Python,
which a run does not use, and none of the types becomes anything.
"""

from __future__ import annotations

import base64
import io
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from clickstream_platform.events.registry.failures import UnknownSchemaError
from clickstream_platform.events.schema import Reason

if TYPE_CHECKING:
    from clickstream_platform.events.registry.model import Registry


class NotReadError(Exception):
    """The record cannot be decoded, so it is rejected whatever a mapping says."""


def is_framed(record: bytes) -> bool:
    """Whether a record of Kafka begins as a serializer's does: of Confluent's registry, of AWS Glue's, or of none."""
    least = {b"\3\0": 18, b"\3\5": 18, b"\xc3\1": 10}.get(record[:2], 5)
    return len(record) >= least and (least > 5 or record[:1] == b"\0")


def decode_framed(record: bytes, registry: Registry | None) -> Any:
    """The value of such a record; bytes, if it is JSON.

    Raises:
        NotReadError: it cannot be read.
        RecursionError: it can, but not in this way.
        UnreachableError: the registry does not answer.
        SourceError: it is none, or does not let us in.
    """
    if registry is None or record[0] != 0:
        raise NotReadError
    try:
        schema = _schema(registry, int.from_bytes(record[1:5], "big"))
    except UnknownSchemaError:
        raise NotReadError from None
    return record[5:] if schema is None else _read(record[5:], schema)


def _read(body: bytes, schema: Any) -> Any:
    from fastavro import _read_py as reading  # noqa: PLC0415 - as below  # pyright: ignore[reportPrivateUsage]

    stream = io.BytesIO(body)
    try:
        value = reading.schemaless_reader(stream, schema, None)
    except (EOFError, ValueError, IndexError, OverflowError, TypeError, MemoryError):
        raise NotReadError from None
    if stream.read(1):
        raise NotReadError
    return _with_texts(value)


@lru_cache(maxsize=1_000)
def _schema(registry: Registry, number: int) -> Any:
    """The schema as fastavro wants it; None of records that are JSON."""
    import fastavro  # noqa: PLC0415 - who meets one pays for it

    from clickstream_platform.events.registry.client import schema  # noqa: PLC0415
    from clickstream_platform.events.registry.framing import body_reader  # noqa: PLC0415

    registered = schema(registry, number)
    if isinstance(body_reader(registry, number), Reason):
        raise NotReadError
    if registered.kind == "JSON":
        return None
    named: dict[str, Any] = {}
    for each in registered.references:
        fastavro.parse_schema(_plain(json.loads(each)), named)
    return fastavro.parse_schema(_plain(json.loads(registered.text)), named)


def _plain(schema: Any) -> Any:
    """A schema whose values are what they are made of."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _plain(each) for name, each in schema.items() if name not in ("logicalType", "default")}


def _with_texts(value: Any) -> Any:
    """A value with bytes as the texts that JSON has of them."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list):
        return [_with_texts(each) for each in value]
    return {name: _with_texts(each) for name, each in value.items()} if isinstance(value, dict) else value
