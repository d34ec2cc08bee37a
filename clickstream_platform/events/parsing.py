"""Records in, events out: parse and validate, losing nothing.

Plain Python on columns of Arrow: a record is read in C by msgspec, the rest is done a column at a time. That costs an
eighth of the same in Spark's expressions (docs/decisions/0018), and needs no JVM to be tested. No step can fail a run,
whatever the bytes: what cannot be read is a reason.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import arrow_udf
from pyspark.sql.pandas.types import from_arrow_type
from pyspark.sql.types import ArrayType, BooleanType, LongType, StringType, StructField, StructType

from clickstream_platform.events.addresses import of_networks
from clickstream_platform.events.contract.judging import Judged, arrow_type, judged
from clickstream_platform.events.faults import IDS, faults_of, have_placeholders, reasons_of, unless_blank, why_unread
from clickstream_platform.events.json_record import Read, read
from clickstream_platform.events.mapping.reader import ReadRecord, reader
from clickstream_platform.events.masking import Masking
from clickstream_platform.events.opening import opened, said_by
from clickstream_platform.events.schema import EMPTY, EVENTS, RAW, WIRE, Reason
from clickstream_platform.events.timestamps import instants, where

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from clickstream_platform.events.contract.model import Contract
    from clickstream_platform.events.rules import Rules


# What is read of a record; the rest of its row is its place. Without comments, which Arrow does not carry.
READ = StructType(
    [
        StructField("reasons", ArrayType(StringType())),
        *[StructField(name, EVENTS.spark[name].dataType) for name in (*WIRE.names, "extra", "event_date")],
        StructField("has_placeholder", BooleanType()),
        StructField("passed_over", StringType()),
        StructField("violations", ArrayType(StringType())),
    ]
)


# What is said of an event beside that: where it was in its record.
INSIDE = StructType([EVENTS.spark["index"], StructField("inherited", StringType()), StructField("inside", LongType())])


def read_type(contract: Contract | None) -> StructType:
    """What is read of a record where columns are declared: those of ``READ``, and these."""
    columns = contract.columns if contract else ()
    return StructType([*READ, *(StructField(each.name, from_arrow_type(arrow_type(each))) for each in columns)])


def parse(raw: DataFrame, rules: Rules) -> DataFrame:
    """What :class:`~clickstream_platform.events.rules.Parse` promises."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return (_whole(events, rules) for batch in batches for events in opened(batch, rules.replaying))

    raw = _masked(raw, rules) if rules.masks else raw
    known = [name if name in raw.columns else F.lit(None).cast(INSIDE[name].dataType).alias(name) for name in _KNOWN]
    size, event_id = F.octet_length("value").cast("bigint"), header(rules.event_id_header)
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


def header(name: str) -> Column:
    """The bytes of each record's last header of that name, as Kafka's own clients take it; null without a name."""
    of_name = F.filter("headers", lambda each: each["key"] == name)
    return F.when(F.size(of_name) > 0, F.element_at(of_name, -1)["value"]) if name else F.lit(None).cast("binary")


def accepted(parsed: DataFrame, kind: StructType | None = None) -> DataFrame:
    """The events among parsed records: the columns of ``EVENTS``, or of a table's schema, with their comments."""
    return parsed.where("size(reasons) = 0 AND passed_over IS NULL").to(kind or EVENTS.spark)


def read_records(
    value: pa.Array,
    arrived_at: pa.Array,
    event_id: pa.Array,
    rules: Rules,
    size: pa.Array | None = None,
    inherited: pa.Array | None = None,
) -> pa.StructArray:
    """What is read of some records each of which is one event, whatever the mapping says of envelopes.

    Rows of :func:`read_type`. Raises nothing, whatever the bytes.

    Args:
        value: the records' bytes.
        arrived_at: when each reached the source.
        event_id: bytes of an id from elsewhere, which goes before the record's own unless it is blank or no text.
        rules: what makes a record an event.
        size: the records' lengths, where of some only the beginning is given.
        inherited: what those that are of an envelope have from it.
    """
    sizes = pc.binary_length(value) if size is None else size
    none = pa.nulls(len(value), pa.string())
    return _read_all(value, sizes, arrived_at, event_id, none if inherited is None else inherited, none, rules)


def read_events(events: pa.RecordBatch, rules: Rules) -> pa.StructArray:
    """What is read of some events, as :func:`.opening.opened` gives them; also ``arrived_at`` is needed.

    Of an event of an envelope, its own id goes before one from elsewhere. Raises nothing, whatever the bytes.
    """
    size, arrived_at = events["size"], events["arrived_at"]
    return _read_all(said_by(events), size, arrived_at, events["event_id"], events["inherited"], events["found"], rules)


