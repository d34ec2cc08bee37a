"""Records in, events out: parse and validate, losing nothing.

Plain Python on columns of Arrow: a record is read in C by msgspec, the rest is done a column at a time. That costs an
eighth of the same in Spark's expressions (docs/decisions/0018), and needs no JVM to be tested. No step can fail a run,
whatever the bytes: what cannot be read is a reason.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import arrow_udf
from pyspark.sql.types import ArrayType, BooleanType, LongType, StringType, StructField, StructType

from clickstream_platform.events.addresses import of_networks
from clickstream_platform.events.json_record import Read, read
from clickstream_platform.events.mapping.reader import ReadRecord, reader
from clickstream_platform.events.masking import Masking
from clickstream_platform.events.opening import opened
from clickstream_platform.events.placeholders import WHITE
from clickstream_platform.events.schema import EMPTY, EVENTS, PLACEHOLDERS, RAW, WIRE, Reason
from clickstream_platform.events.timestamps import are_ambiguous, instants, where

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from clickstream_platform.events.rules import Rules

_PASSED_OVER = "passed over"
_IDS = ("user_id", "session_id", "event_id")

# What is read of a record; the rest of its row is its place. Without comments, which Arrow does not carry.
READ = StructType(
    [
        StructField("reasons", ArrayType(StringType())),
        *[StructField(name, EVENTS.spark[name].dataType) for name in (*WIRE.names, "extra", "event_date")],
        StructField("has_placeholder", BooleanType()),
        StructField("passed_over", StringType()),
    ]
)


# What is said of an event beside that: where it was in its record.
INSIDE = StructType([EVENTS.spark["index"], StructField("inherited", StringType()), StructField("inside", LongType())])


def parse(raw: DataFrame, rules: Rules) -> DataFrame:
    """What :class:`~clickstream_platform.events.rules.Parse` promises."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return (_whole(events, rules) for batch in batches for events in opened(batch, rules))

    raw = _masked(raw, rules) if rules.masks else raw
    known = [name if name in raw.columns else F.lit(None).cast(INSIDE[name].dataType).alias(name) for name in _KNOWN]
    size, event_id = F.octet_length("value").cast("bigint"), header(rules.event_id_header)
    records = raw.select(*RAW.names, *known, size.alias("size"), event_id.alias("event_id"))
    return records.mapInArrow(read, StructType([*RAW.spark, *INSIDE, *READ]))


_KNOWN = ("index", "inherited")


def _whole(events: pa.RecordBatch, rules: Rules) -> pa.RecordBatch:
    """Events as they came, and what is read of them."""
    read = read_events(events, rules)
    columns = {name: events[name] for name in (*RAW.names, *INSIDE.names)}
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


def accepted(parsed: DataFrame) -> DataFrame:
    """The events among parsed records: the columns of ``EVENTS``, with their comments."""
    return parsed.where("size(reasons) = 0 AND passed_over IS NULL").to(EVENTS.spark)


