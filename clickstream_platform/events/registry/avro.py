"""A body in Avro to the JSON that is read in its place. By fastavro; what each type becomes: :mod:`.logical`."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from typing import Any

import fastavro
import fastavro.read
import fastavro.schema
import msgspec

from clickstream_platform.events.json_record import to_json
from clickstream_platform.events.registry.failures import UnreadSchemaError, WrongBodyError
from clickstream_platform.events.registry.logical import PREFIX, READERS
from clickstream_platform.events.registry.shaping import shape_schema

Decode = Callable[[bytes], bytes]

# What fastavro raises of bytes that are not what the schema says, and our own readers of values.
_WRONG = (EOFError, ValueError, IndexError, OverflowError, TypeError, struct.error, MemoryError)

fastavro.read.LOGICAL_READERS.update({f"{kind}-{PREFIX}{name}": read for (kind, name), read in READERS.items()})


def reader_of(text: str, references: Sequence[str] = ()) -> Decode:
    """A function from a body to a JSON text; of one that is not what the schema says, it raises a WrongBodyError.

    Args:
        text: the schema of the one who wrote it.
        references: schemas whose names that uses.

    Raises:
        UnreadSchemaError: it is no schema of Avro, or one by which nothing can be read.
    """
    try:
        schema, *others = (msgspec.json.decode(each) for each in (text, *references))
        parsed = fastavro.parse_schema(shape_schema(schema, others))
    except (ValueError, LookupError, RecursionError, fastavro.schema.SchemaParseException) as wrong:
        raise UnreadSchemaError from wrong

    def decode(body: bytes) -> bytes:
        stream = io.BytesIO(body)
        try:
            value: Any = fastavro.schemaless_reader(stream, parsed, None)
        except _WRONG as wrong:
            raise WrongBodyError from wrong
        if stream.tell() != len(body):
            raise WrongBodyError
        return to_json(value)

    return decode
