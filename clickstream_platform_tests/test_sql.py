"""SQL over a lake that delta-rs wrote: what is there to be asked, what comes back, what is refused. No JVM."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timezone
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake import Schema as DeltaSchema
from typer.testing import CliRunner

from clickstream_platform.cli import program
from clickstream_platform.errors import QueryError
from clickstream_platform.settings import Settings
from clickstream_platform.sql import ask, connect
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform_tests.homes import Home, delta
from clickstream_platform_tests.lakes import at, write
from clickstream_platform_tests.local import local

STRUCT = {"type": "struct", "fields": [{"name": "of", "type": "long", "nullable": True, "metadata": {}}]}
LIST = {"type": "array", "elementType": STRUCT, "containsNull": True}
MAP = {"type": "map", "keyType": "string", "valueType": LIST, "valueContainsNull": True}
MORE = json.dumps({"type": "struct", "fields": [{"name": "more", "type": MAP, "nullable": True, "metadata": {}}]})
DOC = Path(__file__).parents[1] / "docs" / "query.md"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Two days of events, three sessions of which the watermark (noon) has passed two, one rejected record."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLICKSTREAM_HOME", raising=False)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    home = Home(Settings(home=tmp_path / ".clickstream"))
    for day in (1, 2):  # the first day's file is the older one, of which the columns are read
        row = {"user_id": f"u{day}", "timestamp": at("10:00:00", day), "event_date": date(2024, 3, day)}
        write(home, "events", [row])
    ends = {"u1": at("11:00:00"), "u2": at("12:00:00"), "u3": at("12:00:01")}
    write(
        home,
        "sessions",
        [
            {"user_id": user, "session_start": at("10:00:00"), "final_at": end, "event_sequence": ["click", "purchase"]}
            for user, end in ends.items()
        ],
    )
    write(home, "quarantine", [{"record_id": "r", "value": b"{\xff", "reasons": ["malformed_json"]}])
    home.plan("sessions", 0, delta(1))
    return home


def answer(home: Home, statement: str) -> list[tuple[Any, ...]]:
    return list(ask(connect(home.lake), statement).rows)


def refused(home: Home, statement: str) -> str:
    with pytest.raises(QueryError) as error:
        answer(home, statement)
    return str(error.value)


def clickstream(*arguments: str) -> Any:
    return CliRunner().invoke(program, ["sql", *arguments])


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


def test_nothing_but_the_answer_is_printed(home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    database = connect(home.lake)
    assert list(ask(database, "select current_setting('enable_progress_bar')").rows) == [(False,)]
    assert len(list(ask(database, "select * from range(100_000)").rows)) == 100_000
    assert capfd.readouterr() == ("", "")


def test_times_are_in_utc_on_any_machine(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    (row,) = answer(home, "select session_start, date_trunc('day', session_start) from sessions limit 1")
    assert row == (at("10:00:00"), datetime(2024, 3, 1, tzinfo=timezone.utc))
    assert "2024-03-01 10:00:00.000" in clickstream("select min(session_start) from sessions").stdout


@pytest.mark.parametrize(
    "statement",
    [
        "delete from sessions",
        "insert into sessions select * from sessions",
        "drop view sessions",
        "create table t as select 1",
        "copy (select 1) to 'x.csv'",
        "attach 'x.db'",
        "set enable_external_access = true",
        "select 1; select 2",
        " -- nothing",
    ],
)
def test_what_is_not_one_reading_statement_is_refused(home: Home, statement: str) -> None:
    assert refused(home, statement).endswith("the lake cannot be changed")


def test_no_statement_reaches_a_file_beside_the_tables(home: Home) -> None:
    Path("secret.csv").write_text("a\n1\n")
    for statement in ("select * from 'secret.csv'", "select * from read_text('secret.csv')"):
        assert "disabled by configuration" in refused(home, statement)


def test_no_statement_changes_a_table(home: Home) -> None:
    before = {name: sorted(os.walk(local(home.lake.table(name).path))) for name in home.lake.names()}
    answer(home, "select * from sessions, events, quarantine")
    assert {name: sorted(os.walk(local(home.lake.table(name).path))) for name in home.lake.names()} == before
    assert DeltaTable(str(home.lake.table("sessions").path)).version() == 0


def test_a_table_with_a_file_gone_is_left_out_and_said(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    next(home.lake.table("quarantine").path.glob("*.parquet")).unlink()
    assert answer(home, "select count(*) from events") == [(2,)]
    assert "quarantine: left out: IO Error: No files found" in caplog.text


def test_an_unknown_table_is_answered_with_the_known_ones(home: Home) -> None:
    result = clickstream("select * from session")
    assert result.exit_code == 1
    said, *place = result.stderr.splitlines()
    assert said == (
        'sql: Catalog Error: Table with name session does not exist: Did you mean "sessions"; '
        "the lake has events, quarantine, sessions, sessions_final"
    )
    assert place == ["LINE 1: select * from session", " " * 22 + "^" * 7]


@pytest.mark.parametrize(
    ("statement", "finding", "blamed"),
    [
        ("selec 1", 'syntax error at or near "selec"', "selec"),
        ("select usr from sessions", 'column "usr" not found in FROM clause: Candidate bindings: "user_id"', "usr"),
        ("select cast(user_id as int) from sessions", "Could not convert string 'u", "cast(user_id as int)"),
    ],
)
def test_a_wrong_statement_is_one_line_and_the_place_below_it(
    home: Home, statement: str, finding: str, blamed: str
) -> None:
    for form in ("table", "csv"):
        result = clickstream(statement, "--format", form)
        said, shown, caret = result.stderr.splitlines()
        assert result.exit_code == 1
        assert finding in said
        assert shown == f"LINE 1: {statement}"
        assert shown[caret.index("^") : len(caret)] == blamed


def test_a_column_whose_name_is_a_keyword_is_answered_with_how_to_quote_it(home: Home) -> None:
    result = clickstream("select offset from events")
    assert result.exit_code == 1
    assert 'offset in SQL means something else than a column: write "offset", in double quotes' in result.stderr
    assert clickstream('select "offset" from events').exit_code == 0
    assert "double quotes" not in clickstream("select user_id frm events").stderr


def test_numbers_of_many_digits_are_written_whole(home: Home) -> None:
    numbers = "12345678901234567.89", "170141183460469231731687303715884105727"
    statement = f"select {numbers[0]} as price, {numbers[1]}::hugeint as id, [{numbers[0]}] as prices"
    _, row = clickstream(statement, "--format", "csv").stdout.splitlines()
    assert row == f"{numbers[0]},{numbers[1]},[{numbers[0]}]"
    (line,) = clickstream(statement, "--format", "json").stdout.splitlines()
    assert line == f'{{"price": {numbers[0]}, "id": {numbers[1]}, "prices": [{numbers[0]}]}}'


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


@pytest.mark.timeout(300)  # 20 s on two idle cores, more where others work
def test_a_process_that_shows_the_first_rows_of_many_ends_as_it_should(home: Home) -> None:
    """A hundred processes, ten at a time on however few cores: one that hangs or crashes at its end is found."""
    rows = [{"extra": "{}" if n % 3 else None, "event_date": date(2024, 3, 3)} for n in range(5_000)]
    for _ in range(12):
        write(home, "events", rows)
    statement = "select extra from events where extra is not null limit 3"
    command = [sys.executable, "-c", "from clickstream_platform.cli import main; main()", "sql", statement]
    run = partial(subprocess.run, command, capture_output=True, check=False, timeout=60)
    with ThreadPoolExecutor(10) as pool:
        ended = list(pool.map(lambda _: run(), range(100)))
    assert {(each.returncode, each.stdout.count(b"{}"), each.stderr) for each in ended} == {(0, 3, b"")}


def test_an_empty_lake_says_how_to_fill_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path / "empty"))
    result = clickstream("select 1")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{tmp_path / 'empty' / 'lake'}: there is no table in this lake yet; fill it with ")


def test_a_table_shows_null_long_values_and_no_more_rows_than_asked_for(home: Home) -> None:
    text = clickstream("select null as n, repeat('x', 70) as long, 2024 as year", "--limit", "5").stdout
    assert text.splitlines()[2].split() == ["-", "x" * 59 + "…", "2024"]
    text = clickstream("select range as n from range(9)", "--limit", "2").stdout
    assert [line.strip() for line in text.splitlines()[2:]] == ["0", "1", "the first 2 rows; --limit 0 shows all"]
    assert clickstream("select 1 where false").stdout.splitlines()[-1] == "no rows"


def test_rows_too_wide_for_the_terminal_are_shown_one_below_the_other(home: Home) -> None:
    lines = clickstream("select * from sessions where user_id = 'u1'").stdout.splitlines()
    assert lines[0] == "row 1"
    assert {line.split()[0]: line.split()[-1] for line in lines[1:]}["session_start"] == "10:00:00.000"


def test_csv_and_json_are_for_programs(home: Home) -> None:
    statement = (
        "select user_id, session_id, event_sequence, final_at, 1.5 as half, 'nan'::double as nan, true as yes "
        "from sessions where user_id = 'u1'"
    )
    (row,) = csv.DictReader(clickstream(statement, "--format", "csv").stdout.splitlines())
    assert (row["session_id"], row["final_at"], row["half"]) == ("", "2024-03-01T11:00:00Z", "1.5")
    assert json.loads(row["event_sequence"]) == ["click", "purchase"]
    (line,) = clickstream(statement, "--format", "json").stdout.splitlines()
    assert json.loads(line) == {
        "user_id": "u1",
        "session_id": None,
        "event_sequence": ["click", "purchase"],
        "final_at": "2024-03-01T11:00:00Z",
        "half": 1.5,
        "nan": None,
        "yes": True,
    }
    assert json.loads(clickstream("select value from quarantine", "--format", "json").stdout) == {"value": "{\\xff"}


def snippets() -> dict[str, str]:
    """The Python of docs/query.md, by the heading it stands under."""
    sections = (section.partition("\n") for section in DOC.read_text().split("\n## ")[1:])
    return {
        title: code[1] for title, _, text in sections if (code := re.search("```python\n(.*?)```", text, re.DOTALL))
    }


@pytest.mark.parametrize("tool", ["DuckDB", "pandas", "Polars"])
def test_the_documented_way_to_read_a_table_works(home: Home, tool: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip(tool.lower())
    exec(snippets()[tool], {})
    assert "u1" in capsys.readouterr().out


@pytest.mark.spark
def test_the_documented_way_to_read_a_table_with_spark_works(
    home: Home, spark: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    code = snippets()["Spark"].replace(".clickstream", str(home.settings.home))  # the JVM began in another folder
    exec(code, {"spark": spark})
    assert "u1" in capsys.readouterr().out
