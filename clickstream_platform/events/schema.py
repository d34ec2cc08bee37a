"""The shapes that records and events have between a source and the lake.

Every column says in its ``comment`` what it holds; Delta stores the comments with the table and Dagster shows them.
"""

from __future__ import annotations

from enum import Enum

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    DataType,
    DateType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)


class Reason(str, Enum):
    """Why a record was rejected. Quarantine lists the reasons of a record in this order."""

    MALFORMED_JSON = "malformed_json"
    NOT_AN_OBJECT = "not_an_object"
    MALFORMED_LINE = "malformed_line"
    MISSING_USER_ID = "missing_user_id"
    PLACEHOLDER_ID = "placeholder_id"
    MISSING_TIMESTAMP = "missing_timestamp"
    BAD_TIMESTAMP = "bad_timestamp"
    AMBIGUOUS_TIMESTAMP = "ambiguous_timestamp"
    FUTURE_TIMESTAMP = "future_timestamp"
    MISSING_EVENT_TYPE = "missing_event_type"
    UNKNOWN_EVENT_TYPE = "unknown_event_type"
    WRONG_TYPE = "wrong_type"
    TOO_LARGE = "too_large"
    NO_VALUE = "no_value"


def _column(name: str, kind: DataType, comment: str) -> StructField:
    # Nullable throughout: Spark reads every column of a file or a topic as nullable, and would refuse to narrow that.
    return StructField(name, kind, nullable=True, metadata={"comment": comment})


_HEADERS = ArrayType(StructType([StructField("key", StringType()), StructField("value", BinaryType())]))
_ORIGIN = [
    _column("source", StringType(), "Where the record came from: a topic or a landing folder."),
    _column("partition", StringType(), "Part of the source: a topic's partition or a file."),
    _column("offset", LongType(), "Position of the record in its partition."),
    _column("arrived_at", TimestampType(), "When the record reached the source."),
    _column("key", BinaryType(), "The record's key in Kafka; null if it has none."),
    _column("headers", _HEADERS, "The record's headers in Kafka, in their order; null if it has none."),
]
PLACE = ("source", "partition", "offset")  # names a record, and the event made of it, for ever
_VALUE = _column("value", BinaryType(), "The record's bytes as they arrived.")

# What a producer sends: one JSON object a record, any other field is kept in `extra`.
WIRE = StructType(
    [
        _column("user_id", StringType(), "The visitor. Never null; a number is kept as its text."),
        _column("session_id", StringType(), "The session as the producer counts it, null if it does not."),
        _column("event_type", StringType(), "What the visitor did, one of the accepted event types."),
        _column("page_url", StringType(), "The page it happened on."),
        _column("product_id", StringType(), "The product it was about, if any."),
        _column("timestamp", TimestampType(), "Event time: when it happened, as the producer's clock says."),
        _column("device_type", StringType(), "The visitor's device, such as mobile or desktop."),
        _column("ip_address", StringType(), "The visitor's network address as text, not checked."),
        _column("event_id", StringType(), "The producer's id of the event; without it nothing is a duplicate."),
    ]
)

# What every source yields. Source, partition and offset name a record for ever: a replay gives the same three.
RAW = StructType([_VALUE, *_ORIGIN])

EVENTS = StructType(
    [
        *WIRE.fields,
        _column("extra", StringType(), "Fields with any other name, as one JSON object; null if there are none."),
        *_ORIGIN,
        _column("event_date", DateType(), "Date of the event time in UTC; partitions the table."),
    ]
)

LATE = StructType(
    [
        *EVENTS.fields,
        _column("generation", LongType(), "Generation of the table that left the event out."),
        _column("batch_id", LongType(), "The batch that read it."),
        _column("watermark", TimestampType(), "The watermark of that batch; the event is not later than it."),
    ]
)

QUARANTINE = StructType(
    [
        _column("record_id", StringType(), "SHA-256 of source, partition and offset: the same in every replay."),
        _VALUE,
        *_ORIGIN,
        _column("reasons", ArrayType(StringType()), "All that is wrong with the record."),
        _column("size", LongType(), "The record's bytes when it came; more than value has, if only its start is kept."),
    ]
)
