"""Reading never fails, whatever the bytes, and gives what the record says to the digit."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickstream_platform.events.json_record import ParsedRecord, read_json_record
from clickstream_platform.events.schema import WIRE, Reason

FIELDS = WIRE.names
DEEPEST = 500  # levels, the record itself the first

# Half a surrogate too, which JSON can write and UTF-8 cannot.
any_texts = st.text(st.characters())
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)
wire_texts = st.dictionaries(st.sampled_from(FIELDS), st.none() | st.text())
other_fields = st.dictionaries(st.text().filter(lambda name: name not in FIELDS), json_values, max_size=4)
numbers = st.from_regex(
    r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40}([eE][+-]?[0-9]{1,17})?|[eE][+-]?[0-9]{1,17})", fullmatch=True
)

# What JSON is made of, whole and broken: from these it is found more often than from bytes.
PIECES = [
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b" ", b"\n", b"\x00", b"\xef\xbb\xbf", b"\xff", b"\xed\xa0\x80"),
    *(b'"user_id"', b'"a"', b'"\\u0061"', b'"\\ud83d"', b'{"user_id":', b'{"a":', b"null", b"true", b"nul", b"NaN"),
    *(b"0", b"-", b"1.5", b"1e5", b"1e-99999999999999999999", b"9" * 30, b"9" * 5_000, b"[" * 300, b'{"a":' * 300),
    *(b'"' + b"[" * 600 + b'"', b"]" * 300, b"}" * 300, "é😀".encode()),
]  # fmt: skip


def dumped(value: Any, *, is_ascii: bool) -> bytes:
    return json.dumps(value, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")


def exactly(text: str | bytes) -> str:
    """What a JSON text says, with every digit: ``1.10`` is not ``1.1``, ``true`` is not ``1``; but ``1e0`` is ``1``."""
    return repr(json.loads(text, parse_float=Decimal, parse_int=Decimal))


def texts(found: ParsedRecord) -> dict[str, str | None]:
    assert found.fault is None
    return dict(zip(FIELDS, found.texts, strict=True))


def assert_whole(found: ParsedRecord) -> None:
    """Texts that Arrow can hold; with a fault, nothing else."""
    assert len(found.texts) == len(FIELDS)
    assert found.fault is None or found == ParsedRecord(fault=found.fault)
    for text in (*found.texts, found.extra):
        assert text is None or text.encode().decode() == text


@given(st.binary() | st.lists(st.sampled_from(PIECES)).map(b"".join))
@settings(max_examples=1_000)
def test_no_bytes_make_reading_fail(value: bytes) -> None:
    assert_whole(read_json_record(value))


@given(st.dictionaries(st.sampled_from(FIELDS) | any_texts, json_values | any_texts | st.floats()), st.booleans())
def test_no_object_makes_reading_fail(record: dict[str, Any], is_ascii: bool) -> None:
    assert_whole(read_json_record(dumped(record, is_ascii=is_ascii)))


@given(json_values | st.floats() | any_texts, st.booleans())
def test_a_json_value_is_an_event_or_not_an_object_or_malformed(value: Any, is_ascii: bool) -> None:
    found = read_json_record(dumped(value, is_ascii=is_ascii))
    assert_whole(found)
    if isinstance(value, dict):
        assert found.fault is None
    else:
        assert found.fault in {Reason.NOT_AN_OBJECT, Reason.MALFORMED_JSON}


@given(json_values, st.booleans(), st.data())
def test_json_that_breaks_off_is_malformed(value: Any, is_ascii: bool, data: st.DataObject) -> None:
    whole = dumped({"a": value}, is_ascii=is_ascii)
    end = data.draw(st.integers(0, len(whole) - 1))
    assert read_json_record(whole[:end]) == ParsedRecord(fault=Reason.MALFORMED_JSON)


@given(wire_texts, st.booleans())
def test_an_object_of_texts_comes_out_text_for_text(record: dict[str, str | None], is_ascii: bool) -> None:
    found = read_json_record(dumped(record, is_ascii=is_ascii))
    assert texts(found) == {**dict.fromkeys(FIELDS), **record}
    assert found.extra is None


@given(wire_texts, other_fields, st.booleans(), st.randoms(use_true_random=False))
def test_other_fields_come_out_as_they_are(
    wire: dict[str, str | None], other: dict[str, Any], is_ascii: bool, order: Any
) -> None:
    fields = [*wire.items(), *other.items()]
    order.shuffle(fields)
    found = read_json_record(dumped(dict(fields), is_ascii=is_ascii))
    assert texts(found) == {**dict.fromkeys(FIELDS), **wire}
    sent = {name: value for name, value in fields if name in other}
    assert (found.extra and exactly(found.extra)) == (exactly(json.dumps(sent)) if sent else None)


@given(st.sampled_from(FIELDS), json_values, st.booleans())
def test_a_wire_field_that_is_no_text_comes_out_as_its_json(name: str, value: Any, is_ascii: bool) -> None:
    text = texts(read_json_record(dumped({name: value}, is_ascii=is_ascii)))[name]
    if value is None or isinstance(value, str):
        assert text == value
    else:
        assert text is not None
        assert exactly(text) == exactly(json.dumps(value))


@given(numbers)
def test_a_number_keeps_its_value_and_its_digits(number: str) -> None:
    found = read_json_record(f'{{"user_id":{number},"a":[{number}]}}'.encode())
    user_id = texts(found)["user_id"]
    assert user_id is not None
    assert Decimal(user_id).as_tuple() == Decimal(number).as_tuple()
    assert found.extra is not None
    assert exactly(found.extra) == exactly(f'{{"a":[{number}]}}')


@given(st.integers(-(10**4299) + 1, 10**4300 - 1))
def test_a_whole_number_keeps_its_digits(number: int) -> None:
    found = read_json_record(b'{"user_id":%d,"a":%d}' % (number, number))
    assert texts(found)["user_id"] == str(number)
    assert found.extra == f'{{"a":{number}}}'


# Brackets and quotes in texts, which are no levels.
OPEN = {'{"[":': "}", '{"{\\"[\\\\":': "}", '["[[\\"{",': "]", "[": "]"}


@given(st.lists(st.sampled_from(list(OPEN)), min_size=DEEPEST - 2, max_size=DEEPEST + 1), st.booleans())
@settings(max_examples=50)
def test_what_is_nested_deeper_than_500_levels_is_malformed(opened: list[str], in_wire_field: bool) -> None:
    value = "".join(opened) + "1" + "".join(OPEN[sign] for sign in reversed(opened))
    name = "page_url" if in_wire_field else "a"
    found = read_json_record(f'{{"{name}":{value}}}'.encode())
    is_deep = 1 + len(opened) > DEEPEST
    assert found.fault == (Reason.MALFORMED_JSON if is_deep else None)
    assert is_deep or (texts(found)["page_url"] or found.extra) == (value if in_wire_field else f'{{"a":{value}}}')


def test_how_deep_the_caller_is_has_no_say() -> None:
    value = b'{"a":' * DEEPEST + b"1" + b"}" * DEEPEST

    def called(levels: int) -> ParsedRecord:
        return called(levels - 1) if levels else read_json_record(value)

    assert called(300).extra == value[5:-1].decode().join(['{"a":', "}"])


@pytest.mark.parametrize(
    "value",
    [
        b'{"a":"' + b"[" * 501 + b'\\"' * 49_000,  # a text that never ends
        b'{"a":"' + b"[" * 501 + b'\\"' * 49_000 + b"\\",
        b'{"a":' + b"[" * 501 + b'"' * 99_000,
        b'{"a":"' + b"[" * 501 + b'\\"' * 49_000 + b'"}',
        b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"a":[' + b"[]," * 33_000 + b"1]}",
        b'{"a":[' + (b"9" * 4_300 + b",") * 22 + b"1]}",
        b'{"a":0.' + b"1" * 99_000 + b"}",
        b'{"a":' + b"1" * 99_000 + b"e5}",
        b'{"a":' + b"1" * 99_000 + b"}",
    ],
    ids=lambda value: f"{value[:8]}...{value[-8:]}",
)
def test_no_record_of_100_000_bytes_takes_a_second(value: bytes) -> None:
    before = time.process_time()
    assert_whole(read_json_record(value))
    assert time.process_time() - before < 1