def read_records(
    value: pa.Array,
    arrived_at: pa.Array,
    event_id: pa.Array,
    rules: Rules,
    size: pa.Array | None = None,
    inherited: pa.Array | None = None,
) -> pa.StructArray:
    """What is read of some records each of which is one event, whatever the mapping says of envelopes.

    Rows of ``READ``. Raises nothing, whatever the bytes.

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
    value, size, arrived_at = events["value"], events["size"], events["arrived_at"]
    return _read_all(value, size, arrived_at, events["event_id"], events["inherited"], events["found"], rules)


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
    has_placeholder = _have_placeholders(sent)
    fields = {name: _unless_blank(column) if name in _IDS else column for name, column in sent.items()}
    time = instants(fields["timestamp"], rules.timestamp_unit)
    faults = _faults(reads, fields, time, arrived_at, rules)
    faults[Reason.PLACEHOLDER_ID] = pc.and_(has_placeholder, rules.placeholder_ids == "reject")
    reasons = _reasons(faults)
    time = where(pc.equal(pc.list_value_length(reasons), 0), time)
    columns = {
        **fields,
        "reasons": reasons,
        "timestamp": time,
        "ip_address": of_networks(fields["ip_address"], rules.mask_ip),
        "extra": pa.array([each.extra for each in reads], pa.string()),
        "event_date": pc.cast(time, pa.date32()),
        "has_placeholder": has_placeholder,
        "passed_over": pa.array([each.passed_over for each in reads], pa.string()),
    }
    if rules.masks:
        columns |= Masking(rules.masks).columns(columns)
    return pa.StructArray.from_arrays([columns[name] for name in READ.names], names=READ.names)


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
        given, own = _unless_blank(given), fields["event_id"]
        own_first = pc.coalesce(_unless_blank(own), given)
        fields["event_id"] = pc.if_else(pc.is_valid(inherited), own_first, pc.coalesce(given, own))
    return fields


def _have_placeholders(sent: dict[str, Any]) -> Any:
    """Which records have an id that is none. A blank user_id is not meant: it is missing, and a fault of its own."""
    found = pa.scalar(False)
    for name in _IDS:
        known = PLACEHOLDERS if name == "user_id" else ("", *PLACEHOLDERS)
        id_ = pc.ascii_lower(pc.ascii_trim(sent[name], WHITE))
        found = pc.or_(found, pc.is_in(id_, pa.array(known, pa.string())))
    return found


def _text(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _faults(reads: list[Read], fields: dict[str, Any], time: Any, arrived_at: Any, rules: Rules) -> dict[Reason, Any]:
    """Which records have which fault."""
    unread = pa.array([_why_unread(each) for each in reads], pa.string())
    is_read = pc.is_null(unread)
    no_time, no_type = _is_missing(fields["timestamp"]), _is_missing(fields["event_type"])
    of_known = rules.event_types is None or pc.is_in(fields["event_type"], pa.array(rules.event_types, pa.string()))
    bad_time = pc.and_(pc.invert(no_time), pc.is_null(time))
    # Only `auto` asks what a number may mean; and few records are asked about.
    is_ambiguous = _of_those(bad_time, are_ambiguous, fields["timestamp"]) if rules.timestamp_unit == "auto" else False
    ahead = pc.subtract(pc.cast(time, pa.int64()), pc.cast(arrived_at, pa.int64()))
    of_read = {
        Reason.MISSING_USER_ID: pc.is_null(fields["user_id"]),
        Reason.MISSING_TIMESTAMP: no_time,
        Reason.BAD_TIMESTAMP: pc.and_not(bad_time, is_ambiguous),
        Reason.AMBIGUOUS_TIMESTAMP: pc.and_(bad_time, is_ambiguous),
        Reason.FUTURE_TIMESTAMP: _is_so(pc.greater(ahead, rules.future_tolerance // timedelta(microseconds=1))),
        Reason.MISSING_EVENT_TYPE: no_type,
        Reason.UNKNOWN_EVENT_TYPE: pc.and_not(pc.invert(no_type), of_known),
        Reason.WRONG_TYPE: pa.array([each.is_of_wrong_type for each in reads], pa.bool_()),
    }
    found = {reason: pc.and_(is_read, has_it) for reason, has_it in of_read.items()}
    return {reason: found.get(reason, _is_so(pc.equal(unread, reason.value))) for reason in Reason}


def _why_unread(record: Read) -> str | None:
    """The fault by which there is nothing to judge; also a text, but no reason, for what is passed over."""
    return record.fault.value if record.fault else record.passed_over and _PASSED_OVER


def _reasons(faults: dict[Reason, Any]) -> pa.ListArray:
    """The names of the faults of each record, in the order of ``Reason``."""
    reasons: list[list[str]] = [[] for _ in range(len(faults[Reason.NO_VALUE]))]
    for reason, has_it in faults.items():
        for row in pc.indices_nonzero(has_it).to_pylist():
            reasons[row].append(reason.value)
    return pa.array(reasons, pa.list_(pa.string()))


def _unless_blank(texts: Any) -> Any:
    return where(pc.invert(_is_blank(texts)), texts)


def _is_blank(texts: Any) -> Any:
    return pc.equal(pc.ascii_trim(texts, WHITE), "")


def _is_missing(texts: Any) -> Any:
    return pc.or_kleene(pc.is_null(texts), _is_blank(texts))


def _of_those(chosen: Any, predicate: Callable[[Any], Any], texts: Any) -> Any:
    """What holds for the chosen ones; false for the others."""
    return pc.replace_with_mask(pc.and_(chosen, False), chosen, predicate(texts.filter(chosen)))


def _is_so(holds: Any) -> Any:
    """False where nobody knows."""
    return pc.fill_null(holds, False)
