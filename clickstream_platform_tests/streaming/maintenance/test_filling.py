"""Declared columns of events that are there: filled exactly, once, whatever happens meanwhile."""

from __future__ import annotations

import json
import signal
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_platform.errors import SettingsError, SourceError
from clickstream_platform.events.contract.judging import fill_rows, judge_columns
from clickstream_platform.events.contract.model import Contract, DeclaredColumn
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit.source_account import source_account
from clickstream_platform.streaming.audit.validate import validate
from clickstream_platform.streaming.audit.verify import verify
from clickstream_platform.streaming.lake.ledger import FILL, Amendment, ledger_lines
from clickstream_platform.streaming.maintenance.erasure import forget
from clickstream_platform.streaming.maintenance.filling import fill, require_fill
from clickstream_platform.streaming.maintenance.reprocess import replay
from clickstream_platform.tables import tables
from clickstream_platform_tests.conftest import Lab
from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.lakes import at, write
from clickstream_platform_tests.stopped_run import Stop

DAYS = (1, 2, 3)


def home_of(folder: Path, **settings: Any) -> Home:
    return Home(Settings.model_validate({"home": folder, "contract": "commerce", **settings}))


def lake_of_three_days(home: Home) -> None:
    """Read without a contract: on each date a purchase, one whose amount fits nothing, and a click."""
    for day in DAYS:
        said = ['{"amount":"9.90","currency":"EUR","more":1}', '{"amount":"much","currency":"euro"}', None]
        rows = [
            {
                **{"user_id": "u", "event_type": "purchase" if extra else "click", "timestamp": at("10:00:00", day)},
                **{
                    "source": "file",
                    "partition": "f",
                    "offset": day * 10 + i,
                    "event_date": at("10:00:00", day).date(),
                },
                **{"extra": extra, "key": b"\xff", "headers": [{"key": "k", "value": b"v"}]},
            }
            for i, extra in enumerate(said)
        ]
        write(home, "events", rows, of=entry(batch_id=day, rows_in=3, rows_out=3))


def rows(home: Home) -> list[dict[str, Any]]:
    return sorted(home.lake.events.open().to_pyarrow_table().to_pylist(), key=lambda row: row["offset"])  # type: ignore[union-attr]


def fills(home: Home) -> list[Amendment]:
    found = [line for line in ledger_lines(home.lake.events) if isinstance(line, Amendment) and line.kind == FILL]
    return sorted(found, key=lambda line: line.date)


