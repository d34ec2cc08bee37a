"""The shapes that records and events have between a source and the lake.

Every column says what it holds; Delta stores that with the table and Dagster shows it. Plain descriptions, from which
:attr:`Schema.spark` makes Spark's own: most commands ask for names, and never import Spark.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql.types import StructType


class Reason(str, Enum):
    """Why a record was rejected. Quarantine lists the reasons of a record in this order."""

    MALFORMED_JSON = "malformed_json"
    NOT_AN_OBJECT = "not_an_object"
    MALFORMED_LINE = "malformed_line"
    MALFORMED_AVRO = "malformed_avro"  # what a registry's serializers wrote: the body is not what its schema says
    UNKNOWN_SCHEMA = "unknown_schema"
    UNREAD_SCHEMA = "unread_schema"
    PROTOBUF = "protobuf"
    GLUE_HEADER = "glue_header"
    AVRO_SINGLE_OBJECT = "avro_single_object"  # with a fingerprint of its schema in place of a registry's id
    NEEDS_REGISTRY = "needs_registry"
    ENVELOPE_PATH = "envelope_path"  # of an envelope that cannot be opened, the step that fails
    ENVELOPE_BASE64 = "envelope_base64"
    ENVELOPE_GZIP = "envelope_gzip"
    ENVELOPE_FORM = "envelope_form"
    ENVELOPE_JSON = "envelope_json"
    ENVELOPE_JSONP = "envelope_jsonp"
    ENVELOPE_LINES = "envelope_lines"
    ENVELOPE_ARRAY = "envelope_array"
    ENVELOPE_VALUES = "envelope_values"
    ENVELOPE_ROWS = "envelope_rows"
    ENVELOPE_COLUMNS = "envelope_columns"
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
    CONFLICTING_DUPLICATE = "conflicting_duplicate"  # found beside other events, not in the record alone


IDS = ("user_id", "session_id", "event_id")  # the fields that name somebody or something

# What JavaScript, Java, Go, Python, pandas, dumps of SQL, spreadsheets, logs and Google Analytics write where no id is,
# in lower case, without the quotes and brackets around it. The last two are the nil UUID: nobody's, by RFC 9562.
PLACEHOLDERS = (
    *("null", "undefined", "none", "nil", "%!s(<nil>)", "nan", "nat", "<na>", "n/a", "#n/a", "\\n", "not set", "-"),
    *("object object", "object null", "object undefined"),
    *("00000000-0000-0000-0000-000000000000", "0" * 32),
)


@dataclass(frozen=True)
class Column:
    """A column of a table: its name, its type in SQL, what it says."""

    name: str
    type: str
    description: str
    declared_as: str = ""  # of a column that a contract declares, the type that it says

    @property
    def metadata(self) -> dict[str, str]:
        """What Delta keeps with it: what it says, and what it was declared as."""
        return {"comment": self.description, **({DECLARED_AS: self.declared_as} if self.declared_as else {})}


DECLARED_AS = "clickstream.declared_as"  # in a column's metadata: two types may be one of Delta's


@dataclass(frozen=True)
class Schema:
    """Columns in their order."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """Their names."""
        return [column.name for column in self.columns]

    @cached_property
    def spark(self) -> StructType:
        """As Spark's type, with what each column says as its comment. Needs Spark's Python, and no JVM.

        Nullable throughout: Spark reads every column of a file or a topic as nullable, and would refuse to narrow that.
        """
        from pyspark.sql.types import StructType  # noqa: PLC0415 - see above

        return StructType.fromJson({"type": "struct", "fields": [_in_json(column) for column in self.columns]})


_HEADERS = "array<struct<key:string,value:binary>>"
_TYPES: dict[str, Any] = {  # by what SQL calls a type, what Spark's JSON does; any other is called the same
    "bigint": "long",
    "array<string>": {"type": "array", "elementType": "string", "containsNull": True},
    _HEADERS: {
        "type": "array",
        "containsNull": True,
        "elementType": {
            "type": "struct",
            "fields": [
                {"name": "key", "type": "string", "nullable": True, "metadata": {}},
                {"name": "value", "type": "binary", "nullable": True, "metadata": {}},
            ],
        },
    },
}


def _in_json(column: Column) -> dict[str, Any]:
    kind = _TYPES.get(column.type, column.type)
    return {"name": column.name, "type": kind, "nullable": True, "metadata": column.metadata}


_ORIGIN = (
    Column("source", "string", "Where the record came from: a topic or a landing folder."),
    Column("partition", "string", "Part of the source: a topic's partition or a file."),
    Column("offset", "bigint", "Position of the record in its partition."),
    Column("arrived_at", "timestamp", "When the record reached the source."),
    Column("key", "binary", "The record's key in Kafka; null if it has none."),
    Column("headers", _HEADERS, "The record's headers in Kafka, in their order; null if it has none."),
)
_RECORD_TIME = (
    Column("record_time", "timestamp", "The record's own time in Kafka, not corrected; null if it has none."),
    Column("record_time_type", "string", "Who set it: CreateTime, the producer; LogAppendTime, the broker."),
)
_INDEX = Column("index", "bigint", "Position of the event in its record: 0, unless that held several. Null means 0.")
EMPTY = "empty_envelope"  # in the place of a reason: a record that held no event
RECORD = ("source", "partition", "offset")  # names a record for ever
PLACE = (*RECORD, "index")  # names the event made of it, one of several or the only one
_VALUE = Column("value", "binary", "The record's bytes as they arrived.")

# What a producer sends: one JSON object a record, any other field is kept in `extra`.
WIRE = Schema(
    (
        Column("user_id", "string", "The visitor. Never null; a number is kept as its text."),
        Column("session_id", "string", "The session as the producer counts it, null if it does not."),
        Column("event_type", "string", "What the visitor did, one of the accepted event types."),
        Column("page_url", "string", "The page it happened on."),
        Column("product_id", "string", "The product it was about, if any."),
        Column("timestamp", "timestamp", "Event time: when it happened, as the producer's clock says."),
        Column("device_type", "string", "The visitor's device, such as mobile or desktop."),
        Column("ip_address", "string", "The visitor's network address as text, not checked."),
        Column("event_id", "string", "The producer's id of the event; without it nothing is a duplicate."),
    )
)

# What every source yields. Source, partition and offset name a record for ever: a replay gives the same three.
RAW = Schema((_VALUE, *_ORIGIN, *_RECORD_TIME))

# What an event says, but for what makes it a duplicate.
CONTENT = tuple(name for name in (*WIRE.names, "extra") if name not in ("event_id", "timestamp"))

# A new column comes last. A table that exists gains it there, and its checkpoint was made for those before it.
EVENTS = Schema(
    (
        *WIRE.columns,
        Column("extra", "string", "Fields with any other name, as one JSON object; null if there are none."),
        *_ORIGIN,
        Column("event_date", "date", "Date of the event time in UTC; partitions the table."),
        *_RECORD_TIME,
        _INDEX,
    )
)

LATE = Schema(
    (
        *EVENTS.columns,
        Column("generation", "bigint", "Generation of the table that left the event out."),
        Column("batch_id", "bigint", "The batch that read it."),
        Column("watermark", "timestamp", "The watermark of that batch; the event is not later than it."),
    )
)

COPY, REPLACED = "copy", "replaced"  # what is left out: a record that was never an event, and one that was
COPIES = Schema(
    (
        *EVENTS.columns,
        Column("left_out_as", "string", f"{COPY}: it was no event; {REPLACED}: it was one, until an earlier one came."),
        Column("left_out_by", "string", "What left it out: source, generation and batch; or replay, and the run."),
        Column("value", "binary", f"The bytes of a record left out as {COPY}; null of one that was an event."),
        Column("inherited", "string", "Of an event of an envelope, what it has from that, as JSON; null of a record."),
    )
)
OF_COPIES = tuple(name for name in COPIES.names if name not in EVENTS.names)  # what is said of a row, and not in it

QUARANTINE = Schema(
    (
        Column("record_id", "string", "SHA-256 of source, partition, offset and index: the same in every replay."),
        _VALUE,
        *_ORIGIN,
        Column("reasons", "array<string>", "All that is wrong with the record."),
        Column("size", "bigint", "The record's bytes when it came; more than value has, if only its start is kept."),
        *_RECORD_TIME,
        _INDEX,
        Column("inherited", "string", "Of an event of an envelope, what it has from that, as JSON; null of a record."),
    )
)
