"""Records, each with what must come of it: a table of cases."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any

from clickstream_platform.events.rules import Rules

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
