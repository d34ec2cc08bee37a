"""Columns that are declared: which contracts are refused, and what becomes of values."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.contract.judging import judge_columns
from clickstream_platform.events.contract.model import Contract, DeclaredColumn
from clickstream_platform.events.contract.written import contract_named
from clickstream_platform.events.mapping.checking import check_records
from clickstream_platform_tests.events.contract.declared import NOW, VALUES, declared, event, read, rules_of


@pytest.mark.parametrize(
    ("text", "line", "finding"),
    [
        ('[columns.x]\ntype = "txt"', 2, "there is no type"),
        ('[columns.user_id]\ntype = "text"', 1, "already"),
        ('[columns.Amount]\ntype = "text"', 1, "no name of a column"),
        ('[columns.x]\ntype = "text"\nmin = 1', 3, "has no range"),
        ('[columns.x]\ntype = "integer"\nmin = 3\nmax = 1', 3, "no value is allowed"),
        ('[columns.x]\ntype = "integer"\nmax = "many"', 3, "is no integer"),
        ('[columns.x]\ntype = "text"\none_of = ["a", 1]', 3, "1 is no text"),
        ('[columns.x]\ntype = "integer"\none_of = [1, "a"]', 3, "is no integer"),
        ('[columns.x]\ntype = "decimal(4,1)"\none_of = [1.25]', 3, "is no decimal"),
        ('[columns.x]\ntype = "integer"\nmin = 5\none_of = [1]', 4, "lies in the range"),
        ('[columns.x]\ntype = "text"\npattern = "a("', 3, "no regular expression"),
        ('[columns.x]\ntype = "text"\npattern = "(?=a)"', 3, "is not allowed in a pattern"),
        ('[columns.x]\ntype = "text"\npattern = "a{,3}"', 3, "is not allowed in a pattern"),
        ('[columns.x]\ntype = "text"\npattern = "[]a]"', 3, "is not allowed in a pattern"),
        ('[columns.x]\ntype = "text"\none_of = ["b"]\npattern = "a"', 3, "has the pattern"),
        ('[columns.x]\ntype = "decimal(39,1)"', 2, "no such digits"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused_at_its_line(
    tmp_path: Path, text: str, line: int, finding: str
) -> None:
    (tmp_path / "events.toml").write_text(text)
    with pytest.raises(SettingsError, match=rf"events\.toml line {line}: .*{finding}"):
        contract_named(str(tmp_path / "events.toml"))


@pytest.mark.parametrize("text", ["[columns.x]\n[columns.x]\n", "[columns.x]\ntyp = 'text'", "extends = 'no'", ""])
def test_what_is_no_contract_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "events.toml").write_text(text)
    with pytest.raises(SettingsError):
        contract_named(str(tmp_path / "events.toml"))


COLUMNS = st.one_of(
    st.builds(
        declared, kind=st.just("text"), one_of=st.sampled_from([(), ("a", "7")]), pattern=st.sampled_from(["", "^a"])
    ),
    st.builds(declared, kind=st.just("integer"), min=st.sampled_from([None, "0"]), max=st.sampled_from([None, "10"])),
    st.builds(declared, kind=st.just("decimal(5,2)"), min=st.sampled_from([None, "-1.5"])),
    st.builds(declared, kind=st.sampled_from(["boolean", "items"])),
)


def naive(column: DeclaredColumn, value: Any, event_type: str, needed: Any) -> tuple[Any, list[str]]:
    """Judged once more, by other means: what stands in the column, and which rules are broken."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None, ["required"] if needed is True or (needed and event_type in needed) else []
    typed = _naive_type(column.type, value)
    if typed is None:
        return None, ["type"]
    broken = ["one_of"] if column.one_of and typed not in column.one_of else []
    below = column.min is not None and typed < Decimal(column.min)
    if below or (column.max is not None and typed > Decimal(column.max)):
        broken.append("range")
    return typed, [*broken, *(["pattern"] if column.pattern and not typed.startswith("a") else [])]


