"""The views of SQL over a lake that delta-rs wrote: what is there to be asked, and what comes back. No JVM."""

from __future__ import annotations

import json
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake import Schema as DeltaSchema

from clickstream_platform.settings import Settings
from clickstream_platform.sql import ask, connect
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform_tests.homes import Home, delta
from clickstream_platform_tests.lakes import at, write
from clickstream_platform_tests.local import local
from clickstream_platform_tests.sql.asked import answer, clickstream, refused

STRUCT = {"type": "struct", "fields": [{"name": "of", "type": "long", "nullable": True, "metadata": {}}]}
LIST = {"type": "array", "elementType": STRUCT, "containsNull": True}
MAP = {"type": "map", "keyType": "string", "valueType": LIST, "valueContainsNull": True}
MORE = json.dumps({"type": "struct", "fields": [{"name": "more", "type": MAP, "nullable": True, "metadata": {}}]})


BOUGHT: list[tuple[str, str | None, str | None, int | None, str | None]] = [
    ("10:00:00", "0.1", "EUR", 1, "a"),
    ("10:59:59", "0.2", "EUR", 2, "a"),
    ("10:40:00", None, "EUR", 1, "c"),
    ("10:30:00", "99999999999999.9999", "USD", 1, "b"),
    ("11:00:00", "5", None, None, None),
    ("11:10:00", "7", None, 1, None),
]


def test_revenue_is_added_up_by_hour_and_currency_to_the_last_digit(tmp_path: Path) -> None:
    home = Home(Settings(home=tmp_path, contract="commerce"))
    for number, (time, amount, currency, quantity, order) in enumerate(BOUGHT):
        said = {"amount": amount and Decimal(amount), "currency": currency, "quantity": quantity, "order_id": order}
        write(home, "purchases", [{"user_id": "u", "timestamp": at(time), "offset": number, **said}])
    found = answer(home, "select * from revenue order by hour, currency")
    assert [(f"{hour:%H}", *rest) for hour, *rest in found] == [
        ("10", "EUR", 3, Decimal("0.3000"), 1, 2, 4),
        ("10", "USD", 1, Decimal("99999999999999.9999"), 0, 1, 1),
        ("11", None, 2, None, 2, 0, 1),
    ]
    assert answer(home, "select sum(purchases) from revenue") == answer(home, "select count(*) from purchases")


def test_without_an_amount_and_a_currency_there_is_no_revenue(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    for contract in (
        "",
        '[columns.amount]\ntype = "text"\n[columns.currency]\ntype = "text"\n',
        "[columns.amount]\ntype = 'integer'\n",
    ):
        mine.write_text(contract)
        home = Home(Settings(home=tmp_path / str(len(contract)), contract=str(mine) if contract else ""))
        write(home, "purchases", [{"user_id": "u", "timestamp": at("10:00:00")}])
        assert answer(home, "show tables") == [("purchases",)]


def test_every_table_of_the_lake_is_a_view(home: Home) -> None:
    assert answer(home, "show tables") == [("events",), ("quarantine",), ("sessions",), ("sessions_final",)]


def test_a_final_view_has_the_rows_that_the_watermark_has_passed(home: Home) -> None:
    assert answer(home, "select user_id from sessions_final order by all") == [("u1",), ("u2",)]
    home.plan("sessions", 0, delta(1), generation=2)  # of a rebuild that was killed
    assert answer(home, "select count(*) from sessions_final") == [(2,)]


def test_before_there_is_a_watermark_no_row_is_final(home: Home) -> None:
    write(home, "alerts", [{"user_id": "u", "final_at": at("10:00:00")}])
    assert answer(home, "select count(*) from alerts_final") == [(0,)]


def test_a_partition_that_a_statement_does_not_ask_for_is_not_read(home: Home) -> None:
    (other,) = (home.lake.events.path / "event_date=2024-03-02").iterdir()
    local(other).write_bytes(b"no Parquet")
    assert answer(home, "select user_id from events where event_date = '2024-03-01'") == [("u1",)]
    assert "sql: " in refused(home, "select user_id from events")


def test_times_are_in_utc_on_any_machine(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    (row,) = answer(home, "select session_start, date_trunc('day', session_start) from sessions limit 1")
    assert row == (at("10:00:00"), datetime(2024, 3, 1, tzinfo=timezone.utc))
    assert "2024-03-01 10:00:00.000" in clickstream("select min(session_start) from sessions").stdout


def test_a_table_of_several_shapes_is_read_whole(home: Home) -> None:
    table = str(home.lake.table("sessions").path)
    DeltaTable(table).alter.add_columns(DeltaSchema.from_json(MORE).fields)
    assert set(answer(home, "select more from sessions")) == {(None,)}
    DeltaTable(table).delete()
    assert answer(home, "describe select more from sessions")[0][:2] == ("more", 'MAP(VARCHAR, STRUCT("of" BIGINT)[])')
    assert answer(home, "select * from sessions") == []


def test_a_row_of_before_a_column_came_has_null_in_it_whichever_file_is_read_first(home: Home) -> None:
    table = str(home.lake.events.path)
    DeltaTable(table).alter.add_columns(DeltaSchema.from_json(MORE).fields)
    late = DeltaTable(table).to_pyarrow_table().slice(0, 1)
    late = late.set_column(late.schema.get_field_index("event_date"), "event_date", pa.array([date(2024, 2, 1)]))
    write_deltalake(table, late, mode="append")
    assert answer(home, "select count(*), count(more) from events") == [(3, 0)]
    assert [day.day for _, day in answer(home, "select more, event_date from events order by 2")] == [1, 1, 2]


def test_a_home_with_any_letters_can_be_asked(home: Home) -> None:
    moved = home.settings.home.rename("it's [all] * mine")
    assert list(ask(connect(Lake(moved / "lake")), "select count(*) from events").rows) == [(2,)]
