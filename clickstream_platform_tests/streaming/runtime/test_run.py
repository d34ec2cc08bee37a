"""What a run promises, on real Delta tables: right after every batch, nothing twice, nothing for nothing."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from clickstream_platform.errors import CheckpointError, SourceError, TableBusyError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.state import Recompute, StateStore
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.lease import lease
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.run import rebuild, run
from clickstream_platform.tables import tables
from clickstream_platform_tests.conftest import KINDS, Lab, event
from clickstream_platform_tests.local import local

pytestmark = pytest.mark.spark


def test_a_late_event_reaches_every_table(lab: Lab) -> None:
    lab.land(event(at="10:00:00"), event(at="12:00:00"))
    lab.run()
    lab.land(event(at="10:01:00", event_type="purchase"))  # two hours behind, its window long let go
    reports = lab.run()
    assert {name: report.late_rows for name, report in reports.items()} == dict.fromkeys(reports, 1)
    assert reports["user_activity"].dropped_by_watermark == 1
    window = lab.table("user_activity").where("window_start = '2024-03-01 10:00:00'").first()
    assert window is not None
    assert (window.total_events, window.purchase_count) == (2, 1)
    lab.assert_exact()


def test_a_late_event_joins_two_sessions_into_one(lab: Lab) -> None:
    lab.land(event(at="10:00:00"), event(at="10:50:00"), event(at="18:00:00"))
    lab.run("events", "sessions")
    assert lab.table("sessions").count() == 3
    lab.land(event(at="10:25:00"))
    report = lab.run("events", "sessions")["sessions"]
    assert [row.events_in_session for row in lab.table("sessions").orderBy("session_start").collect()] == [3, 1]
    assert report.rows_out == 2  # one row longer, one gone
    assert report.revisions == 2
    lab.assert_exact("sessions")


def test_a_row_that_spark_wrote_is_found_again_to_the_microsecond(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(writer, "FEW", 0)  # in the statistics of Spark's files the latest time has only milliseconds
        lab.land(event(at="10:00:00.000500"))
        lab.run("events", "sessions")
    lab.land(event(at="10:00:05"))
    lab.run("events", "sessions")
    assert lab.table("sessions").count() == 1
    lab.assert_exact("events", "sessions")


def test_a_second_run_with_nothing_new_commits_nothing_and_reads_nothing(lab: Lab) -> None:
    lab.land(event())
    lab.run()
    versions = {name: lab.lake.table(name).version() for name in lab.contracts}
    reports = lab.run()
    assert {name: lab.lake.table(name).version() for name in lab.contracts} == versions
    assert all(report.batches == () and report.rows_in == 0 for report in reports.values())


def test_user_activity_recomputed_is_the_table_that_the_state_store_gives(lab: Lab, tmp_path: Path) -> None:
    contract = lab.contracts["user_activity"]
    assert isinstance(contract.state, StateStore)
    recomputed = replace(contract, name="recomputed", state=Recompute(contract.state.by, contract.state.reach))
    for minutes in ([0, 3, 7, 20], [1, 2, 90], [4, 5, 6, 91], [200, 0]):
        lab.land(*(event(f"u{m % 2}", f"{10 + m // 60}:{m % 60:02}:30", page_url=f"/{m % 3}") for m in minutes))
        lab.run("events", "user_activity")
        run(recomputed, lab.spark, lab.lake)
    columns = [column.name for column in contract.columns]
    by_state, by_lake = lab.table("user_activity").select(columns), lab.table("recomputed").select(columns)
    assert by_state.exceptAll(by_lake).count() == by_lake.exceptAll(by_state).count() == 0
    lab.assert_exact("user_activity")


@pytest.mark.parametrize("seed", [1, 2])  # those of test_exactness.py are more
def test_any_cut_of_the_same_records_gives_the_same_tables(lab: Lab, seed: int) -> None:
    chance = random.Random(seed)
    noon = datetime(2024, 3, 1, 12)
    late = [timedelta(0)] * 6 + [timedelta(minutes=12), timedelta(hours=5), timedelta(days=2)]
    records = [
        event(
            f"u{chance.randrange(6)}",
            (noon + timedelta(seconds=20 * i) - chance.choice(late)).isoformat(),
            session_id=chance.choice([None, "a"]),
            event_type=chance.choice(["click", "page_view", "purchase"]),
            page_url=f"/{chance.randrange(4)}",
            event_id=f"e{i}",
        )
        for i in range(400)
    ]
    records += chance.sample(records, 20)
    cuts = sorted(chance.sample(range(1, len(records)), 3))
    for start, end in zip([0, *cuts], [*cuts, len(records)], strict=True):
        lab.land(*records[start:end])
        lab.run("events")
        lab.run(*chance.sample(["user_activity", "sessions", "purchases", "alerts"], 2))
    reports = lab.run()
    assert reports["events"].rows == 400
    lab.assert_exact()


def test_every_record_is_accounted_for(lab: Lab) -> None:
    good = event(event_id="one")
    lab.land(good, good, "{half a rec", "[]", event("", "10:00:00"), "", event(event_id="two"))
    first = lab.run("events")["events"]
    lab.land(good, event(at="11:00:00", event_id="one"))
    second = lab.run("events")["events"]
    assert (first.rows_in, first.rows_out, first.quarantined, first.duplicates) == (6, 2, 3, 1)
    assert first.batches[0].records.reasons == {"malformed_json": 1, "missing_user_id": 1, "not_an_object": 1}
    assert (second.rows_in, second.rows_out, second.duplicates, second.batches[0].copies.reused_ids) == (2, 1, 1, 1)
    lab.assert_exact("events")


def test_a_record_keeps_its_place_in_its_file(lab: Lab) -> None:
    lab.land("", event("a"), "  ", "{", event("b"), name="2024/03/clicks +1%.json")
    lab.run("events")
    places = {row.user_id: (row.partition, row.offset) for row in lab.table("events").collect()}
    assert places == {"a": ("2024/03/clicks +1%.json", 1), "b": ("2024/03/clicks +1%.json", 4)}
    rejected = lab.table("quarantine").collect()
    assert [(row.partition, row.offset, bytes(row.value)) for row in rejected] == [("2024/03/clicks +1%.json", 3, b"{")]
    assert [len(row.record_id) for row in rejected] == [64]


def test_a_large_file_is_numbered_through(lab: Lab) -> None:
    lab.land(*(event(f"u{i}", page_url="/" + "x" * 20_000) for i in range(1_000)))  # 20 MB: Spark would split it
    lab.run("events")
    places = {row.user_id: row.offset for row in lab.table("events").select("user_id", "offset").collect()}
    assert places == {f"u{i}": i for i in range(1_000)}


def test_a_batch_committed_to_the_table_but_not_to_the_checkpoint_lands_once(lab: Lab) -> None:
    lab.only(*KINDS).land(event(at="10:00:00"), event(at="11:00:00"))
    lab.run()
    lab.land(event(at="10:02:00"), event(at="11:02:00", event_type="purchase"), "{")
    lab.run()
    for name in lab.contracts:
        _uncommit_last_batch(lab, name)
    versions = {name: lab.lake.table(name).version() for name in lab.contracts}
    reports = lab.run()
    assert all(report.replayed >= 1 and not report.batches for report in reports.values()), reports
    assert {name: lab.lake.table(name).version() for name in lab.contracts} == versions
    lab.assert_exact()


def _uncommit_last_batch(lab: Lab, name: str) -> None:
    """Leave the checkpoint as a kill between the Delta commit and ``commits/<n>`` does."""
    folder = lab.lake.checkpoints(name) / "1"
    last = lab.lake.table(name).transaction(f"{name}/1")
    assert last is not None
    for log, oldest in (("offsets", last + 1), ("commits", last)):
        for file in (folder / log).iterdir():
            number = file.name.strip(".").removesuffix(".crc")
            if number.isdigit() and int(number) >= oldest:
                file.unlink()


def test_killed_while_the_first_plan_was_written_down_the_next_run_begins(lab: Lab) -> None:
    lab.land(event(event_type="purchase"))
    for name in ("events", "purchases"):
        offsets = local(lab.lake.checkpoints(name) / "1" / "offsets")
        offsets.mkdir(parents=True)
        half_written = ".0.5c3a15e4-fe3f-4ab9-87f8-17114a59275e.tmp"
        (offsets / half_written).write_text("v1\n")
        (offsets / f".{half_written}.crc").write_bytes(b"crc")
    lab.run("events", "purchases")
    assert lab.table("purchases").count() == 1
    lab.assert_exact("events", "purchases")


def test_a_lost_checkpoint_starts_a_new_generation(lab: Lab) -> None:
    lab.land(event(at="10:00:00"), event(at="12:00:00"))
    lab.run("events", "sessions")
    shutil.rmtree(local(lab.lake.checkpoints("sessions") / "1"))
    lab.land(event(at="10:10:00"))
    report = lab.run("events", "sessions")["sessions"]
    assert (report.generation, report.batches[0].batch_id, report.batches[0].rows_in) == (2, 0, 3)
    lab.assert_exact("sessions")


def test_events_refuses_to_go_on_without_its_checkpoint(lab: Lab) -> None:
    lab.land(event())
    lab.run("events")
    shutil.rmtree(local(lab.lake.checkpoints("events") / "1"))
    with pytest.raises(CheckpointError, match="restore a backup, or begin anew"):
        lab.run("events")


def test_a_restored_table_is_refused_until_it_is_rebuilt(lab: Lab) -> None:
    lab.land(event(at="10:00:00"))
    lab.run("events", "purchases", "sessions")
    kept = lab.lake.root / "kept"
    shutil.copytree(local(lab.lake.table("sessions").path), local(kept))
    lab.land(event(at="12:00:00"))
    lab.run("events", "sessions")
    shutil.rmtree(local(lab.lake.table("sessions").path))
    local(kept).rename(local(lab.lake.table("sessions").path))
    with pytest.raises(CheckpointError, match="clickstream rebuild sessions"):
        lab.run("sessions")
    report = rebuild(lab.contracts["sessions"], lab.spark, lab.lake)
    assert report.generation == 2
    lab.assert_exact("sessions")


def test_a_changed_threshold_is_refused_until_the_table_is_rebuilt(lab: Lab) -> None:
    lab.land(*(event(at=f"10:00:0{i}", event_type="purchase") for i in range(4)))
    lab.run("events", "alerts")
    assert lab.table("alerts").count() == 0
    changed = tables(lab.settings.model_copy(update={"alert_purchase_count": 3}))["alerts"]
    with pytest.raises(CheckpointError, match=r"purchase_count > 5.*purchase_count > 3.*rebuild alerts"):
        run(changed, lab.spark, lab.lake)
    rebuild(changed, lab.spark, lab.lake)
    assert [row.value for row in lab.table("alerts").collect()] == [4]


def test_a_new_alert_is_announced_once_and_a_known_one_never_again(lab: Lab) -> None:
    announced: list[str] = []
    hooks = Hooks(notify=lambda table, rows: announced.extend(row["user_id"] for row in rows))
    burst = [event("first", f"10:00:0{i}", event_type="purchase") for i in range(6)]
    for records in (burst, [event("first", "10:01:00"), *(r | {"user_id": "second"} for r in burst)]):
        lab.land(*records)
        lab.run("events", "alerts", hooks=hooks)
    rebuild(lab.contracts["alerts"], lab.spark, lab.lake, hooks)
    assert announced == ["first", "second"]


def test_a_second_run_of_a_table_is_refused_with_the_first_ones_pid(lab: Lab) -> None:
    lab.land(event())
    with lease(lab.lake, "events", "the-first-run"), pytest.raises(TableBusyError, match=r"the-first-run.*pid \d+"):
        lab.run("events")


def test_a_table_without_events_says_what_to_run_first(lab: Lab) -> None:
    with pytest.raises(SourceError, match="run events first"):
        lab.run("sessions")


def test_many_batches_of_the_source_give_an_unbroken_ledger(lab: Lab) -> None:
    small = tables(Settings(home=lab.settings.home, max_bytes_per_trigger=1))["events"]
    for i in range(12):  # past Spark's first compaction of its file log
        lab.land(event(at=f"10:{i:02}:00"))
    report = run(small, lab.spark, lab.lake)
    assert len(report.batches) == 12
    assert [e.batch_id for e in entries(lab.lake.table("events"))] == list(range(11, -1, -1))
    lab.only("events", "sessions").run()
    lab.assert_exact()
    assert json.loads(report.batches[3].to_json())["start"] == {"logOffset": 2}
