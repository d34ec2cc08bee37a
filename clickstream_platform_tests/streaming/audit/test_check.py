"""A check that looks at what is new is as strong as one that looks at everything, and costs what is new. No JVM."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from deltalake import DeltaTable

from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit import passes
from clickstream_platform.streaming.audit.increment import Increment
from clickstream_platform.streaming.audit.passes import PassedCheck, ResumePoint
from clickstream_platform.streaming.audit.result import CheckResult
from clickstream_platform.streaming.audit.shares import RUNS
from clickstream_platform.streaming.audit.validate import check
from clickstream_platform.streaming.lake.delta_log import DeltaLog
from clickstream_platform.streaming.lake.roll_up import roll_up
from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.lakes import at, write
from clickstream_platform_tests.local import local

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NOW = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)


def no_session() -> NoReturn:
    pytest.fail("this much needs no SparkSession")


def looked(home: Home, table: str) -> dict[str, CheckResult]:
    return {each.name: each for each in check(home.contracts[table], no_session, home.lake, now=NOW)}


def failed(home: Home, table: str) -> dict[str, int | str]:
    return {name: found.found for name, found in looked(home, table).items() if not found.passed}


def kinds(home: Home, table: str) -> set[str]:
    return {each.look.kind for each in looked(home, table).values() if each.look} - {"newest"}


def because(home: Home, table: str) -> set[str]:
    return {each.look.because for each in looked(home, table).values() if each.look} - {""}


def session(user: str, clock: str = "10:00:00", day: int = 1, **fields: Any) -> dict[str, Any]:
    start = at(clock, day)
    usual = {"session_start": start, "session_end": start, "events_in_session": 1, "purchases": 0}
    return {"user_id": user, "session_id": "s", "session_duration_minutes": 0.0, **usual, **fields}


def event(offset: int | None, partition: str = "a.json", clock: str = "10:00:00", **fields: Any) -> dict[str, Any]:
    place = {"source": "file", "partition": partition, "offset": offset}
    usual = {"user_id": "u", "event_type": "click", "timestamp": at(clock), "arrived_at": at(clock)}
    return {**place, **usual, "event_date": at(clock).date(), **fields}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(Settings.model_validate({"home": tmp_path}))


class Batches:
    """Batches of one table, one after another."""

    def __init__(self, home: Home, table: str) -> None:
        self.home, self.table, self.number = home, table, -1

    def __call__(self, rows: Iterable[dict[str, Any]] = (), rejected: int = 0, **fields: Any) -> None:
        self.number += 1
        rows = list(rows)
        counts = {"rows_in": len(rows) + rejected, "rows_out": len(rows), "quarantined": rejected}
        of = entry(self.table, self.number, **counts | fields)
        if rejected:
            write(self.home, "quarantine", [{"record_id": f"{self.number}-{i}"} for i in range(rejected)], of=of)
        write(self.home, self.table, rows, of=of)


@pytest.fixture
def sessions(home: Home) -> Batches:
    batches = Batches(home, "sessions")
    batches([session("a"), session("b")])
    return batches


@pytest.fixture
def events(home: Home) -> Batches:
    batches = Batches(home, "events")
    batches([event(0), event(1), event(0, "b.json")], rejected=1)
    return batches


def test_the_first_look_is_at_everything_and_the_next_at_what_is_new(home: Home, sessions: Batches) -> None:
    assert because(home, "sessions") == {"it has not passed before"}
    sessions([session("c")])
    found = looked(home, "sessions")["unique_key"].look
    assert found is not None
    assert str(found) == "what version 1 has beyond version 0, at which it passed"
    assert kinds(home, "sessions") == {"incremental"}


def test_nothing_new_is_looked_at_for_nothing(home: Home, sessions: Batches) -> None:
    assert failed(home, "sessions") == failed(home, "sessions") == {}
    assert kinds(home, "sessions") == {"incremental"}


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (session("a"), {"unique_key": 1}),
        (session("c", session_end=None), {"not_null": 1}),
        (session("c", purchases=-1), {"non_negative": 1}),
        (session("c", purchases=None), {}),
        (session("c", session_id=None), {}),
    ],
)
def test_a_row_of_somebody_elses_commit_is_found_while_it_is_new(
    home: Home, sessions: Batches, row: dict[str, Any], found: dict[str, int]
) -> None:
    assert failed(home, "sessions") == {}
    write(home, "sessions", [row])
    sessions([session("z")])
    assert failed(home, "sessions") == found


def test_a_key_that_is_null_is_one_key(home: Home, sessions: Batches) -> None:
    sessions([session("n", session_id=None), session("m", session_start=None)])
    assert failed(home, "sessions") == {"not_null": 1}
    write(
        home, "sessions", [session("n", session_id=None), session("m", session_start=None, session_end=at("12:00:00"))]
    )
    assert failed(home, "sessions") == {"unique_key": 2, "not_null": 2}


def test_a_failure_is_not_forgotten_until_the_fault_is_gone(home: Home, sessions: Batches) -> None:
    assert failed(home, "sessions") == {}
    write(home, "sessions", [session("bad", purchases=-1)])
    for user in "cde":
        sessions([session(user)])
        assert failed(home, "sessions") == {"non_negative": 1}
    assert because(home, "sessions") == set()  # the look goes on from where the check passed
    DeltaTable(str(home.lake.table("sessions").path)).delete("user_id = 'bad'")
    assert failed(home, "sessions") == {}
    assert kinds(home, "sessions") == {"incremental"}


def test_a_failure_of_the_first_look_stays_one(home: Home, sessions: Batches) -> None:
    write(home, "sessions", [session("bad", purchases=-1)])
    assert failed(home, "sessions") == failed(home, "sessions") == {"non_negative": 1}
    sessions([session("c")])
    assert failed(home, "sessions") == {"non_negative": 1}


@pytest.mark.parametrize(
    ("row", "more"),
    [
        (event(1), 1),
        (event(0, "b.json", "22:00:00"), 1),  # at another time
        (event(2), 0),
        (event(None), 0),
    ],
)
def test_a_place_that_comes_twice_is_found(home: Home, events: Batches, row: dict[str, Any], more: int) -> None:
    assert failed(home, "events") == {}
    write(home, "events", [row])
    assert failed(home, "events").get("unique_key", 0) == more


def test_a_place_twice_in_what_is_new_is_found(home: Home, events: Batches) -> None:
    assert failed(home, "events") == {}
    events([event(5, "c.json"), event(5, "c.json"), event(None, "d.json"), event(None, "d.json")])
    assert failed(home, "events")["unique_key"] == 2


def test_an_offset_below_those_read_is_looked_up(home: Home, events: Batches) -> None:
    events([event(7)])
    assert failed(home, "events") == {}
    events([event(3)])  # as of a replay
    assert failed(home, "events") == {}
    events([event(3)])
    assert failed(home, "events")["unique_key"] == 1


def test_rows_that_were_only_rewritten_are_good_wherever_they_lie_now(home: Home, events: Batches) -> None:
    events([event(2)])
    assert failed(home, "events") == {}
    DeltaTable(str(home.lake.events.path)).optimize.compact()
    assert failed(home, "events") == {}
    assert kinds(home, "events") == {"incremental"}


def test_purchases_are_counted_from_where_they_were(home: Home, events: Batches) -> None:
    purchases = Batches(home, "purchases")
    purchases([], events_version=0)
    assert failed(home, "purchases") == {}
    events([event(2, event_type="purchase"), event(3)])
    purchases([event(2)], events_version=1)
    assert failed(home, "purchases") == {}
    assert kinds(home, "purchases") == {"incremental"}
    write(home, "purchases", [event(9, "z.json")])
    assert failed(home, "purchases") == {"matches_events": "2 rows, 1 event of type purchase"}


def test_purchases_are_counted_anew_once_any_of_them_have_left(home: Home, events: Batches) -> None:
    purchases = Batches(home, "purchases")
    events([event(2, event_type="purchase")])
    purchases([event(2)], events_version=1)
    assert failed(home, "purchases") == {}
    DeltaTable(str(home.lake.table("purchases").path)).delete()
    assert because(home, "purchases") == {"files that it counted have left the table"}
    assert failed(home, "purchases") == {"matches_events": "0 rows, 1 event of type purchase"}


def test_the_ledger_goes_on_where_it_balanced(home: Home, events: Batches) -> None:
    assert failed(home, "events") == {}
    events([event(2)], rejected=2)
    assert failed(home, "events") == {}
    assert looked(home, "events")["conservation"].found == "the ledger balances"
    events([event(3)], start={"logOffset": 7})
    text = "events batch 2 starts at {'logOffset': 7}, but the one before ended at {'logOffset': 1}"
    assert failed(home, "events") == {"conservation": text}
    assert failed(home, "events") == {"conservation": text}


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda home: write(home, "events", [event(9)]), "events has 4 rows, its ledger 3"),
        (lambda home: write(home, "quarantine", [{}]), "quarantine has 2 rows, its ledger 1"),
    ],
)
def test_rows_that_no_ledger_booked_are_found(home: Home, events: Batches, spoil: Any, text: str) -> None:
    assert failed(home, "events") == {}
    spoil(home)
    assert failed(home, "events") == {"conservation": text}


def test_a_batch_that_was_killed_after_its_rejected_records_is_expected(home: Home, events: Batches) -> None:
    of = entry("events", 1, rows_in=2, rows_out=1, quarantined=1)
    write(home, "quarantine", [{"record_id": "x"}], of=of)
    assert failed(home, "events") == {}
    write(home, "events", [event(2)], of=of)
    assert failed(home, "events") == {}
    write(home, "events", [event(3)], of=replace(of, batch_id=2, start=of.end, end={"logOffset": 2}))
    assert failed(home, "events") == {"conservation": "batch 2: 1 quarantined, 0 landed"}


def test_files_that_were_refused_are_counted_on(home: Home, events: Batches) -> None:
    events([], unreadable={"a": "cut off", "b": "cut off"}, files={"a": [1, 0], "b": [1, 0]})
    assert looked(home, "events")["conservation"].found == (
        "the ledger balances; 2 files were refused whole (a: cut off; b: cut off)"
    )
    events([event(2)], unreadable={"c": "no text", "d": "no text"}, files={"c": [1, 0], "d": [1, 0]})
    assert looked(home, "events")["conservation"].found == (
        "the ledger balances; 4 files were refused whole (b: cut off; c: no text; d: no text; ...)"
    )


def spoilt(text: str) -> Any:
    def damage(home: Home) -> Home:
        record(home).write_text(text)
        return home

    return damage


def record(home: Home) -> Path:
    return local(home.lake.root / "_checks" / "sessions.json")


def forgot(home: Home) -> Home:
    record(home).unlink()
    return home


def other_commit(home: Home) -> Home:
    log = home.lake.table("sessions").path / "_delta_log" / f"{0:020d}.json"
    local(log).write_text(log.read_text() + "\n")
    return home


def of_before(home: Home) -> Home:
    lines = json.loads(record(home).read_text())
    record(home).write_text(json.dumps({name: {**line, "asked": "something else"} for name, line in lines.items()}))
    return home


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (forgot, "it has not passed before"),
        (spoilt("{"), "it has not passed before"),
        (spoilt('{"unique_key": {"asked": 1}}'), "it has not passed before"),
        (other_commit, "version 0 of sessions, at which it passed, is not there any more"),
        (of_before, "it asks for something else than when it passed"),
    ],
)
def test_what_breaks_the_induction_asks_for_a_look_at_everything(
    home: Home, sessions: Batches, change: Any, why: str
) -> None:
    assert failed(home, "sessions") == {}
    assert because(change(home), "sessions") == {why}
    assert kinds(home, "sessions") == {"incremental"}


def test_a_new_generation_asks_for_a_look_at_everything(home: Home, sessions: Batches) -> None:
    assert failed(home, "sessions") == {}
    write(home, "sessions", [session("c")], of=entry("sessions", 0, generation=2))
    assert because(home, "sessions") == {"generation 2 has begun since it passed"}


def test_another_setting_asks_for_a_look_at_everything(home: Home, events: Batches) -> None:
    assert failed(home, "events") == {}
    stricter = Home(Settings.model_validate({"home": home.settings.home, "event_types": ("purchase",)}))
    assert failed(stricter, "events") == {"accepted_values": 3}


def test_a_log_that_was_cleaned_asks_for_a_look_at_everything(home: Home, sessions: Batches) -> None:
    assert failed(home, "sessions") == {}
    for user in "cdef":
        sessions([session(user)])
    DeltaTable(str(home.lake.table("sessions").path)).create_checkpoint()
    (home.lake.table("sessions").path / "_delta_log" / f"{2:020d}.json").unlink()
    assert because(home, "sessions") == {"the log of version 2 is gone"}


def test_a_table_that_was_put_back_asks_for_a_look_at_everything(home: Home, sessions: Batches, tmp_path: Path) -> None:
    path = home.lake.table("sessions").path
    shutil.copytree(local(path), tmp_path / "before")
    sessions([session("c")])
    assert failed(home, "sessions") == {}
    shutil.rmtree(local(path))
    shutil.copytree(tmp_path / "before", local(path))
    write(home, "sessions", [session("d"), session("a")])
    assert failed(home, "sessions") == {"unique_key": 1}


def test_what_failed_on_all_rows_is_forgotten_as_passed_by_whoever_found_it(home: Home, sessions: Batches) -> None:
    assert failed(home, "sessions") == {}
    before = passes.read_check_record(home.lake, "sessions")
    passes.record_passes(home.lake, "sessions", before, {}, ["unique_key"])  # as `validate` does
    passes.record_passes(home.lake, "sessions", before, before.checks, [])  # who began before, and ends after it
    assert passes.read_check_record(home.lake, "sessions").checks.keys() == before.checks.keys() - {"unique_key"}


def test_a_lake_that_cannot_be_written_is_warned_of(
    home: Home, sessions: Batches, caplog: pytest.LogCaptureFixture
) -> None:
    local(home.lake.root / "_checks").write_text("a file where the folder should be")
    passes.record_passes(
        home.lake, "sessions", passes.CheckRecord(), {"not_null": PassedCheck("", 1, ResumePoint({}))}, []
    )
    assert "what its checks came to cannot be noted" in caplog.text


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The data files that are opened, and the commits that are read."""
    found: list[str] = []
    opened, committed = Increment.dataset, DeltaLog._log  # type: ignore[attr-defined]

    def dataset(self: Increment, files: Iterable[str]) -> Any:
        files = list(files)
        found.extend(files)
        return opened(self, files)

    def log(self: DeltaLog, version: int) -> Path:
        found.append(f"{self.path.name} {version}")
        return local(committed(self, version))

    monkeypatch.setattr(Increment, "dataset", dataset)
    monkeypatch.setattr(DeltaLog, "_log", log)
    return found