def test_every_date_is_filled_in_a_commit_of_its_own_that_says_so(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    lake_of_three_days(home)
    before = rows(home)
    found = fill(home.contracts["events"], home.lake)
    assert found.filled == {"amount": 3, "currency": 6}
    assert (found.violations, found.stayed) == ({"contract:amount:type": 3, "contract:currency:pattern": 3}, 3)
    after = rows(home)
    assert [(row["amount"], row["currency"], row["extra"]) for row in after[:3]] == [
        (Decimal("9.9000"), "EUR", '{"more":1}'), (None, "euro", '{"amount":"much"}'), (None, None, None),
    ]  # fmt: skip
    others = [name for name in before[0] if name != "extra"]
    assert [[row[name] for name in others] for row in after] == [[row[name] for name in others] for row in before]
    assert [line.date for line in fills(home)] == ["2024-03-01", "2024-03-02", "2024-03-03"]
    assert all(line.filled == {"amount": 1, "currency": 2} for line in fills(home))
    assert all(line.violations["contract:amount:type"] == 1 for line in fills(home))
    assert all(line.contract.startswith("commerce ") for line in fills(home))


def test_filled_again_nothing_is_written(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    lake_of_three_days(home)
    fill(home.contracts["events"], home.lake)
    version = home.lake.events.version()
    assert not fill(home.contracts["events"], home.lake).filled
    assert home.lake.events.version() == version


def test_one_column_alone_and_then_the_others(tmp_path: Path) -> None:
    home, whole = home_of(tmp_path / "a"), home_of(tmp_path / "b")
    for each in (home, whole):
        lake_of_three_days(each)
    assert fill(home.contracts["events"], home.lake, ["currency"]).filled == {"currency": 6}
    assert {row["amount"] for row in rows(home)} == {None}
    assert fill(home.contracts["events"], home.lake).filled == {"amount": 3}
    fill(whole.contracts["events"], whole.lake)
    assert rows(home) == rows(whole)


def test_what_no_value_can_be_taken_of_is_noted_once(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    date = at("10:00:00").date()
    write(home, "events", [{"user_id": "u", "event_type": "click", "extra": '{"amount":"x"}', "event_date": date}])
    for _ in range(2):
        assert fill(home.contracts["events"], home.lake).stayed == 1
    assert [line.violations for line in fills(home)] == [{"contract:amount:type": 1}]


def test_what_a_date_lacks_is_counted_by_every_fill_that_writes_it(tmp_path: Path) -> None:
    file = tmp_path / "orders.toml"
    file.write_text('[columns.buyer]\ntype = "text"\n[columns.order]\ntype = "text"\nrequired = true\n')
    home, date = home_of(tmp_path, contract=str(file)), at("10:00:00").date()
    extras = ['{"order":"a"}', '{"buyer":"b"}', None]
    write(home, "events", [{"user_id": "u", "event_type": "click", "extra": e, "event_date": date} for e in extras])
    for columns, filled in ((["order"], {"order": 1}), ([], {"buyer": 1})):
        fill(home.contracts["events"], home.lake, columns)
        newest = next(line for line in ledger_lines(home.lake.events) if isinstance(line, Amendment))
        assert (newest.filled, newest.violations) == (filled, {"contract:order:required": 2})


def test_no_derived_table_has_anything_to_read_of_it(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    lake_of_three_days(home)
    version = home.lake.events.version() or 0
    fill(home.contracts["events"], home.lake)
    added = home.lake.events.log.added_files(version + 1, home.lake.events.version() or 0)
    assert sum(file.rows for file in added) == 0


@pytest.mark.parametrize("nth", [0, 1, 2])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_between_two_dates_it_is_filled_once_by_the_next(tmp_path: Path, nth: int, when: Any) -> None:
    home, whole = home_of(tmp_path / "a"), home_of(tmp_path / "b")
    for each in (home, whole):
        lake_of_three_days(each)
    said = {"CLICKSTREAM_HOME": str(tmp_path / "a"), "CLICKSTREAM_CONTRACT": "commerce"}
    killed = Stop("kill group", nth, when, "events").start("fill", **said)
    assert killed.wait(timeout=120) == -signal.SIGKILL
    assert len(fills(home)) == nth + (when == "after")
    fill(home.contracts["events"], home.lake)
    fill(whole.contracts["events"], whole.lake)
    assert rows(home) == rows(whole)
    assert [(line.date, line.filled) for line in fills(home)] == [(line.date, line.filled) for line in fills(whole)]


def test_what_makes_no_sense_is_refused_without_a_lake_being_looked_at(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    with pytest.raises(SourceError, match="nothing was read yet"):
        require_fill(home.contracts["events"], home.lake)
    lake_of_three_days(home)
    with pytest.raises(SettingsError, match="declares no column 'amuont'; say amount"):
        require_fill(home.contracts["events"], home.lake, ["amuont"])
    with pytest.raises(SettingsError, match="no contract is named"):
        require_fill(tables(Settings(home=tmp_path))["events"], home.lake)
    fill(home.contracts["events"], home.lake)
    (tmp_path / "mine.toml").write_text('[columns.amount]\ntype = "text"\n')
    with pytest.raises(SettingsError, match=r"amount as decimal\(18,4\), and it is declared as text"):
        require_fill(home_of(tmp_path, contract=str(tmp_path / "mine.toml")).contracts["events"], home.lake)


def test_a_value_that_is_there_stays_and_so_does_what_another_path_has() -> None:
    contract = Contract("t", (DeclaredColumn("amount", "integer", required=True, paths=("total", "revenue")),))
    first = fill_rows(contract, events('{"total":1,"revenue":2}', "{}"))
    again = fill_rows(contract, first.rows)
    assert first.rows.to_pydict()["amount"] == [1, None]
    assert first.rows.to_pydict()["extra"] == ['{"revenue":2}', "{}"]
    assert again.rows == first.rows
    assert (first.broken, again.filled) == ({"contract:amount:required": 1}, {})


def events(*extra: str | None) -> pa.Table:
    return pa.table({"extra": pa.array(extra, pa.string()), "event_type": ["click"] * len(extra)})


VALUES = st.sampled_from([None, 1, 2.5, "7", "", "EUR", [], [{"id": 1}], {"b": 1}, True])
COLUMNS = (
    DeclaredColumn("amount", "decimal(5,2)", paths=("p.total", "p.revenue"), min="0", severity="reject"),
    DeclaredColumn("name", "text", paths=("name",), required=True, one_of=("EUR", "7")),
    DeclaredColumn("basket", "items", paths=("p.list",)),
)


INSIDE = st.fixed_dictionaries({}, optional=dict.fromkeys(("total", "revenue", "list", "rest"), VALUES))
RECORDS = st.fixed_dictionaries({}, optional={"p": INSIDE, "name": VALUES})


@given(st.lists(RECORDS, max_size=4), st.permutations(COLUMNS))
def test_filled_in_any_order_is_what_reading_with_all_columns_gives(
    records: list[dict[str, Any]], order: list[DeclaredColumn]
) -> None:
    rows = events(*(json.dumps(each) if each else None for each in records))
    at_once = judge_columns(Contract("t", COLUMNS), rows["extra"].combine_chunks(), rows["event_type"].combine_chunks())
    broken = Counter[str]()
    for column in order:
        found = fill_rows(Contract("t", (column,)), rows)
        rows, broken = found.rows, broken + found.broken
    assert rows["extra"].to_pylist() == at_once.extra.to_pylist()
    assert all(rows[name].to_pylist() == values.to_pylist() for name, values in at_once.columns.items())
    assert broken == Counter(rule for each in (*at_once.rejected, *at_once.counted) for rule in each)
    assert fill_rows(Contract("t", COLUMNS), rows).rows == rows


def bought(minute: int, user: str = "u", **fields: object) -> dict[str, object]:
    when = {"timestamp": f"2024-03-01T10:{minute:02}:00Z", "event_id": f"e-{minute}"}
    return {"user_id": user, "event_type": "purchase", **when, **fields}


@pytest.mark.spark
def test_a_filled_lake_is_the_one_that_was_read_with_the_contract_and_goes_on(lab: Lab) -> None:
    lab.land(*(bought(i, f"u{i % 3}", amount=f"{i}.50", currency="EUR", more=i) for i in range(6)), name="a.json")
    lab.land(bought(9, amount="much", currency="EUR"), {"user_id": "u", "event_type": "scroll"}, name="b.json")
    lab.run()
    versions = {name: lab.lake.table(name).version() for name in lab.contracts}
    lab.settings = lab.settings.model_copy(update={"contract": "commerce"})
    lab.contracts = tables(lab.settings)
    assert fill(lab.contracts["events"], lab.lake).filled == {"amount": 6, "currency": 7}

    stale = verify(lab.contracts["purchases"], lab.spark, lab.lake)
    assert (stale.different, stale.missing, stale.extra) == (7, 0, 0)
    assert "amount, currency" in stale.ledger[0]
    assert "its next run makes it anew" in stale.ledger[0]
    generations = {name: report.generation for name, report in lab.run().items()}
    assert generations == {name: 2 if name == "purchases" else 1 for name in lab.contracts}
    read_them = {"events", "purchases"}
    assert all(lab.lake.table(name).version() == versions[name] for name in lab.contracts if name not in read_them)
    lab.assert_exact("purchases")
    bought_for = [(row.amount, row.currency) for row in lab.table("purchases").orderBy("timestamp").collect()]
    assert bought_for == [*((Decimal(f"{i}.5000"), "EUR") for i in range(6)), (None, "EUR")]
    lab.land(bought(0, "u0", amount="0.50", currency="EUR", more=0), name="again.json")  # a copy of what was filled
    lab.run()
    lab.assert_exact()
    assert source_account(lab.contracts["events"], lab.lake).errors == ()
    assert all(result.passed for result in validate(lab.contracts["events"], lab.spark, lab.lake) if result.blocking)

    anew = Lab(lab.spark, lab.settings.model_copy(update={"home": lab.settings.home.parent / "anew"})).only("events")
    for file in sorted(lab.landing.iterdir()):
        anew.land(file.read_bytes().rstrip(b"\n"), name=file.name)
    anew.run()
    said = [
        "user_id",
        "event_type",
        "timestamp",
        "event_id",
        "extra",
        *(c.name for c in lab.contracts["events"].declared),
    ]
    assert sorted(map(str, lab.table("events").select(said).collect())) == sorted(
        map(str, anew.table("events").select(said).collect())
    )

    scrolling = lab.settings.model_copy(update={"event_types": ("purchase", "scroll")})
    assert replay(tables(scrolling)["events"], lab.spark, lab.lake).tried >= 1
    forget("u1", list(lab.contracts.values()), lab.spark, lab.lake)
    lab.assert_exact()
