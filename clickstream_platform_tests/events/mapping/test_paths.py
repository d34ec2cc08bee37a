"""Paths: where they lead, what taking a value leaves behind, and what is none."""

from __future__ import annotations

from typing import Any

import pytest

from clickstream_platform.events.mapping.paths import getter, path_text, steps_of, taker

RECORD: dict[str, Any] = {
    "a": {"b": {"c": {"d": 1}}, "x": 2},
    "a.b": {"c d": 3},
    "params": [
        {"key": "p", "value": {"s": "v", "i": None}},
        {"key": "q", "value": {"s": "w"}},
        {"key": "p", "value": {"s": "z"}},
    ],
    "items": [{"id": 1}, {"id": 2, "n": 3}],
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.x", 2),
        ("a.b.c", {"d": 1}),
        ("a.b.c.d", 1),
        ('"a.b"."c d"', 3),
        ("params[key=p].value.s", "v"),
        ("params[key=q].value.s", "w"),
        ("items[1].id", 2),
        ("items[2].id", None),
        ("params[key=r].value.s", None),
        ("a.x.y", None),
        ("items.id", None),
        ("a[0]", None),
        ("missing.b.c.d", None),
    ],
)
def test_a_path_leads_to_the_value_or_to_nothing(path: str, value: Any) -> None:
    assert getter(steps_of(path))(RECORD) == value


@pytest.mark.parametrize(
    ("path", "record", "left"),
    [
        ("a", {"a": 1, "b": 2}, {"b": 2}),
        ("a.b", {"a": {"b": 1}}, {}),
        ("a.b", {"a": {"b": 1, "c": {}}}, {"a": {"c": {}}}),
        ("a.b.c.d", {"a": {"b": {"c": {"d": 1}}}, "e": {}}, {"e": {}}),
        ("p[key=k].v.s", {"p": [{"key": "k", "v": {"s": 1, "i": None}}]}, {}),
        ("p[key=k].v.s", {"p": [{"key": "k", "v": {"s": 1, "i": 2}}]}, {"p": [{"key": "k", "v": {"i": 2}}]}),
        ("p[key=k].v.s", {"p": [{"key": "j"}, {"key": "k", "v": {"s": 1}}]}, {"p": [{"key": "j"}]}),
        ("i[0].id", {"i": [{"id": 1}, {"id": 2}]}, {"i": [{}, {"id": 2}]}),
        ("i[1]", {"i": [1, 2, 3]}, {"i": [1, None, 3]}),
    ],
)
def test_taking_a_value_leaves_everything_else_under_its_path(path: str, record: Any, left: Any) -> None:
    taker(steps_of(path))(record)
    assert record == left


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "[0]", "a[", "a[x]", "a[-1]", 'a"b"', "a b.", "a[k=]"])
def test_what_is_no_path_is_refused_with_where_it_stops_being_one(path: str) -> None:
    with pytest.raises(ValueError, match="no path"):
        steps_of(path)


@pytest.mark.parametrize(
    "keys", [("a",), ("a", "b c"), ("a.b", "c"), ('q"', "\\"), ("[0]", "$x"), (" ",), ("", "a", "")]
)
def test_keys_that_are_spelt_as_a_path_are_read_back(keys: tuple[str, ...]) -> None:
    assert tuple(step[0] for step in steps_of(path_text(keys))) == keys