def _naive_type(kind: str, value: Any) -> Any:
    if kind == "items":
        try:
            found = json.loads(value) if isinstance(value, str) else value
        except ValueError:
            return None
        fits = isinstance(found, list) and all(isinstance(each, dict) for each in found)
        return found if fits else None
    if isinstance(value, (list, dict)):
        return None
    if kind == "text":
        return value if isinstance(value, str) else json.dumps(value)
    if kind == "boolean":
        return {"true": True, "false": False}.get(value if isinstance(value, str) else json.dumps(value))
    number = (
        {"7": "7", "7.0": "7.0", "1e2": "100", "0.125": "0.125"}.get(value) if isinstance(value, str) else repr(value)
    )
    if number is None or isinstance(value, bool):
        return None
    exact, places = Decimal(number), 0 if kind == "integer" else 2
    least, most = (-(2**63), 2**63 - 1) if kind == "integer" else (Decimal("-999.99"), Decimal("999.99"))
    return exact if exact == round(exact, places) and least <= exact <= most else None


@given(
    COLUMNS,
    VALUES,
    st.sampled_from(["click", "purchase"]),
    st.sampled_from([False, True, ("purchase",)]),
    st.sampled_from(["count", "reject"]),
)
def test_a_value_is_judged_as_by_hand_in_a_run_and_by_check(
    column: DeclaredColumn, value: Any, event_type: str, needed: Any, severity: Any
) -> None:
    column = DeclaredColumn(
        "x", column.type, "", severity, needed, column.one_of, column.min, column.max, column.pattern, ("x",)
    )
    rules = rules_of(column)
    record = event(event_type=event_type, x=value, y=1)
    (row,) = read([record], rules)
    typed, broken = naive(column, value, event_type, needed)
    said = [f"contract:x:{rule}" for rule in broken]
    assert (row["reasons"], row["violations"]) == ((said, []) if severity == "reject" else ([], said))
    assert (json.loads(row["x"]) if column.type == "items" and row["x"] else row["x"]) == typed
    left = {"y": 1} if typed is not None else {"x": value, "y": 1}
    assert json.loads(row["extra"]) == left
    place = {
        "partition": ["f"],
        "offset": [0],
        "value": [record],
        "size": [len(record)],
        "event_id": pa.nulls(1, pa.binary()),
    }
    batch = pa.RecordBatch.from_pydict({**place, "arrived_at": pa.array([NOW], pa.timestamp("us", "UTC"))})
    found = check_records([batch], rules)
    assert dict(found.reasons) == dict.fromkeys(row["reasons"], 1)
    assert dict(found.violations) == ({} if row["reasons"] else dict.fromkeys(row["violations"], 1))


@given(st.lists(VALUES, min_size=1, max_size=4), COLUMNS)
def test_records_read_with_a_contract_are_what_it_makes_of_those_read_without(
    values: list[Any], column: DeclaredColumn
) -> None:
    records = [event(x=value, other=[1, {"b": 2.50}]) for value in values]
    before = read(records, rules_of(declared("never")))
    at_once = read(records, rules_of(column))
    texts = pa.array([row["extra"] for row in before], pa.string())
    later = judge_columns(Contract("t", (column,)), texts, pa.array(["click"] * len(records)))
    assert later.extra.to_pylist() == [row["extra"] for row in at_once]
    assert later.columns["x"].to_pylist() == [row["x"] for row in at_once]


def test_digits_are_neither_lost_nor_rounded() -> None:
    rules = rules_of(declared("amount", "decimal(18,4)"), declared("items", "items"))
    items = b'[{"price":1.10000000000000000000001}]'
    record = event()[:-1] + b', "amount": 0.30000000000000004, "items": ' + items + b"}"
    exact = event()[:-1] + b', "amount": "12345678901234.5600000"}'
    one, other = read([record, exact], rules)
    assert (one["amount"], one["violations"]) == (None, ["contract:amount:type"])
    assert (one["items"], one["extra"]) == (items.decode(), '{"amount":0.30000000000000004}')
    assert (other["amount"], other["extra"]) == (Decimal("12345678901234.5600"), None)
