"""Every record comes out once, as an event or with its faults, and no bytes can fail a run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark.sql import functions as F

from clickstream_platform.events.frames import accepted_events
from clickstream_platform.events.masks import Masks
from clickstream_platform.events.parsing import read_records
from clickstream_platform.events.placeholders import is_none
from clickstream_platform.events.rules import Parse, Rules
from clickstream_platform.events.schema import EVENTS, PLACEHOLDERS, QUARANTINE, RAW, WIRE
from clickstream_platform.events.timestamps import INSTANT, Unit
from clickstream_platform.streaming.ingest.deduplicate import IS_ID
from clickstream_platform.streaming.ingest.record_ids import record_id
from clickstream_platform.streaming.ingest.staged import StagedBatch
from clickstream_platform.streaming.ingest.staging import staging_stream
from clickstream_platform.streaming.lake.scan import open_duckdb
from clickstream_platform_tests.on_store import needs_a_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

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


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


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
    malformed("a number with an exponent of 20 digits", ending('"x":1e12345678901234567890')),
    malformed("half a surrogate in an unknown field, which no UTF-8 can hold", ending('"x":"\\ud83d"')),
    malformed("half a surrogate in the name of an unknown field", ending('"\\ud83d":1')),
    malformed("half a surrogate in a wire field", ending('"user_id":"\\ud83d"')),
    malformed("the other half of a surrogate in a wire field", ending('"user_id":"\\udc00"')),
    # The record itself is the first level.
    malformed("a field one level deeper than 500", ending(f'"x":{nested(500)}')),
    malformed("a wire field one level deeper than 500", ending(f'"page_url":{nested(500)}')),
    malformed("objects one level deeper than 500", b'{"a":' * 501 + b"1" + b"}" * 501),
    malformed("an array one level deeper than 500", nested(501).encode()),
    no_object(nested(500).encode()),
    *[no_object(value) for value in (b"[1,2]", b"[]", b"null", b"true", b"12", b' "text"', b"[%s]" % event())],
    Case("one byte too large is not read", event(x="y" * 100_000), ["too_large"], {"user_id": None}),
    Case("large and broken is large", b"\xff" * 100_001, ["too_large"]),
    Case("exactly as large as allowed", event().ljust(100_000)),
    Case(
        "an empty object names every fault",
        b"{}",
        ["missing_user_id", "missing_timestamp", "missing_event_type"],
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
    Case("a decimal number keeps its digits", ending('"user_id":1.10'), columns={"user_id": "1.10"}),
    Case("a huge exponent", ending('"user_id":1e999999999999')),
    Case("an escaped name is the name", ending('"user\\u005fid":"u2"'), columns={"user_id": "u2", "extra": None}),
    Case("also of a number", ending('"user\\u005fid":2'), columns={"user_id": "2", "extra": None}),
    Case(
        "a wire field as deep as allowed",
        ending(f'"page_url":{nested(499)}'),
        columns={"page_url": nested(499), "extra": None},
    ),
    Case("1,000 brackets in a text are no levels", event(page_url="[" * 1_000), columns={"page_url": "[" * 1_000}),
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
        for value in ("Click", " click", "scroll", ["click"], 1)
    ],
    *[
        Case(f"event type {value!r} is none", event(event_type=value), ["missing_event_type"])
        for value in (None, "", " \t")
    ],
    Case("no event_type", without("event_type"), ["missing_event_type"]),
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
        columns={"extra": '{"offset":7,"source":"x"}'},
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
    Case("a huge exponent", ending('"a":1e999999999999'), columns={"extra": '{"a":1E+999999999999}'}),
    Case(
        "a decimal number keeps its digits",
        ending('"a":0.1234567890123456789012345'),
        columns={"extra": '{"a":0.1234567890123456789012345}'},
    ),
    Case("500 levels", ending(f'"a":{nested(499)}'), columns={"extra": f'{{"a":{nested(499)}}}'}),
    Case(
        "500 levels of objects",
        b'{"a":' * 499 + event() + b"}" * 499,
        ["missing_user_id", "missing_timestamp", "missing_event_type"],
    ),
    Case("1,000 brackets in a text", event(a="[" * 1_000), columns={"extra": f'{{"a":"{"[" * 1_000}"}}'}),
    Case(
        "brackets in a text with quotes",
        event(a='"\\' + "{" * 1_000),
        columns={"extra": f'{{"a":"\\"\\\\{"{" * 1_000}"}}'},
    ),
    Case(
        "2,000 shallow objects",
        event(a=[{"b": []}] * 2_000),
        columns={"extra": '{"a":[' + ",".join(['{"b":[]}'] * 2_000) + "]}"},
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
    at("2024-05-01", TEN - 600 * MINUTE),
    at("2024-05-01T10", TEN),
    at("2024-04-30T24:00:00Z", TEN - 600 * MINUTE),
    at("20240501T100000Z", TEN),
    at("2024-05-01t10:00:00,5z", TEN + 500_000),
    at(" 2024-05-01 10:00:00 UTC\n", TEN),
    at("2024-05-01T10:00:00 +01:00", TEN - 60 * MINUTE),
    at("2024-05-01T10:00:00.1234567890Z", TEN + 123_456),
    at(1_714_557_600, TEN),
    at(1_714_557_600.5, TEN + 500_000),
    at(1_714_557_600_123, TEN + 123_000),
    at("1714557600123456", TEN + 123_456),
    at(1_714_557_600_123_456_789, TEN + 123_456),
    at(20240501, TEN - 600 * MINUTE),
    *[at(value, None, "ambiguous_timestamp") for value in (0, "2024", 20240230, 202405011000, -5, 1e7)],
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
            *("yesterday", "2024-05", "2024-5-1T10:00:00Z", "2024-0501", "2024-05-01T10:0000", "2024-05-01Z"),
            *("T10:00:00", "10:00:00", "2024-05-01T10:00:00 CET", "2024-05-01T10:00:00Europe/Paris", "now", "epoch"),
            *("2024-02-30T10:00:00Z", "2023-02-29T10:00:00Z", "2024-13-01T10:00:00Z", "2024-05-01T24:00:01Z"),
            *("2024-05-01T10:60:00Z", "2024-06-30T23:59:60Z", "2024-05-01T10:00:00+19:00", "2024-05-01T10:00:00+05:60"),
            *(
                "2024-05-01T10:00:00.Z",
                "2024-05-01T10:00:00.5.5Z",
                "2024-05-01  10:00:00Z",
                "2024-05-01T10:00:00  Z",
                "2024-05-01T10:00:00ZZ",
            ),
            *(
                "0000-12-31T23:59:59Z",
                "0001-01-01T00:00:00+01:00",
                "9999-12-31T23:59:59-01:00",
                "10000-01-01T00:00:00Z",
            ),
            *("-2024-05-01T10:00:00Z", "٢٠٢٤-05-01T10:00:00Z", "NaN", 1e30, True, [], {"$date": 0}),
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


def read_all(
    values: list[bytes | None],
    rules: Rules = RULES,
    *,
    arrived: list[datetime] | None = None,
    ids: list[bytes | None] | None = None,
) -> list[dict[str, Any]]:
    """What becomes of each record, without Spark. ``micros`` is the event time as a number."""
    found = read_records(
        pa.array(values, pa.binary()),
        pa.array(arrived or [ARRIVED] * len(values), INSTANT),
        pa.array(ids or [None] * len(values), pa.binary()),
        rules,
    )
    micros = pc.cast(found.field("timestamp"), pa.int64()).to_pylist()
    return [{**row, "micros": at} for row, at in zip(found.to_pylist(), micros, strict=True)]


@pytest.fixture(scope="module")
def outcomes() -> list[dict[str, Any]]:
    """Every case, in one column."""
    return read_all([case.value for case in CASES])


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case.claim[:60] for case in CASES])
def test_a_record_has_exactly_its_faults(outcomes: list[dict[str, Any]], index: int) -> None:
    case, row = CASES[index], outcomes[index]
    assert row["reasons"] == case.reasons
    assert {name: row[name] for name in case.columns} == case.columns


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case.claim[:60] for case in CASES])
def test_a_record_reads_the_same_alone(outcomes: list[dict[str, Any]], index: int) -> None:
    assert read_all([CASES[index].value]) == [outcomes[index]]


def test_no_records_are_no_rows() -> None:
    assert read_all([]) == []


def test_a_rejected_record_has_no_event_time(outcomes: list[dict[str, Any]]) -> None:
    for row in outcomes:
        assert (row["micros"] is None) == bool(row["reasons"])
        assert (row["event_date"] is None) == bool(row["reasons"])


def test_no_wire_text_of_an_unread_record_is_kept(outcomes: list[dict[str, Any]]) -> None:
    unread = [row for row in outcomes if {"malformed_json", "not_an_object", "too_large"} & {*row["reasons"]}]
    assert {row[name] for row in unread for name in (*WIRE.names, "extra")} == {None}


def test_the_clock_of_the_future_is_the_arrival() -> None:
    arrivals = [datetime(2024, 5, 1, 9, tzinfo=timezone.utc), datetime(2024, 5, 1, 8, 59, 59, tzinfo=timezone.utc)]
    found = read_all([event(), event()], arrived=arrivals)
    assert [row["reasons"] for row in found] == [[], ["future_timestamp"]]


ADDRESSES = ["192.0.2.77", "2001:db8:85a3:8d3::8a2e", "2001:db8::1", "::1", "unknown", None]


@pytest.mark.parametrize(
    ("mask", "kept"),
    [
        ("keep", ADDRESSES),
        ("/24", ["192.0.2.0", "2001:db8:85a3::", "2001:db8::", None, None, None]),
        ("drop", [None] * 6),
    ],
)
def test_of_an_address_so_much_is_kept(mask: str, kept: list[str | None]) -> None:
    found = read_all([event(ip_address=address) for address in ADDRESSES], replace(RULES, mask_ip=mask))
    assert [row["ip_address"] for row in found] == kept
    assert all(row["reasons"] == [] for row in found)


BAD = ["bad_timestamp"]


@pytest.mark.parametrize(("unit", "reasons"), [("auto", []), ("ms", []), ("s", BAD), ("iso", BAD)])
def test_a_number_is_read_by_the_unit_that_is_set(unit: Unit, reasons: list[str]) -> None:
    found = read_all([event(timestamp=1_714_557_600_000), event()], replace(RULES, timestamp_unit=unit))
    assert [row["reasons"] for row in found] == [reasons, []]


def test_a_small_number_is_not_ambiguous_where_the_unit_is_set() -> None:
    found = read_all([event(timestamp=20240501), event(timestamp="x")], replace(RULES, timestamp_unit="s"))
    assert [row["micros"] for row in found] == [20_240_501_000_000, None]
    assert found[1]["reasons"] == ["bad_timestamp"]


UNSEEN = ["\u00a0", "\u3000", "\u200b", "\ufeff", "\u2060null\u00ad", "\u3164", "\x7f"]
NO_IDS = [
    *(*PLACEHOLDERS, " NULL ", "Undefined\t", "[object Object]", "NaN", "<nil>", "'null'", '"undefined"', "(not set)"),
    *("{00000000-0000-0000-0000-000000000000}", "N/A", "<NA>", "\\N", *UNSEEN),
]
IDS = ["nullable", "u1", "anil", "none of it", "0", "na", "null-7", "unknown soldier", "nilsson", "\u200bu1", "\x7fu"]


@pytest.mark.parametrize("name", ["user_id", "session_id", "event_id"])
def test_an_id_that_is_none_is_kept_and_counted(name: str) -> None:
    found = read_all([event(**{name: each}) for each in (*NO_IDS, *IDS)])
    assert [row[name] for row in found] == [*NO_IDS, *IDS]
    assert [row["has_placeholder"] for row in found] == [True] * len(NO_IDS) + [False] * len(IDS)
    assert all(row["reasons"] == [] for row in found)


@pytest.mark.parametrize("name", ["user_id", "session_id", "event_id"])
def test_an_id_that_is_none_is_rejected_where_that_is_set(name: str) -> None:
    rules = replace(RULES, placeholder_ids="reject")
    found = read_all([event(**{name: each}) for each in (*NO_IDS, "u1")], rules)
    assert [row["reasons"] for row in found] == [["placeholder_id"]] * len(NO_IDS) + [[]]


@pytest.mark.parametrize(("ids", "are_none"), [(NO_IDS, True), (IDS, False)])
def test_python_arrow_and_duckdb_agree_on_what_is_no_id(ids: list[str], are_none: bool) -> None:
    given = pa.table({"event_id": ids})
    with open_duckdb() as connection:
        connection.register("given", given)
        kept = connection.sql(f"SELECT count(*) FROM given WHERE {IS_ID}").fetchall()
    assert kept == [(0 if are_none else len(ids),)]
    assert {is_none(each) for each in ids} == {are_none}
    masks = Masks(hashed=frozenset({"user_id"}), secret=b"0123456789abcdef")
    assert {masks.hash_of(each) == each for each in ids} == {are_none}


def test_a_blank_id_is_a_placeholder_unless_it_is_a_fault_of_its_own() -> None:
    records = [event(user_id=" "), event(session_id=""), event(event_id=" "), event(session_id=None), b"{", None]
    found = read_all(records, replace(RULES, placeholder_ids="reject"))
    assert [row["has_placeholder"] for row in found] == [False, True, True, False, False, False]
    assert [row["reasons"] for row in found[:4]] == [["missing_user_id"], ["placeholder_id"], ["placeholder_id"], []]


def test_an_id_from_elsewhere_takes_the_place_of_a_placeholder_and_may_be_one() -> None:
    found = read_all([event(event_id="null"), event(event_id="own")], ids=[b"given", b"undefined"])
    assert [row["has_placeholder"] for row in found] == [False, True]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (b"given", "given"),
        ("é😀".encode(), "é😀"),
        (b" given ", " given "),
        (None, "own"),
        (b"", "own"),
        (b" \t\r\n", "own"),
        (b"\xff", "own"),
    ],
)
def test_an_id_from_elsewhere_goes_first_unless_it_is_blank_or_no_text(given: bytes | None, kept: str) -> None:
    # A record beside it has an id from elsewhere in any case.
    found = read_all([event(event_id="own"), event(event_id="own")], ids=[given, b"x"])
    assert [row["event_id"] for row in found] == [kept, "x"]


def test_an_id_from_elsewhere_is_no_fault_and_mends_none() -> None:
    found = read_all([event(), b"{", None], ids=[b"\xff", b"x", b"x"])
    assert [row["reasons"] for row in found] == [[], ["malformed_json"], ["no_value"]]


def raw_records(spark: SparkSession, values: list[bytes | None]) -> DataFrame:
    rows = [(value, "s", "p", offset, ARRIVED, None, None, None, None) for offset, value in enumerate(values)]
    return spark.createDataFrame(rows, RAW.spark)


@pytest.fixture(params=["UTC", "America/New_York"])
def zone(spark: SparkSession, request: pytest.FixtureRequest) -> Iterator[str]:
    spark.conf.set("spark.sql.session.timeZone", request.param)
    yield request.param
    spark.conf.set("spark.sql.session.timeZone", "UTC")


@pytest.mark.spark
@pytest.mark.usefixtures("zone")
def test_spark_gives_the_same_in_every_time_zone(spark: SparkSession, outcomes: list[dict[str, Any]]) -> None:
    # The instants leave Spark as numbers: Python cannot hold year 1 in every zone.
    parsed = Parse(RULES)(raw_records(spark, [case.value for case in CASES]))
    shown = parsed.withColumn("micros", F.unix_micros("timestamp")).drop("timestamp", "arrived_at", "value")
    rows = sorted((row.asDict() for row in shown.collect()), key=lambda row: row["offset"])
    place = {
        "source": "s",
        "partition": "p",
        "key": None,
        "headers": None,
        "record_time": None,
        "record_time_type": None,
        "index": 0,
        "inherited": None,
        "inside": None,
    }
    assert rows == [{**_without_timestamp(row), **place, "offset": offset} for offset, row in enumerate(outcomes)]


def _without_timestamp(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "timestamp"}


@pytest.mark.spark
def test_the_events_have_the_shape_of_their_table(spark: SparkSession) -> None:
    events = accepted_events(Parse(RULES)(raw_records(spark, HALVES)))
    assert [(c.name, c.dataType, c.metadata) for c in events.schema] == [
        (c.name, c.dataType, c.metadata) for c in EVENTS.spark
    ]
    assert sorted(row["offset"] for row in events.collect()) == [0, 2]


HALVES = [event(), b"{", event(a=1), None, b"[]"]


@pytest.mark.spark
def test_the_halves_are_the_whole(spark: SparkSession, tmp_path: Path) -> None:
    staged = staged_records(raw_records(spark, HALVES).coalesce(1), tmp_path)
    assert [row["offset"] for batch in staged.accepted() for row in batch.to_pylist()] == [0, 2]
    rows = [row for batch in staged.rejected() for row in batch.select(QUARANTINE.names).to_pylist()]
    assert {row["offset"]: row["value"] for row in rows} == {1: b"{", 3: None, 4: b"[]"}
    assert [row["reasons"] for row in rows] == [["malformed_json"], ["no_value"], ["not_an_object"]]


def staged_records(raw: DataFrame, folder: Path) -> StagedBatch:
    beside = {"event_id": F.lit(None).cast("binary"), "size": F.octet_length("value").cast("long")}
    flat = raw.withColumns({"headers": F.to_json("headers"), **beside})
    (where := folder / "staged").mkdir(exist_ok=True)
    return StagedBatch.collect(staging_stream(flat, Parse(RULES), where, iter), where)


def test_a_record_id_depends_on_source_partition_and_offset_alone() -> None:
    places = [
        *(("a", "b", 1), ("a", "b", 2), ("a", "b 2", 1), ("2 a", "b", 1)),
        *(("ab", "", 1), ("", "ab", 1), ("b a", "", 1)),
    ]
    ids = [record_id(*place) for place in places]
    assert len(set(ids)) == len(places)
    assert ids == [record_id(*place) for place in places]
    assert {len(name) for name in ids} == {64}


@pytest.mark.spark
def test_a_record_id_is_what_it_was_when_spark_made_it(spark: SparkSession) -> None:
    places = [("topic", "0", 2**40), ("/landing", "é😀 1.json", 0)]
    frame = spark.createDataFrame(places, "source string, partition string, offset long")
    made = frame.selectExpr("sha2(concat(offset, ' ', length(partition), ' ', partition, ' ', source), 256) AS id")
    assert [row["id"] for row in made.collect()] == [record_id(*place) for place in places]


@pytest.mark.spark
def test_a_record_id_is_made_of_the_place_of_the_record(spark: SparkSession, tmp_path: Path) -> None:
    staged = staged_records(raw_records(spark, [event(), b"{", event(), b"[]", b"{"]).coalesce(1), tmp_path)
    ids = [row["record_id"] for batch in staged.rejected() for row in batch.to_pylist()]
    assert ids == [record_id("s", "p", line) for line in (1, 3, 4)]


HEADERS = [
    ([("id", b"one")], "one"),
    ([("id", b"one"), ("id", b"two"), ("ID", b"three")], "two"),
    ([("id", b"one"), ("id", None)], "own"),
    ([("id", b"one"), ("id", b" ")], "own"),
    ([("other", b"one")], "own"),
    ([], "own"),
    (None, "own"),
]


@pytest.mark.spark
@pytest.mark.parametrize("named", ["id", ""])
def test_an_event_id_is_that_of_the_last_header_of_the_name(spark: SparkSession, named: str) -> None:
    value = event(event_id="own")
    about = [(ARRIVED, None, headers, None, None) for headers, _ in HEADERS]
    rows = [(value, "s", "p", offset, *columns) for offset, columns in enumerate(about)]
    parsed = Parse(replace(RULES, event_id_header=named))(spark.createDataFrame(rows, RAW.spark))
    ids = [row["event_id"] for row in parsed.orderBy("offset").select("event_id").collect()]
    assert ids == [kept if named else "own" for _, kept in HEADERS]


@pytest.mark.spark
def test_a_stream_says_the_same_as_a_batch(spark: SparkSession, tmp_path: Path) -> None:
    needs_a_folder("its checkpoint is in one")
    raw_records(spark, [case.value for case in CASES]).coalesce(1).write.parquet(str(tmp_path / "raw"))
    stream = Parse(RULES)(spark.readStream.schema(RAW.spark).parquet(str(tmp_path / "raw")))
    query = (
        stream.withWatermark("timestamp", "10 minutes")
        .writeStream.format("parquet")
        .option("checkpointLocation", str(tmp_path / "checkpoint"))
        .trigger(availableNow=True)
        .start(str(tmp_path / "parsed"))
    )
    query.awaitTermination()
    streamed = spark.read.parquet(str(tmp_path / "parsed"))
    batch = Parse(RULES)(spark.read.schema(RAW.spark).parquet(str(tmp_path / "raw")))
    assert streamed.count() == len(CASES)
    assert streamed.exceptAll(batch.select(streamed.columns)).isEmpty()
    # The newest event that was accepted, not the one of the year 9999.
    progress = query.lastProgress
    assert progress is not None
    assert progress["eventTime"]["max"] == "2024-05-01T13:00:00.000Z"


@pytest.mark.spark
@pytest.mark.parametrize("half", ["all", "accepted"])
def test_an_action_reads_the_fields_of_a_record_once(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], half: str
) -> None:
    # Not from a list: Spark works that out while it plans.
    raw_records(spark, [event()]).write.parquet(str(tmp_path / "raw"))
    parsed = Parse(RULES)(spark.read.schema(RAW.spark).parquet(str(tmp_path / "raw")))
    {"all": parsed, "accepted": accepted_events(parsed)}[half].explain()
    assert capsys.readouterr().out.count("MapInArrow read(") == 1
