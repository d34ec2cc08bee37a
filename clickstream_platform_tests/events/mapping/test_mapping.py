"""A mapping as a user writes it: what it says, and what contradicts itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.mapping.named import mapping_named, preset, time_unit
from clickstream_platform_tests.events.mapping.mapped import LEAST, by, columns


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
        ('[envelope]\nsteps = ["form"]', "a form is one object of texts"),
        ('[envelope]\nsteps = ["form", "base64"]\nholds = "one"', "a form is one object of texts"),
        ("[event_types]\naccept = []", "event_types.accept is empty"),
        ('[event_types.names]\npage = " "', "makes 'page' a blank"),
        ('product_id = { from = ["p"], type = "integer", default = "x" }', "has the default 'x', which is no integer"),
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
        ("%Q %Y-%m-%d", "a number since 1970"),
        ("%s%Q", "a number since 1970"),
        ("%s%%", "a number since 1970"),
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
        ("/Date(%Q)/", "/Date(1764324007123)/", "2025-11-28T10:00:07.123000"),
        ("/Date(%Q%z)/", "/Date(-1500+0100)/", "1969-12-31T23:59:58.500000"),
        ("@%s", "@1764324007", "2025-11-28T10:00:07"),
        ("@%s", "@1764324007.5", "@1764324007.5"),
        ("/Date(%Q)/", "/Date(999999999999999)/", "/Date(999999999999999)/"),  # beyond the year 9999
        ("%a %b %d %Y %H:%M:%S GMT%z", "Fri Nov 28 2025 10:00:07 GMT+0100 (CET)", "2025-11-28T10:00:07+01:00"),
        ("%Y-%m-%d %H:%M:%S.%f", "2025-11-28 10:00:07.123456789", "2025-11-28T10:00:07.123456"),
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


def test_a_byte_order_mark_that_an_editor_put_before_a_mapping_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(b"\xef\xbb\xbf" + LEAST.replace("\n", "\r\n").encode())
    found = mapping_named(str(file))
    assert found is not None
    assert found.column("user_id").paths == ("who",)


JOINED = LEAST.replace('"at"', '{ from = ["day", "clock"], join = true, unit = "%d.%m.%Y %H:%M" }')


@pytest.mark.parametrize(
    ("record", "time"),
    [
        ({"day": "27.11.2026 ", "clock": "9:05"}, "2026-11-27T09:05:00"),
        ({"day": "2026-11-27", "clock": "09:05:01.5Z"}, "2026-11-27 09:05:01.5Z"),  # by ISO-8601
        ({"day": "27.11.2026"}, None),  # whose midnight is not when it was
        ({"day": "27.11.2026", "clock": " "}, None),
        ({"clock": "9:05"}, None),
    ],
)
def test_a_day_and_a_time_of_day_are_one_time_and_without_either_there_is_none(
    mapping: Any, record: dict[str, str], time: str | None
) -> None:
    assert columns(by(mapping(JOINED), {"who": "u", "what": "w", **record})).get("timestamp") == time


def test_what_was_joined_is_in_no_other_column_and_what_was_not_is_kept(mapping: Any) -> None:
    whole = {"who": "u", "what": "w", "day": "27.11.2026", "clock": "9:05"}
    assert by(mapping(JOINED), whole).extra is None
    assert by(mapping(JOINED), {**whole, "clock": None}).extra == '{"day":"27.11.2026","clock":null}'


def test_only_a_time_in_several_fields_is_joined(mapping: Any) -> None:
    for of in ('from = ["at"], join = true', "from = [], join = true"):
        with pytest.raises(SettingsError, match="only a time in several fields is"):
            mapping(LEAST.replace('"at"', f"{{ {of} }}"))
