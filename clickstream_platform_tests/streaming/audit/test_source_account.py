"""The account of a real lake against its landing folder, and each way in which somebody can spoil it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable, QueryBuilder, write_deltalake

from clickstream_platform.errors import SourceError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit import row_places
from clickstream_platform.streaming.audit.source_account import SourceAccount, source_account
from clickstream_platform.streaming.audit.validate import validate
from clickstream_platform.streaming.lake import ledger
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.maintenance.erasure import forget
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.faults import fault
from clickstream_platform_tests.on_store import needs_a_folder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="module")
def home(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two batches: events, a rejected record, a duplicate; then a file that is refused."""
    lab = Lab(spark, Settings.model_validate({"home": tmp_path_factory.mktemp("account")}))
    lab.land(event("u"), event("v", event_id="a"), event("v", event_id="a"), "{", name="a.json")
    lab.run("events")
    lab.land(event("w"), name="b.json")
    (lab.landing / "c.gz").write_bytes(b"\x1f\x8b\x08")
    lab.run("events")
    return lab.settings.home


@pytest.fixture
def copy(spark: SparkSession, home: Path, tmp_path: Path) -> Lab:
    """Its landing folder stays where it is: what was read from it is known by its path there."""
    needs_a_folder("it is copied")
    lake = shutil.copytree(home, tmp_path / "home") / "lake"
    shutil.copytree(home / "landing", tmp_path / "landing")
    settings = {"home": tmp_path / "home", "lake": str(lake), "source": str(tmp_path / "landing")}
    return Lab(spark, Settings.model_validate(settings))


def account(lab: Lab) -> SourceAccount:
    return source_account(lab.contracts["events"], lab.lake)


def test_a_lake_agrees_with_its_source(copy: Lab) -> None:
    found = account(copy)
    assert found.errors == ()
    assert (found.recount.checked, found.recount.records) == (3, 5)
    assert (found.read, found.accepted, found.quarantined, found.duplicates) == (5, 3, 1, 1)
    assert list(found.refused) == ["c.gz"]


def test_records_that_were_added_to_a_file_after_it_was_read_are_named(copy: Lab) -> None:
    with (copy.landing / "b.json").open("a") as file:
        file.write("{}\n")
    size = (copy.landing / "b.json").stat().st_size
    assert account(copy).errors == (
        f"b.json has {size} bytes, booked are {size - 3}",
        "b.json holds 2 records, booked are 1",
    )


def test_rows_that_somebody_deleted_are_missed(copy: Lab) -> None:
    DeltaTable(str(copy.lake.events.path)).delete("user_id = 'w'")
    assert account(copy).errors == (
        "events has 2 rows, its ledger 3",
        "events and quarantine hold 3 rows together; booked are 5 records read, 1 duplicate of them",
    )


def test_rows_that_come_from_nowhere_are_named(copy: Lab) -> None:
    path = str(copy.lake.events.path)
    sql = "select * except (partition), 'x.json' as partition from held where user_id = 'w'"
    rows = QueryBuilder().register("held", DeltaTable(path)).execute(sql).read_all()
    write_deltalake(path, rows, mode="append")
    assert "x.json: 1 row is of this file, which no entry names" in account(copy).errors
    write_deltalake(path, rows, mode="append")
    assert "x.json: 1 of its records are in the tables twice" in account(copy).errors


def test_a_batch_that_left_no_entry_is_found(copy: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = ledger.last_entry(copy.lake.events)
    assert newest is not None
    without = [each for each in ledger.versioned_lines(copy.lake.events) if each.line != newest]
    kept = [each.line for each in without if isinstance(each.line, Entry)]
    monkeypatch.setattr("clickstream_platform.streaming.audit.source_account.entries", lambda _: kept)
    monkeypatch.setattr(row_places, "versioned_lines", lambda table: without if table.name == "events" else ())
    errors = account(copy).errors
    assert "b.json: 1 row is of this file, which no entry names" in errors
    assert any(
        error.startswith("b.json: ") and "though a committed batch has read the file" in error for error in errors
    )


def test_what_an_erasure_took_out_is_not_missed(lab: Lab) -> None:
    lab.only("events").land(event("u"), event("w"), '{"user_id": "w"}')
    lab.run()
    forget("w", list(lab.contracts.values()), lab.spark, lab.lake)
    assert lab.lake.events.rows() == 1
    assert account(lab).errors == ()


def test_a_file_that_is_deleted_is_not_checkable_and_one_that_came_is_unread(copy: Lab) -> None:
    (copy.landing / "a.json").unlink()
    copy.land(event("x"), name="d.json")
    found = account(copy)
    assert found.errors == ()
    assert [(gone.what, gone.records) for gone in found.recount.gone] == [("a.json", 4)]
    assert list(found.recount.unread) == ["d.json"]


def test_a_batch_that_was_killed_between_its_commits_is_unread(lab: Lab) -> None:
    lab.only("events").land(event("u"))
    lab.run()
    lab.land(event("v"), "{", name="b.json")
    with fault(0, "after"), pytest.raises(Exception, match="InjectedError"):
        lab.run()
    found = account(lab)
    assert lab.lake.table("quarantine").rows() == 1
    assert found.errors == ()
    assert list(found.recount.unread) == ["b.json"]


def test_what_a_run_commits_meanwhile_is_no_contradiction(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.only("events").land(event("u"))
    lab.run()
    lab.land(event("v"), "{")
    counted = row_places.rows_by_partition

    def counted_after_a_run(*arguments: Any) -> dict[str, row_places.Rows]:
        lab.run()
        return counted(*arguments)

    monkeypatch.setattr(row_places, "rows_by_partition", counted_after_a_run)
    assert account(lab).errors == ()
    assert lab.lake.events.rows() == 2


def test_without_a_batch_or_a_source_there_is_nothing_to_check(copy: Lab, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no such folder"):
        account(copy.reading(str(tmp_path / "nowhere")))
    empty = replace(copy, settings=copy.settings.model_copy(update={"lake": str(tmp_path / "empty")}))
    with pytest.raises(SourceError, match="no committed batch yet"):
        account(empty)


def test_conservation_names_the_files_that_were_refused(copy: Lab) -> None:
    (found,) = [
        each for each in validate(copy.contracts["events"], copy.spark, copy.lake) if each.name == "conservation"
    ]
    assert found.passed
    assert str(found.found).startswith("the ledger balances; 1 file was refused whole (c.gz: gzip")


def test_the_command_says_so_and_exits_1_if_they_differ(copy: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("home", "lake", "source"):
        monkeypatch.setenv(f"CLICKSTREAM_{name.upper()}", str(getattr(copy.settings, name)))
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    shown = clickstream("verify", "--source")
    assert shown.exit_code == 0, shown.output
    assert "3 files" in shown.output
    assert "5 records read = 3 accepted + 1 quarantined + 1 duplicate" in shown.output
    assert "refused whole: c.gz: gzip" in shown.output
    (copy.landing / "b.json").write_text("{}\n{}\n")
    differs = clickstream("verify", "--source", "--json")
    assert differs.exit_code == 1
    assert "b.json holds 2 records, booked are 1" in json.loads(differs.output)["errors"]
    assert "1 file was refused whole (c.gz" in clickstream("status").output
