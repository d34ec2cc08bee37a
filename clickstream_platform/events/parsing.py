"""Records in, events out: parse and validate, losing nothing.

No step can fail a run, whatever the bytes: the functions used return null where ANSI mode would raise, and a null is
a reason. Nothing depends on the session's time zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from clickstream_platform.events.schema import EVENTS, QUARANTINE, RAW, WIRE, Reason

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# Spark's reader of JSON is lenient by default; a producer that needs it sends no JSON.
_STRICT = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}

# Parsers stop at the end of the first value and ignore the rest, `{"a":1}{"a":2}` would lose a record. So each text is
# read as the first element of an array whose second and last is the seal: only a text that is one whole value fits.
_SEAL = "end of record"

_FIELDS = ", ".join(f"{name} string" for name in WIRE.fieldNames())

_WHITE = " \t\r\n"

# Casting to a timestamp accepts far more than ISO-8601: a year alone, one-digit months, zones by name.
_ISO = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?\z"

# The years 1 to 9999 in UTC, less two days at either end, in microseconds: a Python client that converts to its own
# time zone, as PySpark's collect does, cannot hold an instant beyond.
_FIRST_INSTANT = -62_135_424_000_000_000
_LAST_INSTANT = 253_402_127_999_999_999


@dataclass(frozen=True)
class Rules:
    """What makes a record an event.

    Args:
        event_types: the accepted event types, case-sensitive.
        future_tolerance: how far an event may lie ahead of its arrival.
        max_record_bytes: a longer record is rejected unread.
        mask_ip: what becomes of ``ip_address``: ``keep``; ``/24``, which leaves the network of an IPv4 address, 48 bits
            of an IPv6 one, and nothing of any other text; ``drop``. A rejected record keeps its bytes, address and all.
        event_id_header: the header whose value is the event's id, before a field of the record; none if empty.
    """

    event_types: tuple[str, ...]
    future_tolerance: timedelta
    max_record_bytes: int
    mask_ip: str = "keep"
    event_id_header: str = ""


def parse(raw: DataFrame, rules: Rules) -> DataFrame:
    """Every record with its faults and its fields: one row a row of ``raw``, in a stream as in a batch.

    Columns: those of ``RAW``; ``reasons``, empty if accepted; then the other columns of ``EVENTS``.
    A rejected record's ``timestamp`` and ``event_date`` are null, so it cannot move a watermark. Its other fields are
    whatever could be read.

    Of a key that an object has twice, the last one counts. A number, a boolean, an array or an object in a wire field
    becomes its JSON text. A blank ``user_id``, ``session_id`` or ``event_id`` becomes null, other fields stay as sent.

    Each action on the result reads the JSON once; persist it before taking both halves of it.
    """
    read = _read(raw, rules)
    valued = _valued(read, rules)
    judged = valued.select("*", _reasons(rules).alias("reasons"))
    event_time = F.when(F.size("reasons") == 0, F.col("_time"))
    given = {"timestamp": event_time, "ip_address": _masked(rules.mask_ip)}
    return judged.select(
        *RAW.fieldNames(),
        "reasons",
        *[given.get(name, F.col(name)).alias(name) for name in WIRE.fieldNames()],
        F.col("_extra").alias("extra"),
        _utc_date(event_time).alias("event_date"),
    )


def accepted(parsed: DataFrame) -> DataFrame:
    """The events among parsed records: the columns of ``EVENTS``, with their comments."""
    return parsed.where(F.size("reasons") == 0).to(EVENTS)


def rejected(parsed: DataFrame) -> DataFrame:
    """The other records: the columns of ``QUARANTINE``, with their comments.

    ``record_id`` is made here, not in ``parse``: the records of a file get their offsets only in the micro-batch.
    """
    return parsed.where(F.size("reasons") > 0).withColumn("record_id", record_id()).to(QUARANTINE)


def _read(raw: DataFrame, rules: Rules) -> DataFrame:
    """Add ``_text``, null if unreadable; ``_whole``, if it is one JSON value; ``_record``, null if it is no object."""
    sealed = F.concat(F.lit("["), F.col("_text"), F.lit(f',{{"{_SEAL}":""}}]'))
    rows = F.from_json(sealed, f"array<struct<{_FIELDS}, `{_SEAL}` string>>", _STRICT)
    is_sealed = (F.size("_rows") == 2) & F.get("_rows", F.lit(1))[_SEAL].isNotNull()
    # Texts take any value. In a `when`, not behind an `or`: Spark works out both sides of that for every record.
    is_other_value = F.size(F.from_json(sealed, "array<string>", _STRICT)) == 2
    whole = F.when(F.col("_rows").isNull(), is_other_value).otherwise(is_sealed)
    return (
        raw.select(*RAW.fieldNames(), _text(rules).alias("_text"))
        .select("*", rows.alias("_rows"))
        .select(
            "*",
            F.coalesce(whole, F.lit(False)).alias("_whole"),
            F.when(is_sealed, F.get("_rows", F.lit(0))).alias("_record"),
        )
    )


def _text(rules: Rules) -> Column:
    """The record as text, without a byte order mark; null if it is too large or not UTF-8."""
    text = F.col("value").cast("string")
    bare = F.when(text.startswith("\ufeff"), F.substring(text, 2, rules.max_record_bytes)).otherwise(text)
    return F.when(~_too_large(rules) & F.is_valid_utf8(text), bare)


def _too_large(rules: Rules) -> Column:
    return F.coalesce(F.octet_length("value") > rules.max_record_bytes, F.lit(False))


def _valued(read: DataFrame, rules: Rules) -> DataFrame:
    """Add the wire fields as texts, ``_time``, and ``_extra`` with ``_unknown``, whether there should be one."""
    wire = {name: F.col("_record")[name] for name in WIRE.fieldNames()}
    if rules.event_id_header:
        wire["event_id"] = F.coalesce(_header(rules.event_id_header), wire["event_id"])
    known = F.array(*[F.lit(name) for name in WIRE.fieldNames()])
    unknown = F.col("_record").isNotNull() & (F.size(F.array_except(F.json_object_keys("_text"), known)) > 0)
    return read.withColumns(
        {
            **wire,
            **{name: F.when(~_is_blank(wire[name]), wire[name]) for name in ("user_id", "session_id", "event_id")},
            "_time": _instant(wire["timestamp"]),
            "_unknown": unknown,
            "_extra": F.when(unknown, _unknown_fields()),
        }
    )


def _masked(mask: str) -> Column:
    """The address, or as much of it as may be kept."""
    address = F.col("ip_address")
    if mask == "keep":
        return address
    if mask == "drop":
        return F.lit(None).cast("string")
    parts = {_IPV4: "$1.0", _IPV6: "$1::"}
    masked = [F.when(address.rlike(p), F.regexp_replace(address, p, keep)) for p, keep in parts.items()]
    return F.coalesce(*masked)


_IPV4 = r"^(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}\z"
_IPV6 = r"^([0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,2}):(?::[0-9A-Fa-f:.]*|[0-9A-Fa-f:.]+)\z"  # up to three groups stay


def _header(name: str) -> Column:
    """The text of the last header of that name, as Kafka's own clients take it; null if blank or no text."""
    of_name = F.filter("headers", lambda header: header["key"] == name)
    text = F.element_at(F.when(F.size(of_name) > 0, of_name), -1)["value"].cast("string")
    return F.when(F.is_valid_utf8(text) & ~_is_blank(text), text)


