"""Records in Spark's frames: their parsing as Spark's tasks call it, and the events among them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import arrow_udf
from pyspark.sql.pandas.types import from_arrow_type
from pyspark.sql.types import ArrayType, BooleanType, LongType, StringType, StructField, StructType

from clickstream_platform.events.contract.casting import arrow_type
from clickstream_platform.events.masking import Masking
from clickstream_platform.events.opening import open_records
from clickstream_platform.events.parsing import READ, read_events
from clickstream_platform.events.schema import EVENTS, RAW

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from clickstream_platform.events.contract.model import Contract
    from clickstream_platform.events.rules import Rules

# Of what is read of a record, the types of what `events` has no column for.
_BESIDE = {
    "reasons": ArrayType(StringType()),
    "has_placeholder": BooleanType(),
    "passed_over": StringType(),
    "violations": ArrayType(StringType()),
}
# Without comments, which Arrow does not carry.
READ_TYPE = StructType([StructField(name, _BESIDE.get(name) or EVENTS.spark[name].dataType) for name in READ])
# Where an event was in its record.
INSIDE = StructType([EVENTS.spark["index"], StructField("inherited", StringType()), StructField("inside", LongType())])


def read_type(contract: Contract | None) -> StructType:
    """What is read of a record where columns are declared: those of ``READ_TYPE``, and these."""
    columns = contract.columns if contract else ()
    return StructType([*READ_TYPE, *(StructField(each.name, from_arrow_type(arrow_type(each))) for each in columns)])


def parse_records(raw: DataFrame, rules: Rules) -> DataFrame:
    """What :class:`~clickstream_platform.events.rules.Parse` promises."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return (_whole(events, rules) for batch in batches for events in open_records(batch, rules.replaying))

    raw = _masked(raw, rules) if rules.masks else raw
    known = [name if name in raw.columns else F.lit(None).cast(INSIDE[name].dataType).alias(name) for name in _KNOWN]
    size, event_id = F.octet_length("value").cast("bigint"), header_bytes(rules.event_id_header)
    records = raw.select(*RAW.names, *known, size.alias("size"), event_id.alias("event_id"))
    return records.mapInArrow(read, StructType([*RAW.spark, *INSIDE, *read_type(rules.contract)]))


_KNOWN = ("index", "inherited")


def _whole(events: pa.RecordBatch, rules: Rules) -> pa.RecordBatch:
    """Events as they came, and what is read of them."""
    read = read_events(events, rules)
    columns = {name: events[name] for name in (*RAW.names, *INSIDE.names)} | {"value": rules.to_keep(events)}
    columns |= {field.name: column for field, column in zip(read.type, read.flatten(), strict=True)}
    return pa.RecordBatch.from_arrays([*columns.values()], names=[*columns])


def _masked(raw: DataFrame, rules: Rules) -> DataFrame:
    """Raw records whose keys and headers are as they may be kept. Their bytes go into no event."""
    masking = Masking(rules.masks)

    def keys(key: pa.Array) -> pa.Array:
        return masking.keys(key)

    def headers(each: pa.Array) -> pa.Array:
        return masking.headers(each, rules.event_id_header)

    kinds = {name: RAW.spark[name].dataType for name in ("key", "headers")}
    masked = {name: arrow_udf(of, kinds[name])(name) for name, of in (("key", keys), ("headers", headers))}  # pyright: ignore[reportCallIssue, reportArgumentType] - as above
    return raw.withColumns(masked)


def header_bytes(name: str) -> Column:
    """The bytes of each record's last header of that name, as Kafka's own clients take it; null without a name."""
    of_name = F.filter("headers", lambda each: each["key"] == name)
    return F.when(F.size(of_name) > 0, F.element_at(of_name, -1)["value"]) if name else F.lit(None).cast("binary")


def accepted_events(parsed: DataFrame, kind: StructType | None = None) -> DataFrame:
    """The events among parsed records: the columns of ``EVENTS``, or of a table's schema, with their comments."""
    return parsed.where("size(reasons) = 0 AND passed_over IS NULL").to(kind or EVENTS.spark)