@pytest.mark.parametrize("table", ["events", "sessions", "purchases"])
def test_what_is_read_does_not_grow_with_the_table(home: Home, reads: list[str], table: str) -> None:
    batches, other = Batches(home, "events"), Batches(home, table)

    def batch(day: int) -> None:
        rows = [{**event(i, f"{batches.number}.json"), "timestamp": at("10:00:00", day)} for i in range(20)]
        batches(rows, rejected=1)
        if table != "events":
            other([session(str(batches.number), day=day)] if table == "sessions" else [], events_version=batches.number)

    def tick(day: int) -> int:
        assert failed(home, table) == {}
        batch(day)
        before = len(reads)
        assert failed(home, table) == {}
        return len(reads) - before

    for day in range(1, 3 + RUNS):  # so many are asked what is usual
        batch(day)
    young = tick(RUNS + 3)
    roll_up(home.lake.events)
    for i in range(40):
        batch(1 + i % 28)
    assert tick(30) <= young


def test_looks_at_what_is_new_find_what_a_look_at_everything_finds(home: Home, tmp_path: Path) -> None:
    random = Random(5)
    fresh = replace(home, settings=home.settings)
    batches = Batches(home, "sessions")
    batches([])
    path = str(home.lake.table("sessions").path)
    for _ in range(14):
        users = [session(str(random.randrange(40)), f"1{random.randrange(3)}:00:00") for _ in range(2)]
        match random.randrange(6):
            case 0:
                write(home, "sessions", [session("bad", purchases=-1)])
            case 1:
                DeltaTable(path).delete("purchases < 0 OR user_id > '2'")
            case 2:
                DeltaTable(path).optimize.compact()
            case _:
                write(home, "sessions", users)
        kept = record(home).read_text() if record(home).exists() else None
        step = set(failed(home, "sessions"))
        after = record(home).read_text()
        record(home).unlink()
        assert set(failed(fresh, "sessions")) == step, kept
        record(home).write_text(after)


def test_too_much_for_this_process_is_left_to_spark(
    home: Home, sessions: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clickstream_platform.streaming.audit.new_rows.MUCH", 1)

    def asked() -> SparkSession:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        check(home.contracts["sessions"], asked, home.lake, now=NOW + timedelta(0))
