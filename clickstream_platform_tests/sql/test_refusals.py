"""Statements that SQL over a lake refuses, and how a wrong one is answered."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from deltalake import DeltaTable

from clickstream_platform_tests.homes import Home
from clickstream_platform_tests.local import local
from clickstream_platform_tests.sql.asked import answer, clickstream, refused


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


def test_a_table_whose_log_is_damaged_is_left_out_and_said(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    next(local(home.lake.table("sessions").path / "_delta_log").glob("*0.json")).write_text("{broken")
    assert answer(home, "select count(*) from events") == [(2,)]
    assert "sessions: left out: its Delta log cannot be read: " in caplog.text


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


def test_an_empty_lake_says_how_to_fill_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path / "empty"))
    result = clickstream("select 1")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{tmp_path / 'empty' / 'lake'}: there is no table in this lake yet; fill it with ")
