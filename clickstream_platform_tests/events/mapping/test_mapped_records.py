"""What a record becomes by a mapping: its columns, its reason if it is no event, and all that no column takes."""

from __future__ import annotations

import json
from collections import Counter
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from clickstream_platform.events.mapping.column_choosers import column_choosers
from clickstream_platform.events.mapping.compiled import compile_columns as columns_of
from clickstream_platform.events.mapping.model import COLUMNS, ColumnMapping, EventTypes, Mapping
from clickstream_platform.events.mapping.named import preset
from clickstream_platform.events.mapping.reader import record_reader
from clickstream_platform.events.masks import Masks
from clickstream_platform.events.schema import Reason
from clickstream_platform_tests.events.mapping.mapped import LEAST, by, columns


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("integer", 12, "12"),
        ("integer", " 12 ", "12"),
        ("integer", 12.0, "12"),
        ("integer", "12.5", None),
        ("integer", "x", None),
        ("decimal", 12.5, "12.5"),
        ("decimal", "1e3", "1e3"),
        ("decimal", "1,5", None),
        ("boolean", True, "true"),
        ("boolean", "False", "false"),
        ("boolean", 1, None),
        ("text", 12, "12"),
        ("text", {"a": 1}, '{"a":1}'),
    ],
)
def test_a_value_of_another_type_is_a_reason(mapping: Any, kind: str, value: Any, text: str | None) -> None:
    found = by(mapping(LEAST + f'product_id = {{ from = ["p"], type = "{kind}" }}'), {"p": value})
    assert (columns(found).get("product_id"), found.is_of_wrong_type) == (text, text is None)


def test_a_default_is_for_records_that_have_nothing_there(mapping: Any) -> None:
    found = mapping(LEAST + 'device_type = { from = ["d"], default = "web" }')
    assert columns(by(found, {"d": "app"}))["device_type"] == "app"
    assert columns(by(found, {"d": " "}))["device_type"] == "web"
    assert columns(by(found, {}))["device_type"] == "web"


def test_of_several_ids_the_first_that_names_somebody_counts_and_the_others_stay_in_extra(mapping: Any) -> None:
    found = mapping(LEAST.replace('"who"', '["who", "anonymous"]'))
    both = by(found, {"who": "u", "anonymous": "a"})
    assert (columns(both)["user_id"], both.extra) == ("u", '{"anonymous":"a"}')
    neither = by(found, {"who": "null", "anonymous": " "})
    assert (columns(neither)["user_id"], neither.extra) == ("null", '{"anonymous":" "}')
    second = by(found, {"who": "N/A", "anonymous": "[object Object]"})
    assert columns(second)["user_id"] == "N/A"
    assert columns(by(found, {"who": "NULL", "anonymous": "a"}))["user_id"] == "a"


def test_a_name_that_became_another_word_stays_in_extra(mapping: Any) -> None:
    found = mapping(LEAST + '[event_types.names]\n"Order Completed" = "purchase"\nclick = "click"')
    renamed = by(found, {"what": "Order Completed"})
    assert (columns(renamed)["event_type"], renamed.extra) == ("purchase", '{"what":"Order Completed"}')
    assert by(found, {"what": "click"}).extra is None
    assert by(found, {"what": "other"}).extra is None


def test_a_path_of_two_columns_serves_both_and_is_not_kept_twice(mapping: Any) -> None:
    found = mapping(LEAST + 'ip_address = "who"\nsession_id = ["s", "at"]')
    read = by(found, {"who": "10.0.0.1", "s": "x", "at": "2024-03-01", "more": 1})
    assert columns(read) == {
        "user_id": "10.0.0.1",
        "ip_address": "10.0.0.1",
        "session_id": "x",
        "timestamp": "2024-03-01",
    }
    assert read.extra == '{"more":1}'


