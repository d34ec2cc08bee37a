"""Paths of somebody's own mapping that match nothing: a run finds them out of few records, and asks for no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from clickstream_platform.events.mapping.matching import EVERY, FIRST, Matches, PathMatcher, combine_matches
from clickstream_platform.events.opening import open_records
from clickstream_platform.events.rules import Rules
from clickstream_platform.settings import Settings
from clickstream_platform.tables.events import rules_from

MINE = """extends = "segment"
[columns]
page_url = ["context.page.url", "context.url"]
amount = ["properties.paid"]
[pass_over]
"context.page.path" = ["/health"]
"""
CALL = {"type": "page", "userId": "u", "timestamp": "2024-03-01T10:00:00Z", "context": {"page": {"url": "/a"}}}


def rules(folder: Path, text: str = MINE) -> Rules:
    (folder / "mine.toml").write_text(text)
    return rules_from(Settings(mapping=str(folder / "mine.toml"), contract="commerce"))


def looked_at(of: Rules, *parts: list[Any]) -> Matches:
    matching = PathMatcher(of)
    for part in parts:
        values = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in part]
        count = len(values)
        batch = {"value": pa.array(values, pa.binary()), "size": pa.array([*map(len, values)], pa.int64())}
        for events in open_records(pa.RecordBatch.from_pydict({**batch, "event_id": pa.nulls(count, pa.binary())}), of):
            matching.look(events)
    return matching.matches


def test_only_what_a_file_says_itself_is_asked_for(tmp_path: Path) -> None:
    assert [*rules(tmp_path).own_paths] == [
        ("page_url", "context.page.url"),
        ("page_url", "context.url"),
        ("amount", "properties.paid"),
        ("pass_over", "context.page.path"),
    ]
    assert rules_from(Settings(mapping="segment")).own_paths == rules_from(Settings()).own_paths == ()
    assert looked_at(rules_from(Settings(mapping="segment")), [CALL]) == Matches()


def test_paths_without_anything_are_named_with_the_number_of_records_that_could_be_read(tmp_path: Path) -> None:
    found = looked_at(rules(tmp_path), [CALL, b"{", b"[]", {**CALL, "properties": {"paid": None}}])
    assert found == Matches(2, ("page_url: context.url", "amount: properties.paid", "pass_over: context.page.path"))


def test_an_event_of_an_envelope_has_what_it_inherits(tmp_path: Path) -> None:
    of = rules(tmp_path, MINE + '[envelope]\npath = "batch"\ninherit = ["context"]\n')
    assert looked_at(of, [{"batch": [CALL, CALL], "context": {"url": "/b", "page": {"path": "/c"}}}]) == Matches(
        2, ("amount: properties.paid",)
    )


@pytest.mark.parametrize("cuts", [[1_000], [1] * 150 + [850], [99, 1, 1, 899], [500, 500]])
def test_however_records_come_the_first_are_looked_at_and_then_one_of_many(tmp_path: Path, cuts: list[int]) -> None:
    parts = [[CALL] * count for count in cuts]
    assert looked_at(rules(tmp_path), *parts).looked_at == FIRST + len(range(EVERY, 1_000, EVERY))


def test_what_one_of_several_tasks_has_found_is_found() -> None:
    found = combine_matches([Matches(5, ("a: x", "b: y")), Matches(0, ()), Matches(2, ("b: y",))])
    assert found == Matches(7, ("b: y",))
    assert combine_matches([]) == Matches()
