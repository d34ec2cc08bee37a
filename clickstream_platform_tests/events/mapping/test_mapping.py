"""A mapping as a user writes it: what it says, what contradicts itself, what a record becomes by it."""

from __future__ import annotations

import json
import re
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.json_record import ParsedRecord
from clickstream_platform.events.mapping.column_choosers import column_choosers
from clickstream_platform.events.mapping.compiled import compile_columns as columns_of
from clickstream_platform.events.mapping.model import COLUMNS, Mapping
from clickstream_platform.events.mapping.named import mapping_named, preset, time_unit
from clickstream_platform.events.mapping.reader import record_reader
from clickstream_platform.events.mapping.self_describing import read_self_describing
from clickstream_platform.events.mapping.written import mapping_of, raw_of
from clickstream_platform.events.masks import Masks
from clickstream_platform.events.schema import Reason

LEAST = """
[columns]
user_id = "who"
timestamp = "at"
event_type = "what"
"""


@pytest.fixture
def mapping(tmp_path: Path) -> Any:
    def made(text: str) -> Mapping:
        file = tmp_path / "mine.toml"
        file.write_text(text)
        found = mapping_named(str(file))
        assert found
        return found

    return made


def by(mapping: Mapping, record: Any) -> ParsedRecord:
    return record_reader(mapping)(record if isinstance(record, bytes) else json.dumps(record).encode())


def columns(read: ParsedRecord) -> dict[str, str]:
    return {name: text for name, text in zip(COLUMNS, read.texts, strict=True) if text is not None}


def test_no_mapping_is_our_own_shape() -> None:
    assert mapping_named("") is None


def test_a_path_may_be_written_alone_in_a_list_or_in_a_table(mapping: Any) -> None:
    found = mapping(LEAST.replace('"who"', '["who", "or"]').replace('"at"', '{ from = ["at"], unit = "ms" }'))
    assert found.column("user_id").paths == ("who", "or")
    assert (found.column("timestamp").kind, found.column("timestamp").unit) == ("time", "ms")
    assert found.column("page_url").paths == ()