def test_a_text_that_is_an_object_is_read_as_one_where_that_is_said(mapping: Any) -> None:
    found = mapping(
        '[record]\ntexts = ["p", "q"]\n[columns]\nuser_id = "p.id"\ntimestamp = "at"\nevent_type = "p.type"\n'
    )
    text = ' {"id": "u", "type": "click", "n": 1.10, "deep": {"m": null}}'
    read = by(found, {"p": text, "q": '{"cut": ', "r": '{"a": 1}', "at": "2024-03-01"})
    assert columns(read) == {"user_id": "u", "event_type": "click", "timestamp": "2024-03-01"}
    assert read.extra == '{"p":{"n":1.10,"deep":{"m":null}},"q":"{\\"cut\\": ","r":"{\\"a\\": 1}"}'
    masks = Masks(dropped=frozenset({"n"}))
    assert '"n"' not in str(record_reader(found, masks)(json.dumps({"p": text}).encode()).extra)


def test_a_text_of_a_line_that_is_json_is_read_as_such(mapping: Any) -> None:
    found = mapping(
        '[record]\nformat = "delimited"\nseparator = "|"\ncolumns = ["who", "at", "p"]\ntexts = ["p"]\n'
        '[columns]\nuser_id = "who"\ntimestamp = "at"\nevent_type = "p[0].type"\nproduct_id = "p[key=sku].value"\n'
    )
    line = b'u|2024-03-01|[{"type": "click"}, {"key": "sku", "value": "7"}]'
    assert columns(record_reader(found)(line)) == {
        **{"user_id": "u", "timestamp": "2024-03-01", "event_type": "click", "product_id": "7"}
    }
    for text in ("[1, {}]", "[", "a"):  # no list of objects
        assert record_reader(found)(f"u|2024-03-01|{text}".encode()).extra == f'{{"p":"{text}"}}'


def test_a_star_stands_for_any_signs_and_the_reason_is_what_was_declared(mapping: Any) -> None:
    found = mapping(LEAST + '[pass_over]\nwhat = ["ping", "debug.*"]\n"a.b" = "1"')
    assert by(found, {"what": "ping"}).passed_over == "ping"
    assert by(found, {"what": "debug.of.somebody"}).passed_over == "debug.*"
    assert by(found, {"a": {"b": 1}}).passed_over == "1"
    assert by(found, {"what": "pings"}).passed_over is None


def test_a_delimited_record_has_its_columns_by_name_and_none_that_is_empty(mapping: Any) -> None:
    found = mapping(
        '[record]\nformat = "delimited"\nseparator = "|"\nnone = "NA"\ncolumns = ["who", "at", "what", "rest"]\n'
        + LEAST
    )
    read = by(found, b"u|2024-03-01||NA")
    assert (columns(read), read.extra) == ({"user_id": "u", "timestamp": "2024-03-01"}, None)
    assert by(found, b"u|2024-03-01").fault is Reason.MALFORMED_LINE
    assert by(found, b"\xff|||").fault is Reason.MALFORMED_LINE


@pytest.mark.parametrize(
    "value",
    [b"", b"{", b"[]", b"1", b'{"a":1}{"a":2}', b"[" * 600 + b"]" * 600, b"\xff", b'{"a":1e99999999999999999999}'],
)
def test_whatever_the_bytes_a_reason_comes_out(value: bytes) -> None:
    assert by(preset("segment"), value).fault in (Reason.MALFORMED_JSON, Reason.NOT_AN_OBJECT)


KEYS = st.sampled_from(
    ["userId", "anonymousId", "context", "page", "url", "properties", "products", "product_id", "type", "event", "x"]
)
TEXTS = st.text(max_size=5) | st.sampled_from(["x", "purchase", "u", "null", " ", ""])
LEAVES = st.one_of(TEXTS, st.integers(-5, 5), st.booleans(), st.none(), st.just({}), st.just([]))
RECORDS = st.dictionaries(
    KEYS,
    st.recursive(
        LEAVES, lambda each: st.lists(each, max_size=3) | st.dictionaries(KEYS, each, max_size=4), max_leaves=12
    ),
)


