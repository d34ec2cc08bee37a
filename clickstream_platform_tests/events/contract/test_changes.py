"""What a change of a contract means: whether records of before keep it."""

from __future__ import annotations

from typing import Any

import pytest

from clickstream_platform.events.contract.changes import contract_changes
from clickstream_platform.events.contract.model import Contract
from clickstream_platform_tests.events.contract.declared import declared


@pytest.mark.parametrize(
    ("old", "new", "is_compatible"),
    [
        ({}, {"description": "else"}, True),
        ({}, {"required": True}, False),
        ({"required": True}, {"required": ("click",)}, True),
        ({"one_of": ("a",)}, {"one_of": ("a", "b")}, True),
        ({"one_of": ("a", "b")}, {"one_of": ("a",)}, False),
        ({}, {"pattern": "a"}, False),
        ({"pattern": "a"}, {}, True),
        ({"severity": "count"}, {"severity": "reject"}, False),
        ({"severity": "reject"}, {"severity": "count"}, True),
        ({"kind": "integer"}, {"kind": "text"}, False),
        ({"kind": "integer", "min": "1"}, {"kind": "integer", "min": "0"}, True),
        ({"kind": "integer", "min": "1"}, {"kind": "integer", "min": "2"}, False),
        ({"kind": "integer", "max": "1"}, {"kind": "integer"}, True),
        ({"kind": "integer"}, {"kind": "integer", "max": "1"}, False),
    ],
)
def test_a_change_says_whether_it_is_compatible(old: dict[str, Any], new: dict[str, Any], is_compatible: bool) -> None:
    (found,) = contract_changes(Contract("o", (declared(**old),)), Contract("n", (declared(**new),)))
    assert found.is_compatible is is_compatible


def test_a_new_column_is_compatible_unless_it_is_required_and_one_that_goes_is_not() -> None:
    one, needed = Contract("o", (declared(),)), Contract("n", (declared(), declared("y", required=True)))
    assert [each.is_compatible for each in contract_changes(one, Contract("n", (declared(), declared("y"))))] == [True]
    assert [each.is_compatible for each in contract_changes(one, needed)] == [False]
    strict = Contract("n", (declared(), declared("y", severity="reject")))  # a `y` that was kept may be rejected now
    assert [each.is_compatible for each in contract_changes(one, strict)] == [False]
    assert [each.is_compatible for each in contract_changes(needed, one)] == [False]
    assert contract_changes(one, one) == []
