"""What `clickstream sql` prints, for people and for programs."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial

import pytest

from clickstream_platform.sql import ask, connect
from clickstream_platform_tests.homes import Home
from clickstream_platform_tests.lakes import write
from clickstream_platform_tests.sql.asked import clickstream


def test_nothing_but_the_answer_is_printed(home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    database = connect(home.lake)
    assert list(ask(database, "select current_setting('enable_progress_bar')").rows) == [(False,)]
    assert len(list(ask(database, "select * from range(100_000)").rows)) == 100_000
    assert capfd.readouterr() == ("", "")


def test_numbers_of_many_digits_are_written_whole(home: Home) -> None:
    numbers = "12345678901234567.89", "170141183460469231731687303715884105727"
    statement = f"select {numbers[0]} as price, {numbers[1]}::hugeint as id, [{numbers[0]}] as prices"
    _, row = clickstream(statement, "--format", "csv").stdout.splitlines()
    assert row == f"{numbers[0]},{numbers[1]},[{numbers[0]}]"
    (line,) = clickstream(statement, "--format", "json").stdout.splitlines()
    assert line == f'{{"price": {numbers[0]}, "id": {numbers[1]}, "prices": [{numbers[0]}]}}'


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
