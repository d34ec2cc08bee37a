"""What ``validate`` finds in tables that were broken on purpose, and that it finds nothing in those that were not."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import CommitProperties, DeltaTable, QueryBuilder, write_deltalake

from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit.result import NO_BATCH, CheckResult
from clickstream_platform.streaming.audit.validate import check, validate
from clickstream_platform.streaming.lake.ledger import last_entry
from clickstream_platform.tables import tables
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.local import local

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NOW = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)


def settings_at(home: Path) -> Settings:
    """The defaults, whatever the environment says."""
    return Settings.model_validate({"home": home})


@pytest.fixture(scope="module")
def home(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose tables have run once: breaking a copy costs milliseconds, a run seconds."""
    settings = settings_at(tmp_path_factory.mktemp("validate"))
    lab = Lab(spark, settings)
    lab.land(
        event(session_id=None), event("v", "10:01:00", event_type="purchase"), "{", *[event("w", event_id="a")] * 2
    )
    lab.run("events", "sessions", "purchases")
    return settings.home


@pytest.fixture
def copy(spark: SparkSession, home: Path, tmp_path: Path) -> Lab:
    lab = Lab(spark, settings_at(shutil.copytree(home, tmp_path / "home")))
    local(lab.lake.root)
    return lab


def results(lab: Lab, table: str, now: datetime = NOW) -> dict[str, CheckResult]:
    """By Spark; and a look at what is new since nothing, which needs none, finds the same."""
    found = {result.name: result for result in validate(lab.contracts[table], lab.spark, lab.lake, now=now)}
    record = lab.lake.root / "_checks" / f"{table}.json"
    record.unlink(missing_ok=True)
    again = check(lab.contracts[table], no_session, lab.lake, now=now)
    assert {each.name: (each.passed, each.found) for each in again} == {
        name: (each.passed, each.found) for name, each in found.items()
    }
    return found


def no_session() -> NoReturn:
    pytest.fail("these few rows need no SparkSession")


def failed(lab: Lab, table: str) -> dict[str, int | str]:
    return {name: result.found for name, result in results(lab, table).items() if not result.passed}


def append(lab: Lab, table: str, sql: str, carried: dict[str, str] | None = None) -> None:
    """Add rows behind the engine's back."""
    path = str(lab.lake.table(table).path)
    rows = QueryBuilder().register("held", DeltaTable(path)).execute(sql).read_all()
    write_deltalake(path, rows, mode="append", commit_properties=CommitProperties(custom_metadata=carried))


def delete(lab: Lab, table: str, rows: str | None = None) -> None:
    DeltaTable(str(lab.lake.table(table).path)).delete(rows)


@pytest.mark.spark
def test_every_promise_holds_after_a_run(copy: Lab) -> None:
    assert [failed(copy, name) for name in ("events", "sessions", "purchases")] == [{}, {}, {}]
    of_events = results(copy, "events")
    assert of_events["fresh_events"].found == "the newest event is 119 min old"
    assert of_events["conservation"].found == "the ledger balances"
    assert results(copy, "purchases")["matches_events"].found == "1 row, 1 event of type purchase"


@pytest.mark.spark
def test_a_table_without_a_batch_keeps_none_of_its_promises(copy: Lab) -> None:
    assert failed(copy, "alerts") == dict.fromkeys(("unique_key", "not_null", "accepted_values"), NO_BATCH)


@pytest.mark.spark
def test_rows_that_break_a_promise_are_counted(copy: Lab) -> None:
    no_time = """arrow_cast(null, 'Timestamp(Microsecond, Some("UTC"))')"""
    wrong = f"select * except (session_end, purchases), {no_time} as session_end, arrow_cast(-1, 'Int64') as purchases"
    append(copy, "sessions", f"{wrong} from held where user_id != 'v'")  # two keys, one of them with a null
    assert failed(copy, "sessions") == {"unique_key": 2, "not_null": 2, "non_negative": 2}
    append(copy, "events", "select * except (event_type), 'guess' as event_type from held where user_id = 'v'")
    assert failed(copy, "events").items() >= {"accepted_values": 1, "unique_key": 1}.items()


@pytest.mark.spark
def test_events_and_quarantine_must_hold_what_the_ledger_booked(copy: Lab) -> None:
    delete(copy, "events", "user_id = 'v'")
    delete(copy, "quarantine")
    said = failed(copy, "events")["conservation"]
    assert said == "events has 2 rows, its ledger 3; quarantine has 0 rows, its ledger 1"


@pytest.mark.spark
def test_a_batch_that_only_quarantine_has_is_one_that_the_next_run_completes(copy: Lab) -> None:
    entry = last_entry(copy.lake.events)
    assert entry is not None
    killed = replace(entry, batch_id=entry.batch_id + 1, committed_at_ms=entry.committed_at_ms + 1)
    append(copy, "quarantine", "select * from held", {"userMetadata": killed.to_json()})
    assert failed(copy, "events") == {}


@pytest.mark.spark
def test_a_batch_that_quarantine_lacks_is_found(copy: Lab) -> None:
    shutil.rmtree(local(copy.lake.table("quarantine").path))
    assert failed(copy, "events")["conservation"] == "batch 0: 1 quarantined, 0 landed"


@pytest.mark.spark
def test_matches_events_counts_at_the_version_that_the_table_has_read(copy: Lab) -> None:
    append(copy, "events", "select * from held where user_id = 'v'")
    assert failed(copy, "purchases") == {}
    delete(copy, "purchases")
    assert failed(copy, "purchases") == {"matches_events": "0 rows, 1 event of type purchase"}


@pytest.mark.spark
def test_an_old_newest_event_only_warns(copy: Lab) -> None:
    result = results(copy, "events", NOW + timedelta(days=2))["fresh_events"]
    assert (result.passed, result.blocking, result.found) == (False, False, "the newest event is 2 days old")


@pytest.mark.spark
def test_what_validate_found_is_not_passed_over_by_a_look_at_what_is_new(copy: Lab) -> None:
    contract = copy.contracts["sessions"]
    assert all(each.passed for each in check(contract, no_session, copy.lake))
    (file,) = copy.lake.table("sessions").path.glob("*.parquet")
    twice = pa.concat_tables([pq.read_table(file)] * 2)
    pq.write_table(twice, file)  # no commit says so
    assert all(each.passed for each in check(contract, no_session, copy.lake))
    wrong = {each.name for each in validate(contract, copy.spark, copy.lake) if not each.passed}
    assert wrong == {each.name for each in check(contract, no_session, copy.lake) if not each.passed} == {"unique_key"}


@pytest.mark.spark
def test_validate_notes_what_passed_for_the_next_look_at_what_is_new(lab: Lab) -> None:
    contract = lab.only("events", "purchases").contracts["purchases"]
    for minute in (0, 1):
        lab.land(event("x", f"10:0{minute}:00", event_type="purchase"))
        lab.run()
        kinds = {each.look.kind for each in validate(contract, lab.spark, lab.lake) if each.look}
        assert kinds == {"full"}
    lab.land(event("y", event_type="purchase"))
    lab.run()
    found = check(contract, no_session, lab.lake)
    assert {(each.name, each.passed, each.look.kind) for each in found if each.look} == {
        (each.name, True, "incremental") for each in contract.expectations
    }


def test_names_of_checks_are_unique_within_a_table(tmp_path: Path) -> None:
    for table in tables(settings_at(tmp_path)).values():
        names = [expectation.name for expectation in table.expectations]
        assert len(set(names)) == len(names)
