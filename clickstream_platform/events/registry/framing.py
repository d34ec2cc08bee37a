"""What a record of Kafka begins with says how it is to be read: five bytes of a registry's serializers, or none.

What other serializers write in Avro is told as what it is, and rejected.

A registry that does not answer stops whoever reads: no record is rejected for it. So do a registry that refuses us and
an address that is none.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_platform.errors import ClickstreamError, SourceError
from clickstream_platform.events.registry.beginnings import GLUE, HEAD, MAGIC, SINGLE_OBJECT
from clickstream_platform.events.registry.failures import SUBJECT, UnknownSchemaError, UnreadSchemaError, WrongBodyError
from clickstream_platform.events.registry.model import Registry
from clickstream_platform.events.schema import Reason

if TYPE_CHECKING:
    from clickstream_platform.events.rules import Rules

_FOREIGN = {**dict.fromkeys(GLUE, (18, Reason.GLUE_HEADER)), SINGLE_OBJECT: (10, Reason.AVRO_SINGLE_OBJECT)}
_BEGINNINGS = (MAGIC, *_FOREIGN)
_KAFKA = "kafka"  # what the source of such a record begins with


class DecodedRecord(NamedTuple):
    """What a record says.

    Attributes:
        text: the JSON to be read in its place; None if it is read as it is.
        fault: why it cannot be read, if so.
    """

    text: bytes | None = None
    fault: Reason | None = None


AS_IT_IS = DecodedRecord()
Decode = Callable[[int, bytes], DecodedRecord]
Body = Callable[[bytes], bytes]


def decoder(records: pa.RecordBatch, rules: Rules) -> Decode | None:
    """A function from the number of one of some records, and its bytes, to what it says; None if all are as they are.

    A record whose schema the registry does not know is rejected, so that a later replay reads it; unless the rules say
    that the run stops, or of its bytes nothing would be kept by which to read it later.

    The function raises what :func:`.client.schema` does, but for an unknown schema, and then a SourceError if the run
    is to stop.

    Args:
        records: ``value`` and, without which nothing is decoded, ``source``; ``partition`` and ``offset`` if they are
            known.
        rules: how records are read.
    """
    names = records.schema.names
    if "source" not in names:
        return None
    begins = reduce(pc.or_, (pc.starts_with(records["value"], pattern=each) for each in _BEGINNINGS))
    may_be = pc.and_(begins, pc.starts_with(records["source"], pattern=_KAFKA))
    if not pc.any(may_be).as_py():
        return None
    framed = pc.fill_null(may_be, False).to_pylist()
    columns: dict[str, Any] = {name: records[name] for name in ("partition", "offset") if name in names}
    known = _SchemaCache(rules)

    def decode(number: int, value: bytes) -> DecodedRecord:
        if not framed[number]:
            return AS_IT_IS
        try:
            return known.decode(value)
        except ClickstreamError as failure:
            raise _with_place(failure, {name: column[number].as_py() for name, column in columns.items()}) from None

    return decode


def decode_record(value: bytes | None, source: str | None, rules: Rules) -> DecodedRecord:
    """What one record says, for who looks into it: nothing stops for a schema that is not known.

    Raises what :func:`.client.schema` does, but for an unknown schema.
    """
    is_framed = value is not None and (source or "").startswith(_KAFKA) and value.startswith(_BEGINNINGS)
    return _SchemaCache(rules.replaying).decode(value) if value is not None and is_framed else AS_IT_IS


class _SchemaCache:
    """What a registry has said while some records are read; what it does not know, it is asked again of the next."""

    def __init__(self, rules: Rules) -> None:
        self._registry = rules.registry
        self._stops = rules.stops_at_unknown
        self._limit = rules.max_unpacked_bytes
        self._reads_objects = rules.mapping is None or rules.mapping.reads_objects
        self._readers: dict[int, Body | Reason] = {}

    def decode(self, value: bytes) -> DecodedRecord:
        if foreign := _FOREIGN.get(value[:2]):
            head, reason = foreign
            return DecodedRecord(fault=reason) if len(value) >= head and self._reads_objects else AS_IT_IS
        if len(value) < HEAD:
            return AS_IT_IS
        if self._registry is None:
            return DecodedRecord(fault=Reason.NEEDS_REGISTRY) if self._reads_objects else AS_IT_IS
        return self._decoded(self._registry, int.from_bytes(value[1:HEAD], "big"), value[HEAD:])

    def _decoded(self, registry: Registry, number: int, body: bytes) -> DecodedRecord:
        read = self._readers.get(number) or self._reader(registry, number)
        if isinstance(read, Reason):
            return DecodedRecord(fault=read)
        try:
            text = read(body)
        except WrongBodyError:
            return DecodedRecord(fault=Reason.MALFORMED_AVRO)
        return DecodedRecord(fault=Reason.TOO_LARGE) if len(text) > self._limit else DecodedRecord(text)

    def _reader(self, registry: Registry, number: int) -> Body | Reason:
        try:
            reader = body_reader(registry, number)
        except UnknownSchemaError:
            if self._stops:
                finding = f"{registry.display_name} knows no schema {number}"
                remedy = "register it and run again, or set CLICKSTREAM_REGISTRY_UNKNOWN=quarantine to go on without"
                raise SourceError(SUBJECT, finding, remedy) from None
            reader = Reason.UNKNOWN_SCHEMA
        self._readers[number] = reader
        return reader


@lru_cache(maxsize=1_000)
def body_reader(registry: Registry, number: int) -> Body | Reason:
    """The function that reads what follows the five bytes, by its schema; the reason why there is none, if so.

    Raises what :func:`.client.schema` does, which is asked again then, and an UnknownSchemaError.
    """
    # Only who meets such a record pays for the import.
    from clickstream_platform.events.registry.avro import reader_of  # noqa: PLC0415
    from clickstream_platform.events.registry.client import schema  # noqa: PLC0415

    registered = schema(registry, number)
    if registered.kind == "JSON":
        return _as_it_is
    if registered.kind == "PROTOBUF":
        return Reason.PROTOBUF
    try:
        return reader_of(registered.text, registered.references) if registered.kind == "AVRO" else Reason.UNREAD_SCHEMA
    except UnreadSchemaError:
        return Reason.UNREAD_SCHEMA


def _as_it_is(body: bytes) -> bytes:
    return body


def _with_place(failure: ClickstreamError, place: dict[str, Any]) -> ClickstreamError:
    """A failure that also names the record at which it was met."""
    at = f", offset {place['offset']}" if place.get("offset") is not None else ""
    where = f" (a record of {place['partition']}{at} begins with it)" if place.get("partition") else ""
    return type(failure)(failure.subject, f"{failure.finding}{where}", failure.remedy)