@pytest.mark.parametrize(
    ("more", "finding"),
    [
        ('userid = "x"', "events has no column 'userid'; say user_id"),
        ('colour = "x"', "events has no column 'colour'; choose from"),
        ('page_url = "a..b"', "is no path"),
        ('page_url = ["a", "a"]', "has a path twice"),
        ('page_url = { from = ["a"], type = "colour" }', "Invalid enum value"),
        ('page_url = { from = ["a"], path = "b" }', "unknown field"),
        ('page_url = { from = ["a"], unit = "ms" }', "has a unit, but is no time"),
        ('page_url = { from = ["a"], type = "time" }', "is no time"),
        ('event_id = { from = ["a"], default = "x" }', "every record without an id would be a duplicate"),
        ("page_url = [", "Invalid"),
        ('session_id = "a"\n[event_types]\naccept = "some"', "accept is 'some'"),
        (
            'session_id = "a"\n[event_types]\naccept = ["a"]\nnames = { x = "b" }',
            "which event_types.accept does not have",
        ),
        (
            'session_id = "a"\n[event_types.names]\nx = "b"\n[pass_over]\nwhat = ["x"]',
            "'x' is passed over and has an event type",
        ),
        ('session_id = "a"\n[pass_over]\nwhat = []', "no value by which"),
        ('session_id = "a"\n[record]\nformat = "delimited"', "needs record.separator and record.columns"),
        ('session_id = "a"\n[record]\nseparator = ";"', "are of a delimited record"),
        ('session_id = "a"\n[record]\nformat = "pattern"\npattern = "(?P<who>"', "is no regular expression"),
        ('session_id = "a"\n[record]\nformat = "pattern"\npattern = "who"', "has no named group"),
        (
            'session_id = "a"\n[record]\nformat = "pattern"\npattern = "(?P<who>)"\ntexts = ["whom"]',
            "record.texts or self_describing: a record has no field 'whom'",
        ),
        (
            'session_id = "a"\n[record]\nformat = "delimited"\nseparator = ","\ncolumns = ["who", "at", "what"]',
            "a record has no field 'a'",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line_that_names_the_file(mapping: Any, more: str, finding: str) -> None:
    with pytest.raises(SettingsError) as raised:
        mapping(LEAST + more)
    assert "mine.toml: " in str(raised.value)
    assert finding in str(raised.value)


@pytest.mark.parametrize(
    ("unit", "finding"),
    [
        ("minutes", "has the unit 'minutes'; say auto, s, ms"),
        ("%d.%m. %H:%M", "it names no whole date"),
        ("%Y-%m-%d %I:%M", "hours of twelve"),
        ("%Y-%m-%d %H:%M %p", "hours of twelve"),
        ("%c %Y-%m-%d", "'%c' is no part of a time that is read alike everywhere"),
        ("%Y-%m-%d %", "'%' is no part of a time"),
        ("%Y-%m-%d %Y", "it has a part twice"),
    ],
)
def test_a_unit_that_is_none_is_refused_with_what_it_may_be(mapping: Any, unit: str, finding: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(finding)):
        mapping(LEAST.replace('"at"', f'{{ from = ["at"], unit = "{unit}" }}'))


@pytest.mark.parametrize(
    ("form", "text", "read"),
    [
        ("%d.%m.%Y %H:%M:%S", "27.11.2026 9:05:01", "2026-11-27T09:05:01"),
        ("%d.%m.%Y", " 1.2.2026\t", "2026-02-01T00:00:00"),
        ("%m/%d/%y %I:%M %p", "11/27/26 12:05 AM", "2026-11-27T00:05:00"),
        ("%a, %d %b %Y %H:%M:%S %z", "Fri, 27 Nov 2026 10:00:00 +0530", "2026-11-27T10:00:00+05:30"),
        ("%Y/%j %H:%M:%S.%f", "2026/331 10:00:00.25", "2026-11-27T10:00:00.250000"),
        ("%d.%m.%Y", "31.11.2026", "31.11.2026"),  # no such day: for the parser of times to judge
        ("%d.%m.%Y", "2026-11-27T10:00:00Z", "2026-11-27T10:00:00Z"),
        ("%d.%m.%Y", "1764237600", "1764237600"),
    ],
)
def test_a_time_of_a_form_is_read_and_any_other_stays_as_it_is(mapping: Any, form: str, text: str, read: str) -> None:
    found = mapping(LEAST.replace('"at"', f'{{ from = ["at"], unit = "{form}" }}'))
    assert columns(by(found, {"who": "u", "what": "w", "at": text}))["timestamp"] == read
    assert time_unit(found, "ms") == "iso"  # no number is one


@pytest.mark.parametrize("column", ["user_id", "timestamp", "event_type"])
def test_a_mapping_by_which_no_record_would_be_an_event_is_refused(mapping: Any, column: str) -> None:
    lines = [line for line in LEAST.splitlines() if not line.startswith(column)]
    with pytest.raises(SettingsError, match=f"nothing says where {column} is found"):
        mapping("\n".join(lines))


@pytest.mark.parametrize(("column", "why"), [("user_id", "one and the same"), ("timestamp", "cannot be guessed")])
def test_nobody_and_never_have_no_default(mapping: Any, column: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        mapping(
            LEAST.replace(f"{column} = ", f"{column} = {{ default = 'x', from = ")
            .replace("'x', from = \"who\"", "'x', from = ['who'] }")
            .replace("'x', from = \"at\"", "'x', from = ['at'] }")
        )


@pytest.mark.parametrize(
    ("name", "finding"), [("segmnt", "there is no mapping 'segmnt'"), ("/no/where.toml", "cannot be read")]
)
def test_a_mapping_that_is_not_there_is_refused_with_all_names(name: str, finding: str) -> None:
    with pytest.raises(SettingsError, match=finding) as raised:
        mapping_named(name)
    assert "segment" in str(raised.value)


def test_a_mapping_extends_a_preset_and_goes_before_it(mapping: Any) -> None:
    found = mapping(
        'extends = "segment"\n[columns]\nproduct_id = "properties.sku"\n[event_types.names]\n"Order Paid" = "purchase"'
    )
    assert found.column("product_id").paths == ("properties.sku",)
    assert found.column("user_id") == preset("segment").column("user_id")
    assert dict(found.event_types.names)["Order Paid"] == "purchase"
    assert dict(found.event_types.names)["page"] == "page_view"
    with pytest.raises(SettingsError, match="extends 'x', which is no preset"):
        mapping('extends = "x"')


def test_its_label_changes_with_what_it_says_and_with_nothing_else(mapping: Any) -> None:
    first = mapping(LEAST).label
    assert mapping("# a remark\n" + LEAST).label == first
    assert mapping(LEAST + 'page_url = "u"').label != first


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


SCHEMA = "iglu:com.acme/duplicated/jsonschema/20-0-5"
TWICE, ONCE = "contexts_com_acme_duplicated_20", "contexts_com_acme_unduplicated_1"
# As in tests/test_json_shredder.py and tests/test_event_transformer.py of snowplow/snowplow-python-analytics-sdk.
SHREDDED: list[tuple[list[tuple[str, Any]], dict[str, Any]]] = [
    (
        [
            (SCHEMA, {"value": 1}),
            (SCHEMA, {"value": 2}),
            ("iglu:com.acme/unduplicated/jsonschema/1-0-0", {"type": "a"}),
        ],
        {TWICE: [{"value": 1}, {"value": 2}], ONCE: [{"type": "a"}]},
    ),
    ([("iglu:org.schema/WebPage/jsonschema/1-0-0", {"a": 0})], {"contexts_org_schema_web_page_1": [{"a": 0}]}),
    ([("iglu:org.w3/PerformanceTiming/jsonschema/1-0-0", 1)], {"contexts_org_w3_performance_timing_1": [1]}),
    ([("iglu:com.my-shop.eu/Page-view2/jsonschema/3-1-0", {})], {"contexts_com_my_shop_eu_page_view2_3": [{}]}),
]
NOT_DESCRIBING: list[Any] = [
    *("", "{", "[]", None, 1, {}, {"data": None}, {"data": []}, {"data": [None]}, {"data": {"schema": SCHEMA}}),
    *({"data": {"schema": 1, "data": 1}}, {"data": [{"schema": SCHEMA, "data": 1}, {"schema": "iglu:a/b", "data": 1}]}),
]


@pytest.mark.parametrize(("contexts", "becomes"), SHREDDED)
@pytest.mark.parametrize("is_text", [True, False])
def test_self_describing_json_gets_the_names_of_its_schemas(contexts: Any, becomes: Any, is_text: bool) -> None:
    data = {"schema": "any", "data": [{"schema": schema, "data": data} for schema, data in contexts]}
    fields = {"a": 1, "contexts": json.dumps(data) if is_text else data}
    assert read_self_describing(fields, ["contexts", "unstruct_event"]) == {"a": 1, **becomes}


def test_a_self_describing_event_gets_the_name_of_its_schema_and_contexts_of_two_fields_are_one_list() -> None:
    schema = "iglu:com.snowplowanalytics.snowplow/social_interaction/jsonschema/1-0-0"
    event = {"schema": schema, "data": {"network": "fb"}}
    one, two = ({"data": [{"schema": SCHEMA, "data": {"value": n}}]} for n in (1, 2))
    fields = {"contexts": one, "derived_contexts": json.dumps(two), "unstruct_event": {"data": event}}
    assert read_self_describing(fields, [*fields]) == {
        "contexts_com_acme_duplicated_20": [{"value": 1}, {"value": 2}],
        "unstruct_event_com_snowplowanalytics_snowplow_social_interaction_1": {"network": "fb"},
    }


@pytest.mark.parametrize("value", NOT_DESCRIBING)
def test_what_is_no_self_describing_json_stays_as_it_is(value: Any) -> None:
    assert read_self_describing({"contexts": value, "a": 1}, ["contexts"]) == {"contexts": value, "a": 1}


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
LEAVES = st.one_of(st.text(max_size=5), st.integers(-5, 5), st.booleans(), st.none(), st.just({}), st.just([]))
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


ODD = """
[columns]
user_id = ["userId", "context.page.url"]
event_type = ["type", "event"]
timestamp = "context.x"
page_url = ["context.page.url", "properties.products[0].x", "url"]
product_id = ["properties.product_id", "properties.page.url.x"]
session_id = 'properties."x"'
device_type = "a.b.c.d.e.f.g.h.i.j"
"""


@given(RECORDS, st.sampled_from([None, "segment", "jitsu"]))
@settings(max_examples=300)
def test_the_one_function_does_what_the_functions_of_its_columns_do(record: dict[str, Any], name: str | None) -> None:
    mapping = preset(name) if name else mapping_of("odd", raw_of(ODD.encode(), "odd"), "odd")
    one, other = deepcopy(record), deepcopy(record)
    assert columns_of(mapping)(one) == tuple(choose(other) for choose in column_choosers(mapping))
    assert one == other


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
