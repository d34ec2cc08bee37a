"""What producers are told of declared columns: a schema whose valid records break no rule."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from clickstream_platform.events.contract.model import Contract
from clickstream_platform.events.contract.producers import json_schema
from clickstream_platform_tests.events.contract.declared import VALUES, declared, event, read, rules_of

SCHEMA_COLUMNS = (
    declared("amount", "decimal(8,2)", min="0", required=("purchase",)),
    declared("currency", one_of=("EUR", "USD"), pattern="^[A-Z]{3}$"),
    declared("paid", "boolean"),
    declared("quantity", "integer", max="9"),
    declared("due", "time"),
    declared("items", "items"),
)


@given(
    st.dictionaries(
        st.sampled_from([each.name for each in SCHEMA_COLUMNS]),
        VALUES | st.sampled_from(["EUR", "2024-03-01T00:00:00Z"]),
    ),
    st.sampled_from(["click", "purchase"]),
)
def test_what_is_valid_by_the_schema_for_producers_breaks_no_rule(fields: dict[str, Any], event_type: str) -> None:
    schema = json.loads(json.dumps(json_schema(Contract("t", SCHEMA_COLUMNS))), parse_float=Decimal)
    Draft202012Validator.check_schema(json.loads(json.dumps(json_schema(Contract("t", SCHEMA_COLUMNS)))))
    record = event(event_type=event_type, **fields)
    is_valid = Draft202012Validator(schema).is_valid(json.loads(record, parse_float=Decimal))
    (row,) = read([record], rules_of(*SCHEMA_COLUMNS))
    assert not (is_valid and (row["violations"] or row["reasons"]))


def test_the_schema_takes_a_good_event_and_refuses_one_without_its_amount() -> None:
    schema = json_schema(Contract("t", SCHEMA_COLUMNS))
    good = {"amount": 12.5, "currency": "EUR", "paid": True, "quantity": 2, "items": [{"id": 1}]}
    valid = Draft202012Validator(schema).is_valid
    assert valid(json.loads(event(event_type="purchase", **good)))
    assert not valid(json.loads(event(event_type="purchase")))
    assert valid(json.loads(event()))


@given(st.integers(1, 10), st.integers(0, 10**14))
def test_a_validator_with_floats_takes_every_amount_that_is_taken_and_none_of_a_digit_more(
    scale: int, digits: int
) -> None:
    column = declared("amount", f"decimal(38,{scale})", severity="reject")
    valid = Draft202012Validator(json_schema(Contract("t", (column,)))).is_valid
    amount, more = f"{digits}e-{scale}", f"{digits % 10**10}{digits % 9 + 1}e-{scale + 1}"
    for number, is_taken in ((amount, True), (more, False)):
        record = event()[:-1] + f', "amount": {Decimal(number):f}}}'.encode()
        (row,) = read([record], rules_of(column))
        assert (valid(json.loads(record)), not row["reasons"]) == (is_taken, is_taken)


PATTERNS = [
    *(
        r"^[A-Z]{3}$",
        r"^\w$",
        r"^\d$",
        r"^\D$",
        r"^\W$",
        r"^a.b$",
        r"\s",
        r"\S\s",
        r"\bé",
        r"\Ba",
        r"^[\d\s]$",
        r"^[^\w]$",
    ),
    *(r"\$", r"[.$]", r"^(?:a|$)", r"a\.b", r"^[\]a]$", r"^.$"),
]


@given(st.sampled_from(PATTERNS), st.text(st.sampled_from("aZ9_é١ \u00a0\n\r\v\u2028$.]b"), min_size=1, max_size=4))
def test_a_pattern_finds_the_same_in_a_producers_validator(pattern: str, text: str) -> None:
    column = declared("x", pattern=pattern, severity="reject")
    (row,) = read([event(x=text)], rules_of(column))
    if text.strip(" \t\r\n\v\f"):  # the schema takes no blank
        assert Draft202012Validator(json_schema(Contract("t", (column,)))).is_valid(
            {**json.loads(event()), "x": text}
        ) is (not row["reasons"])


@pytest.mark.parametrize("user_id", ["", " ", "\t\n"])
def test_the_schema_takes_no_blank_where_one_is_rejected(user_id: str) -> None:
    valid = Draft202012Validator(json_schema(Contract("t", SCHEMA_COLUMNS))).is_valid
    assert not valid(json.loads(event(user_id=user_id)))
