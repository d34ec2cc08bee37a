"""A table that passes declared columns on has to be made anew when they change in `events`; no other has. No JVM."""

from __future__ import annotations

from pathlib import Path

import pytest

from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake.fills import fill_counts
from clickstream_platform.streaming.lake.generations import current_checkpoint
from clickstream_platform.streaming.maintenance.filling import fill
from clickstream_platform.streaming.observe.outdated import MADE_OF, inherited_column_versions, outdated_reason
from clickstream_platform.streaming.runtime import admission, fingerprint
from clickstream_platform_tests.homes import Home, delta, entry
from clickstream_platform_tests.lakes import at, write

MINE = '[columns.amount]\ntype = "decimal(18,4)"\n[columns.shirt]\ntype = "text"\n'


def home_with(folder: Path, contract: str = "") -> Home:
    (folder / "mine.toml").write_text(contract or "# nothing is declared\n")
    return Home(Settings(home=folder / "home", contract=str(folder / "mine.toml") if contract else ""))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A lake whose two derived tables have read all of it, under a contract that declares an amount and a shirt."""
    made = home_with(tmp_path, MINE)
    day = at("10:00:00")
    said = {"user_id": "u", "event_type": "purchase", "timestamp": day, "event_date": day.date()}
    write(made, "events", [{**said, "extra": '{"amount":"9.90","shirt":"S"}'}], of=entry(rows_in=1, rows_out=1))
    for name in ("purchases", "sessions"):
        write(made, name, [{"user_id": "u"}], of=entry(name, rows_in=1, rows_out=1))
        made.plan(name, 0, delta(1))
        made_for = {
            **fingerprint.declared_facts(made.contracts[name]),
            MADE_OF: inherited_column_versions(made.contracts[name], made.lake),
        }
        fingerprint.write_fingerprint(current_checkpoint(made.lake, name), made_for)
    return made


def why(home: Home, name: str = "purchases") -> str:
    return outdated_reason(home.contracts[name], home.lake, current_checkpoint(home.lake, name))


def test_what_nothing_has_changed_of_goes_on(home: Home) -> None:
    assert why(home) == why(home, "sessions") == ""
    assert admission.admit_checkpoint(home.lake, home.contracts["purchases"]).generation == 1
    assert home.lag("purchases").amount == 0


def test_a_fill_of_a_column_that_a_table_passes_on_makes_the_next_run_read_all_events(home: Home) -> None:
    assert fill(home.contracts["events"], home.lake).filled == {"amount": 1, "shirt": 1}
    assert why(home) == "since it was made, amount of events came, went or got values"
    assert why(home, "sessions") == ""
    assert admission.admit_checkpoint(home.lake, home.contracts["purchases"]).generation == 2
    assert admission.admit_checkpoint(home.lake, home.contracts["sessions"]).generation == 1
    assert (home.lag("purchases").amount, home.lag("sessions").amount) == (1, 0)


def test_a_fill_of_another_column_and_one_that_finds_nothing_change_no_table(home: Home) -> None:
    fill(home.contracts["events"], home.lake, ["shirt"])
    assert why(home) == ""
    fill(home.contracts["events"], home.lake)
    found = fill_counts(home.lake.events, ["amount", "shirt"])
    fill(home.contracts["events"], home.lake)
    assert found == fill_counts(home.lake.events, ["amount", "shirt"]) == {"amount": 1, "shirt": 1}


@pytest.mark.parametrize("contract", ["", MINE.replace("18,4", "20,4"), MINE + '[columns.currency]\ntype = "text"\n'])
def test_a_contract_that_declares_more_or_less_of_a_purchase_makes_it_anew(
    home: Home, tmp_path: Path, contract: str
) -> None:
    assert why(home_with(tmp_path, contract))
    assert why(home_with(tmp_path, contract), "sessions") == ""
    assert why(home_with(tmp_path, MINE.replace("shirt", "hat"))) == ""
    assert why(home_with(tmp_path, MINE)) == ""


def test_a_table_of_before_declared_columns_is_made_anew_once_some_are_declared(home: Home, tmp_path: Path) -> None:
    (current_checkpoint(home.lake, "purchases").path / "fingerprint.json").unlink()
    assert why(home)
    assert why(home_with(tmp_path)) == ""