def _is_blank(text: Column) -> Column:
    return F.btrim(text, F.lit(_WHITE)) == ""


def _unknown_fields() -> Column:
    """The fields that are not of the wire, as a JSON object. Reads the record a second time, as a variant."""
    fields = F.try_variant_get(F.try_parse_json("_text"), "$", "map<string,variant>")
    return F.to_json(F.to_variant_object(F.map_filter(fields, lambda name, _: ~name.isin(WIRE.fieldNames()))))


def _instant(text: Column) -> Column:
    """The instant that an ISO-8601 text names; without a zone it is UTC. Null if no client can hold it."""
    # Spark reads a zone only behind seconds.
    timed = F.when(text.substr(17, 1) == ":", text).otherwise(
        F.concat(text.substr(1, 16), F.lit(":00"), F.substring(text, 17, 6))
    )
    zoned = F.when(F.substring(timed, 17, 99).rlike("[Z+-]"), timed).otherwise(F.concat(timed, F.lit("Z")))
    instant = F.when(text.rlike(_ISO), zoned).try_cast("timestamp")
    return F.when(F.unix_micros(instant).between(_FIRST_INSTANT, _LAST_INSTANT), instant)


def _utc_date(instant: Column) -> Column:
    # A cast to date would take the session's time zone.
    return F.date_from_unix_date(F.floor(F.unix_seconds(instant) / 86_400).cast("int"))


def _reasons(rules: Rules) -> Column:
    """The names of the faults of a record, in the order of ``Reason``."""
    has_value = F.col("value").isNotNull()
    is_object = F.col("_record").isNotNull()
    no_time = F.coalesce(_is_blank(F.col("timestamp")), F.lit(True))
    # In microseconds: adding a duration to a timestamp takes the session's time zone for whole days.
    ahead = F.unix_micros("_time") - F.unix_micros("arrived_at")
    tolerance = rules.future_tolerance // timedelta(microseconds=1)
    # The variant reader refuses a half surrogate that the field reader lets pass: no field may be lost to that.
    lost_fields = F.col("_unknown") & F.col("_extra").isNull()
    faults = {
        Reason.MALFORMED_JSON: has_value & ~_too_large(rules) & (~F.col("_whole") | (is_object & lost_fields)),
        Reason.NOT_AN_OBJECT: F.col("_whole") & ~is_object,
        Reason.MISSING_USER_ID: is_object & F.col("user_id").isNull(),
        Reason.MISSING_TIMESTAMP: is_object & no_time,
        Reason.BAD_TIMESTAMP: is_object & ~no_time & F.col("_time").isNull(),
        Reason.FUTURE_TIMESTAMP: ahead > tolerance,
        Reason.UNKNOWN_EVENT_TYPE: is_object & ~F.coalesce(F.col("event_type").isin(*rules.event_types), F.lit(False)),
        Reason.TOO_LARGE: _too_large(rules),
        Reason.NO_VALUE: ~has_value,  # in a compacted topic: "forget this key"
    }
    named = [F.when(faults[reason], F.lit(reason.value)).otherwise("") for reason in Reason]
    return F.array_remove(F.array(*named), "")


def record_id() -> Column:
    """A record's name for ever, a hash of its source, partition and offset."""
    # The partition's length keeps it apart from the source, whatever signs they hold.
    parts = (F.col("offset"), F.length("partition"), F.col("partition"), F.col("source"))
    return F.sha2(reduce(lambda left, right: F.concat(left, F.lit(" "), right), (p.cast("string") for p in parts)), 256)
