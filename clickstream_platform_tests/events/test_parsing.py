"""Every record comes out once, as an event or with its faults, and no bytes can fail a run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import functions as F

from clickstream_platform.events.parsing import Rules, accepted, parse, rejected
from clickstream_platform.events.schema import EVENTS, QUARANTINE, RAW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import DataFrame, Row, SparkSession

pytestmark = pytest.mark.spark

RULES = Rules(("click", "page_view", "purchase"), future_tolerance=timedelta(hours=1), max_record_bytes=100_000)
ARRIVED = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
GOOD = {"user_id": "u1", "event_type": "click", "timestamp": "2024-05-01T10:00:00Z"}


@dataclass(frozen=True)
class Case:
    """A claim, the record, the reasons it is rejected for, and columns it must have. ``micros`` is the event time."""

    claim: str
    value: bytes | None
    reasons: list[str] = field(default_factory=list)
    columns: dict[str, Any] = field(default_factory=dict)


def event(**fields: object) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in GOOD.items() if key != name}).encode()


def ending(text: str) -> bytes:
    """A good event whose last fields are raw JSON text, for what ``json.dumps`` would not write."""
    return event()[:-1] + b"," + text.encode() + b"}"


def at(text: object, micros: int | None = None, *reasons: str) -> Case:
    columns = {} if micros is None else {"micros": micros}
    return Case(f"timestamp {text!r}", event(timestamp=text), list(reasons), columns)


def malformed(claim: str, value: bytes | None) -> Case:
    return Case(claim, value, ["malformed_json"])


def no_object(value: bytes) -> Case:
    return Case(f"{value!r} is not an object", value, ["not_an_object"])


TEN = 1_714_557_600_000_000  # 2024-05-01T10:00:00Z
MINUTE = 60_000_000

SHAPES = [
    Case("an event", event(), columns={"user_id": "u1", "micros": TEN, "extra": None, "event_date": date(2024, 5, 1)}),
    Case("white space around it", b" \t" + event() + b" \r", columns={"user_id": "u1"}),
    Case("a byte order mark", b"\xef\xbb\xbf" + event(), columns={"user_id": "u1"}),
    Case("text beyond ASCII", event(user_id="é😀"), columns={"user_id": "é😀"}),
    malformed("two byte order marks", b"\xef\xbb\xbf" * 2 + event()),
    Case("a tombstone", None, ["no_value"]),
    malformed("nothing", b""),
    malformed("blank", b" \r"),
    malformed("a half-written record", event()[:-1]),
    malformed("two records on one line", event() + event()),
    malformed("two records and a comma", event() + b"," + event()),
    malformed("a record and junk", event() + b" junk"),
    malformed("a record and a bracket", event() + b"]"),
    malformed("a record and a number", event() + b",5"),
    malformed("a number and a record", b"5," + event()),
    malformed("two scalars", b"1 2"),
    malformed("single quotes", event().replace(b'"', b"'")),
    malformed("NaN", ending('"x":NaN')),
    malformed("a comma at the end", event()[:-1] + b",}"),
    malformed("a comment", b"/* */" + event()),
    malformed("bytes that are not UTF-8", event().replace(b"u1", b"\xff")),
    malformed("UTF-16", event().decode().encode("utf-16")),
    malformed("null bytes", b"\x00" * 50),
    malformed("a null byte in a text", event().replace(b"u1", b"u\x001")),
    malformed("a null byte at the end", event() + b"\x00"),
    malformed("gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00\x43\xbf\xa6\xa3"),
    malformed("10,000 open brackets", b"[" * 10_000),
    malformed("10,000 open objects", b'{"a":' * 10_000),
    malformed("a field nested 10,000 deep", ending('"x":' + "[" * 10_000 + "]" * 10_000)),
    malformed("a number of 5,000 digits", ending('"x":' + "9" * 5_000)),
    malformed("half a surrogate in an unknown field, which Spark's variants refuse", ending('"x":"\\ud83d"')),
    *[no_object(value) for value in (b"[1,2]", b"[]", b"null", b"true", b"12", b' "text"', b"[%s]" % event())],
    Case("one byte too large is not read", event(x="y" * 100_000), ["too_large"], {"user_id": None}),
    Case("large and broken is large", b"\xff" * 100_001, ["too_large"]),
    Case("exactly as large as allowed", event().ljust(100_000)),
    Case(
        "an empty object names every fault",
        b"{}",
        ["missing_user_id", "missing_timestamp", "unknown_event_type"],
    ),
]

FIELDS = [
    *[
        Case(f"user_id {value!r} is none", event(user_id=value), ["missing_user_id"], {"user_id": None})
        for value in (None, "", " \t\r\n")
    ],
    Case("no user_id", without("user_id"), ["missing_user_id"]),
    Case("a number is an id", event(user_id=123), columns={"user_id": "123"}),
    Case(
        "a long number keeps its digits",
        ending('"user_id":12345678901234567890'),
        [],
        {"user_id": f"{12345678901234567890}"},
    ),
    Case("so does one of 50 digits", ending('"user_id":' + "7" * 50), columns={"user_id": "7" * 50}),
    Case("a huge exponent", ending('"user_id":1e999999999999')),
    Case("an object in a wire field", event(page_url={"a": [1, None]}), columns={"page_url": '{"a":[1,null]}'}),
    Case("an array in a wire field", event(page_url=[1, "b"]), columns={"page_url": '[1,"b"]'}),
    Case("a boolean in a wire field", event(device_type=True), columns={"device_type": "true"}),
    Case("no session_id", event(session_id=None), columns={"session_id": None}),
    Case("a blank session_id is none", event(session_id=" "), columns={"session_id": None}),
    Case("a blank event_id is none", event(event_id=""), columns={"event_id": None}),
    Case("other blanks stay", event(product_id="", page_url=" "), columns={"product_id": "", "page_url": " "}),
    Case("spaces in an id stay", event(user_id=" u "), columns={"user_id": " u "}),
    Case("of two, the last counts", ending('"user_id":"u2"'), columns={"user_id": "u2"}),
    Case("even if it is null", ending('"user_id":null'), ["missing_user_id"]),
    *[
        Case(f"event type {value!r} is unknown", event(event_type=value), ["unknown_event_type"])
        for value in (None, "", "Click", " click", "scroll", ["click"], 1)
    ],
    Case("no event_type", without("event_type"), ["unknown_event_type"]),
    Case(
        "field names are case-sensitive",
        ending('"User_ID":"u2"'),
        columns={"user_id": "u1", "extra": '{"User_ID":"u2"}'},
    ),
]

UNKNOWN = [
    Case(
        "a field named as a raw column",
        event(offset=7, source="x"),
        columns={"extra": '{"offset":7,"source":"x"}', "source": "s"},
    ),
    Case(
        "types",
        event(a=1, b="1", c=True, d=[1, {"e": None}], f=0.5),
        [],
        {"extra": '{"a":1,"b":"1","c":true,"d":[1,{"e":null}],"f":0.5}'},
    ),
    Case("null is kept", event(a=None), columns={"extra": '{"a":null}'}),
    Case("an empty name", ending('"":1'), columns={"extra": '{"":1}'}),
    Case("of two, the last counts", ending('"a":1,"a":2,"b":{"c":1,"c":2}'), columns={"extra": '{"a":2,"b":{"c":2}}'}),
    Case("a long number keeps its digits", ending(f'"a":{"7" * 38}'), columns={"extra": f'{{"a":{"7" * 38}}}'}),
    Case("a huge exponent", ending('"a":1e999999999999'), columns={"extra": '{"a":"Infinity"}'}),
    Case(
        "900 levels", ending('"a":' + "[" * 900 + "]" * 900), columns={"extra": '{"a":' + "[" * 900 + "]" * 900 + "}"}
    ),
    Case("the name that ends a record", ending('"end of record":1'), columns={"extra": '{"end of record":1}'}),
    Case("quotes and signs", event(**{'a"\\': "\n<é😀"}), columns={"extra": '{"a\\"\\\\":"\\n<é😀"}'}),
]

TIMES = [
    at("2024-05-01 10:00:00Z", TEN),
    at("2024-05-01T10:00Z", TEN),
    at("2024-05-01T10:00", TEN),
    at("2024-05-01T10:00:00", TEN),
    at("2024-05-01T10:00:00.1", TEN + 100_000),
    at("2024-05-01T10:00:00.123456789Z", TEN + 123_456),
    at("2024-05-01T10:00:00.999999999", TEN + 999_999),
    at("2024-05-01T10:00+0530", TEN - 330 * MINUTE),
    at("2024-05-01T10:00:00+05:30", TEN - 330 * MINUTE),
    at("2024-05-01T10:00:00.000+05", TEN - 300 * MINUTE),
    at("2024-05-01T06:00:00-04:00", TEN),
    at("2024-05-01T10:00:00-00:00", TEN),
    at("2024-03-10T02:30:00", 1_710_037_800_000_000),  # an hour that New York's clocks leave out
    at("0001-01-03T00:00:00Z", -62_135_424_000_000_000),
    at("9999-12-29T23:59:59.999999999Z", None, "future_timestamp"),
    at("1582-10-10T00:00:00Z", -12_219_724_800_000_000),
    at("2024-05-01T13:00:00Z", TEN + 180 * MINUTE),
    at("2024-05-01T13:00:00.000001Z", None, "future_timestamp"),
    at("2024-05-01T16:00:00+02:30", None, "future_timestamp"),
    Case("no timestamp", without("timestamp"), ["missing_timestamp"]),
    *[at(value, None, "missing_timestamp") for value in (None, "", " \t")],
    *[
        at(value, None, "bad_timestamp")
        for value in (
            *("yesterday", "2024", "2024-05", "2024-05-01", "2024-05-01T10", "2024-5-1T10:00:00Z", "20240501T100000Z"),
            *("T10:00:00", "10:00:00", "2024-05-01T10:00:00 UTC", "2024-05-01T10:00:00Europe/Paris", "now", "epoch"),
            *("2024-02-30T10:00:00Z", "2023-02-29T10:00:00Z", "2024-13-01T10:00:00Z", "2024-05-01T24:00:00Z"),
            *("2024-05-01T10:60:00Z", "2024-06-30T23:59:60Z", "2024-05-01T10:00:00+19:00", "2024-05-01T10:00:00+05:60"),
            *(
                "2024-05-01T10:00:00.Z",
                "2024-05-01T10:00:00.1234567890Z",
                "2024-05-01T10:00:00Z\n",
                " 2024-05-01T10:00:00Z",
            ),
            *(
                "0000-12-31T23:59:59Z",
                "0001-01-01T00:00:00+01:00",
                "9999-12-31T23:59:59-01:00",
                "10000-01-01T00:00:00Z",
            ),
            *("-2024-05-01T10:00:00Z", "٢٠٢٤-05-01T10:00:00Z", 1_714_557_600_000, 1714557600.5, True, [], {"$date": 0}),
        )
    ],
    Case(
        "a leap day before the calendar's reform",
        event(timestamp="1500-02-28T00:00:00Z"),
        columns={"event_date": date(1500, 2, 28)},
    ),
    Case(
        "the last microsecond of a day",
        event(timestamp="1969-12-31T23:59:59.999999Z"),
        columns={"event_date": date(1969, 12, 31), "micros": -1},
    ),
    Case(
        "several faults",
        b'{"user_id":" ","timestamp":"2025-01-01T00:00:00Z","event_type":"x","a":1}',
        ["missing_user_id", "future_timestamp", "unknown_event_type"],
        {"extra": '{"a":1}', "event_date": None},
    ),
]

CASES = [*SHAPES, *FIELDS, *UNKNOWN, *TIMES]


def raw_records(spark: SparkSession, values: list[bytes | None]) -> DataFrame:
    rows = [(value, "s", "p", offset, ARRIVED, None, None) for offset, value in enumerate(values)]
    return spark.createDataFrame(rows, RAW)


@pytest.fixture(scope="module", params=["UTC", "America/New_York"])
def zone(spark: SparkSession, request: pytest.FixtureRequest) -> Iterator[str]:
    spark.conf.set("spark.sql.session.timeZone", request.param)
    yield request.param
    spark.conf.set("spark.sql.session.timeZone", "UTC")


@pytest.fixture(scope="module")
def outcomes(spark: SparkSession, zone: str) -> dict[int, Row]:
    """Every case in one job. The instants leave Spark as numbers: Python cannot hold year 1 in every zone."""
    parsed = parse(raw_records(spark, [case.value for case in CASES]), RULES)
    shown = parsed.withColumn("micros", F.unix_micros("timestamp")).drop("timestamp", "arrived_at", "value")
    rows = shown.collect()
    assert len(rows) == len(CASES)
    return {row["offset"]: row for row in rows}


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case.claim[:60] for case in CASES])
def test_a_record_has_exactly_its_faults(outcomes: dict[int, Row], index: int) -> None:
    case, row = CASES[index], outcomes[index]
    assert row["reasons"] == case.reasons
    assert {name: row[name] for name in case.columns} == case.columns


def test_a_rejected_record_has_no_event_time(outcomes: dict[int, Row]) -> None:
    for row in outcomes.values():
        assert (row["micros"] is None) == bool(row["reasons"])
        assert (row["event_date"] is None) == bool(row["reasons"])


def test_no_wire_text_of_an_unread_record_is_kept(outcomes: dict[int, Row]) -> None:
    unread = [row for row in outcomes.values() if {"malformed_json", "not_an_object", "too_large"} & {*row["reasons"]}]
    assert {row["page_url"] for row in unread} == {None}


def test_the_halves_are_the_whole_in_the_shape_of_their_tables(spark: SparkSession) -> None:
    values = [event(), b"{", event(a=1), None, b"[]"]
    parsed = parse(raw_records(spark, values), RULES)
    events, quarantine = accepted(parsed), rejected(parsed)
    assert [(c.name, c.dataType, c.metadata) for c in events.schema] == [
        (c.name, c.dataType, c.metadata) for c in EVENTS
    ]
    assert [(c.name, c.metadata) for c in quarantine.schema] == [(c.name, c.metadata) for c in QUARANTINE]
    assert sorted(row["offset"] for row in events.collect()) == [0, 2]
    rows = {row["offset"]: row for row in quarantine.collect()}
    assert {offset: row["value"] for offset, row in rows.items()} == {1: b"{", 3: None, 4: b"[]"}


def test_a_record_id_depends_on_source_partition_and_offset_alone(spark: SparkSession) -> None:
    places = [
        *(("a", "b", 1), ("a", "b", 2), ("a", "b 2", 1), ("2 a", "b", 1)),
        *(("ab", "", 1), ("", "ab", 1), ("b a", "", 1)),
    ]
    rows = [(value, *place, ARRIVED, None, None) for value in (b"{}", b"[]") for place in places]
    ids = [row["record_id"] for row in rejected(parse(spark.createDataFrame(rows, RAW), RULES)).collect()]
    assert len(set(ids)) == len(places)
    assert ids[: len(places)] == ids[len(places) :]
    assert {len(name) for name in ids} == {64}


def test_a_record_id_takes_the_offset_that_the_record_has_in_the_end(spark: SparkSession) -> None:
    parsed = parse(raw_records(spark, [b"{"]), RULES)
    ids = [rejected(parsed.withColumn("offset", F.lit(n))).collect()[0]["record_id"] for n in (0, 1)]
    assert len({*ids}) == 2
    assert ids[0] == rejected(parsed).collect()[0]["record_id"]


def test_the_clock_of_the_future_is_the_arrival(spark: SparkSession) -> None:
    arrivals = [datetime(2024, 5, 1, 9, tzinfo=timezone.utc), datetime(2024, 5, 1, 8, 59, 59, tzinfo=timezone.utc)]
    rows = [(event(), "s", "p", offset, arrived, None, None) for offset, arrived in enumerate(arrivals)]
    parsed = parse(spark.createDataFrame(rows, RAW), RULES).orderBy("offset")
    assert [row["reasons"] for row in parsed.select("reasons").collect()] == [[], ["future_timestamp"]]


@pytest.mark.parametrize(
    ("mask", "kept"),
    [
        ("keep", ["192.0.2.77", "2001:db8:85a3:8d3::8a2e", "2001:db8::1", "::1", "unknown", None]),
        ("/24", ["192.0.2.0", "2001:db8:85a3::", "2001:db8::", None, None, None]),
        ("drop", [None] * 6),
    ],
)
def test_of_an_address_so_much_is_kept(spark: SparkSession, mask: str, kept: list[str | None]) -> None:
    sent = ["192.0.2.77", "2001:db8:85a3:8d3::8a2e", "2001:db8::1", "::1", "unknown", None]
    raw = raw_records(spark, [event(ip_address=address) for address in sent])
    found = parse(raw, replace(RULES, mask_ip=mask)).orderBy("offset").select("ip_address", "reasons").collect()
    assert [row["ip_address"] for row in found] == kept
    assert all(row["reasons"] == [] for row in found)


def test_a_stream_says_the_same_as_a_batch(spark: SparkSession, tmp_path: Path) -> None:
    raw_records(spark, [case.value for case in CASES]).coalesce(1).write.parquet(str(tmp_path / "raw"))
    stream = parse(spark.readStream.schema(RAW).parquet(str(tmp_path / "raw")), RULES)
    query = (
        stream.withWatermark("timestamp", "10 minutes")
        .writeStream.format("parquet")
        .option("checkpointLocation", str(tmp_path / "checkpoint"))
        .trigger(availableNow=True)
        .start(str(tmp_path / "parsed"))
    )
    query.awaitTermination()
    streamed = spark.read.parquet(str(tmp_path / "parsed"))
    batch = parse(spark.read.schema(RAW).parquet(str(tmp_path / "raw")), RULES)
    assert streamed.count() == len(CASES)
    assert streamed.exceptAll(batch.select(streamed.columns)).isEmpty()
    # The newest event that was accepted, not the one of the year 9999.
    progress = query.lastProgress
    assert progress is not None
    assert progress["eventTime"]["max"] == "2024-05-01T13:00:00.000Z"


@pytest.mark.parametrize("half", ["all", "accepted", "rejected"])
def test_an_action_reads_the_fields_of_a_record_once(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], half: str
) -> None:
    # Not from a list: Spark works that out while it plans.
    raw_records(spark, [event()]).write.parquet(str(tmp_path / "raw"))
    parsed = parse(spark.read.schema(RAW).parquet(str(tmp_path / "raw")), RULES)
    {"all": parsed, "accepted": accepted(parsed), "rejected": rejected(parsed)}[half].explain()
    assert capsys.readouterr().out.count("from_json(ArrayType(StructType(") == 1