def leaves(value: Any) -> Counter[str]:
    """Every text, number and boolean in a value."""
    if isinstance(value, dict):
        return sum((leaves(each) for each in value.values()), Counter[str]())
    if isinstance(value, list):
        return sum((leaves(each) for each in value), Counter[str]())
    return Counter() if value is None else Counter([value if isinstance(value, str) else json.dumps(value)])


@given(RECORDS)
@settings(max_examples=300)
def test_nothing_that_a_record_says_is_lost(record: dict[str, Any]) -> None:
    read = by(preset("segment"), record)
    if read.passed_over is not None:
        assert read.passed_over == record["type"]
        return
    kept = leaves(json.loads(read.extra)) if read.extra else Counter[str]()
    for text in read.texts:
        kept += leaves(_value(text)) if text is not None else Counter()
    assert not leaves(record) - kept - Counter([""])


def _value(text: str) -> Any:
    """An object or a list that a column holds as JSON; any other text as it is."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, dict | list) else text


OF_KEYS = ("userId", "anonymousId", "type", "event", "x", "url", "context.x", "context.page.url", "properties.x.page.x")
WITHIN = ("context", "context.page", "properties.products[0].x", "properties.products", "context[x=u]", '"x"."url".x')
PATHS = st.sampled_from(OF_KEYS) | st.sampled_from((*OF_KEYS, *WITHIN))
DRAWN = st.builds(
    ColumnMapping,
    paths=st.lists(PATHS, max_size=4, unique=True).map(tuple),
    kind=st.sampled_from(["text", "text", "text", "time", "integer"]),
    default=st.sampled_from([None, None, "none", "5"]),
)
NAMES = st.dictionaries(TEXTS, st.sampled_from(["x", "purchase"]), max_size=4).map(lambda names: tuple(names.items()))
MAPPINGS = st.one_of(
    st.sampled_from(["segment", "jitsu", "posthog"]).map(preset),
    st.builds(
        lambda columns, names: replace(preset("segment"), columns=columns, event_types=EventTypes("all", names)),
        st.dictionaries(st.sampled_from(COLUMNS), DRAWN).map(lambda columns: tuple(columns.items())),
        NAMES,
    ),
)


def placed(values: dict[Any, Any]) -> dict[str, Any]:
    """A record that has these values at paths of keys, as far as one is not within another."""
    record: dict[str, Any] = {}
    for path, value in values.items():
        *keys, key = path.split(".")
        inside = record
        for each in keys:
            inside = inside.setdefault(each, {})
        inside[key] = value
    return record


@given(RECORDS | st.dictionaries(st.sampled_from(OF_KEYS), LEAVES).map(placed), MAPPINGS)
@settings(max_examples=1_000)
def test_the_one_function_does_what_the_functions_of_its_columns_do(record: dict[str, Any], mapping: Mapping) -> None:
    one, other = deepcopy(record), deepcopy(record)
    assert columns_of(mapping)(one) == tuple(choose(other) for choose in column_choosers(mapping))
    assert json.dumps(one) == json.dumps(other)


def test_what_may_not_be_kept_is_masked_by_the_names_that_its_producer_has_for_it() -> None:
    masks = Masks(dropped=frozenset(("ip", "traits")), hashed=frozenset(("userid",)), secret=b"0123456789abcdef")
    record = {
        "userId": "u",
        "type": "page",
        "timestamp": "2024-03-01",
        "context": {"ip": "8.8.8.8", "traits": {"a": 1}},
    }
    read = record_reader(preset("segment"), masks)(json.dumps(record).encode())
    assert columns(read)["user_id"] == masks.hash_of("u")
    assert "ip_address" not in columns(read)
    assert read.extra is not None
    assert "traits" not in read.extra