def _read_all(
    value: pa.Array,
    sizes: pa.Array,
    arrived_at: pa.Array,
    event_id: pa.Array,
    inherited: pa.Array,
    found: pa.Array,
    rules: Rules,
) -> pa.StructArray:
    reads = _reads(value, sizes, inherited, found, rules)
    sent = _fields(reads, event_id, inherited)
    has_placeholder = have_placeholders(sent)
    fields = {name: unless_blank(column) if name in IDS else column for name, column in sent.items()}
    time = instants(fields["timestamp"], rules.timestamp_unit)
    faults = faults_of(reads, fields, time, arrived_at, rules)
    faults[Reason.PLACEHOLDER_ID] = pc.and_(has_placeholder, rules.placeholder_ids == "reject")
    reasons = reasons_of(faults)
    extra, declared = pa.array([each.extra for each in reads], pa.string()), None
    if rules.contract:
        extra = Masking(rules.masks).extra(extra) if rules.masks else extra
        declared = _declared(rules.contract, reads, extra, fields["event_type"])
        extra, reasons = declared.extra, _joined(reasons, declared.rejected)
    time = where(pc.equal(pc.list_value_length(reasons), 0), time)
    columns = {
        **fields,
        "reasons": reasons,
        "timestamp": time,
        "ip_address": of_networks(fields["ip_address"], rules.mask_ip),
        "extra": extra,
        "event_date": pc.cast(time, pa.date32()),
        "has_placeholder": has_placeholder,
        "passed_over": pa.array([each.passed_over for each in reads], pa.string()),
        "violations": pa.array(declared.counted if declared else [[]] * len(reads), pa.list_(pa.string())),
    }
    if rules.masks:
        columns |= Masking(rules.masks).columns(columns)
    columns |= declared.columns if declared else {}
    names = [*READ.names, *(declared.columns if declared else ())]
    return pa.StructArray.from_arrays([columns[name] for name in names], names=names)


def _declared(contract: Contract, reads: list[Read], extra: Any, event_types: Any) -> Judged:
    """The declared columns. Of a record that could not be read, or is passed over, nothing is asked."""
    found = judged(contract, extra, event_types)
    for row, each in enumerate(reads):
        if why_unread(each):
            found.rejected[row], found.counted[row] = [], []
    return found


def _joined(reasons: pa.ListArray, more: list[list[str]]) -> pa.ListArray:
    if not any(more):
        return reasons
    return pa.array([one + other for one, other in zip(reasons.to_pylist(), more, strict=True)], reasons.type)


def _reads(value: pa.Array, sizes: pa.Array, inherited: pa.Array, found: pa.Array, rules: Rules) -> list[Read]:
    by = reader(rules.mapping, rules.masks) if rules.mapping else read
    limit = rules.max_record_bytes
    if inherited.null_count == found.null_count == len(value):
        return [_read(each, size, by, limit) for each, size in zip(value.to_pylist(), sizes.to_pylist(), strict=True)]
    cells = (column.to_pylist() for column in (value, sizes, inherited, found))
    return [
        _instead(why) if why else _read(each, size, partial(by, inherited=own) if own and rules.mapping else by, limit)
        for each, size, own, why in zip(*cells, strict=True)
    ]


def _instead(found: str) -> Read:
    return Read(passed_over=EMPTY) if found == EMPTY else Read(fault=Reason(found))


def _read(value: bytes | None, size: int | None, by: ReadRecord, limit: int) -> Read:
    if value is None or size is None:
        return Read(fault=Reason.NO_VALUE)  # in a compacted topic: "forget this key"
    return Read(fault=Reason.TOO_LARGE) if size > limit else by(value)


def _fields(reads: list[Read], event_id: pa.Array, inherited: pa.Array) -> dict[str, Any]:
    """The columns of the wire fields, as texts, and as sent."""
    names, texts = WIRE.names, [each.texts for each in reads]
    columns = zip(*texts, strict=True) if texts else [()] * len(names)
    fields = {name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)}
    if event_id.null_count < len(event_id):
        given = pa.array([_text(each) for each in event_id.to_pylist()], pa.string())
        given, own = unless_blank(given), fields["event_id"]
        own_first = pc.coalesce(unless_blank(own), given)
        fields["event_id"] = pc.if_else(pc.is_valid(inherited), own_first, pc.coalesce(given, own))
    return fields


def _text(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None
