"""Data files that tasks write by themselves: what becomes of them and of all other records. Real tables, and no JVM."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from clickstream_platform.events.rules import Parse
from clickstream_platform.events.schema import EVENTS
from clickstream_platform.settings import Settings
from clickstream_platform.store.place import Place
from clickstream_platform.streaming.ingest import date_files
from clickstream_platform.streaming.ingest.adopting import adopt_files
from clickstream_platform.streaming.ingest.deduplicate import Duplicates, find_duplicates
from clickstream_platform.streaming.ingest.facts import Facts
from clickstream_platform.streaming.ingest.staged import StagedBatch
from clickstream_platform.streaming.ingest.staging import stage_records
from clickstream_platform.streaming.ingest.staging_folder import write_file
from clickstream_platform.streaming.ingest.task_files import SeenIds, TaskFiles, task_files_for
from clickstream_platform.streaming.lake import handles, upkeep, writer
from clickstream_platform.streaming.lake.data_files import DataFile
from clickstream_platform.streaming.lake.tables import LakeTable
from clickstream_platform.streaming.sources.files.sample import sample_files
from clickstream_platform.tables.events import rules_from
from clickstream_platform_tests.conftest import event

PARSE = Parse(rules_from(Settings()))
DAYS = ("2024-03-01", "2024-03-02", "2024-03-03")


def sent(day: str, first: int, count: int, **fields: Any) -> list[dict[str, Any]]:
    return [
        event(event_id=f"e{n}", at=f"{day}T10:00:{n % 60:02}.{n:06}Z", **fields) for n in range(first, first + count)
    ]


def table_in(folder: Path) -> LakeTable:
    path = folder / "lake" / "events"
    writer.create(path, EVENTS.spark, ("event_date",), ("timestamp",), 100_000_000)
    return LakeTable(path)


@dataclass
class Batch:
    """What a batch commits to a table, and what it quarantines."""

    table: LakeTable
    staged: StagedBatch
    facts: Facts
    found: Duplicates
    number: int = 0

    def rest(self) -> list[pa.RecordBatch]:
        return [*self.staged.accepted(but=self.found.places)]

    def rejected(self) -> list[dict[str, Any]]:
        rows = [row for batch in self.staged.rejected(self.found.conflicting) for row in batch.to_pylist()]
        return sorted(rows, key=lambda row: row["record_id"])

    def made(self, schema: pa.Schema) -> list[DataFile]:
        return adopt_files(self.staged.adopted, self.staged.folder, iter(self.rest()), self.table, schema)

    def commit(self) -> bool:
        commit = writer.Commit("{}", ("events/1", self.number))
        if self.staged.adopted:
            return writer.add_files(self.made, self.table.path, "timestamp", commit)
        rest = self.rest()
        return writer.append(iter(rest), sum(map(len, rest)), self.table.path, commit)


def batch_of(
    table: LakeTable, *landed: Sequence[Any], rows: int, number: int = 0, without: Sequence[str] = ()
) -> Batch:
    """A batch of files, each read by a task of its own."""
    assert isinstance(table.path, Path)
    folder = table.path.parent.parent / f"batch-{number}-{rows}"
    folder.mkdir()
    names, own = list[str](), list[DataFile]()
    for task, lines in enumerate(landed):
        file = folder / f"{task}.json"
        file.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines))
        names.append(f"{task}.parquet")
        of_task = partial(_opened, folder)
        with write_file(folder, names[-1]) as staged:
            read = sample_files(file, 1_000_000, "auto")
            own += stage_records(read, PARSE, staged, task_files_for(table, rows), of_task).data_files
    read_all = StagedBatch(folder, tuple(names), data_files=tuple(own), without=without)
    facts = read_all.facts()
    found = find_duplicates(read_all.events, read_all.events_at, table, facts.hours)
    return Batch(table, read_all.with_adopted_files(found.places), facts, found, number)


def _opened(folder: Place, _: str, name: str) -> Any:
    return write_file(folder, name)


def rows_of(table: LakeTable) -> list[dict[str, Any]]:
    rows = DeltaTable(str(table.path)).to_pyarrow_table().to_pylist()
    unlike = {"partition", "arrived_at"}  # a file of another name, and a moment later
    told = [{name: value for name, value in row.items() if name not in unlike} for row in rows]
    return sorted(told, key=lambda row: (row["timestamp"], row["event_id"], row["offset"]))


def log_of(table: LakeTable) -> list[dict[str, Any]]:
    newest = table.path / "_delta_log" / handles.commit_name(table.version() or 0)
    assert isinstance(newest, Path)
    return [json.loads(line) for line in newest.read_text().splitlines()]


LANDED = (
    [*sent(DAYS[0], 0, 40), "{", *sent(DAYS[1], 40, 40), *sent(DAYS[2], 80, 3), event(event_id="null", at="11:00:00")],
    [*sent(DAYS[0], 100, 40, page_url="/a"), event(event_id="null", at="11:00:01"), {"user_id": "u"}],
)


def test_below_and_above_the_size_the_table_has_the_same_events(tmp_path: Path) -> None:
    found = list[Any]()
    for rows, files in ((0, 0), (42, 0), (41, 2), (40, 3), (1, 4)):
        table = table_in(tmp_path / str(rows))
        batch = batch_of(table, *LANDED, rows=rows)
        facts = batch.facts
        assert batch.commit()
        found.append((facts.records, facts.rejected, facts.reasons, sorted(facts.times.tolist()), rows_of(table)))
        names = {each.name for each in batch.staged.adopted}
        assert len(names) == files
        assert {Path(path).name for path in table.files()} >= names
    assert all(each == found[0] for each in found)
    assert len(found[0][-1]) == 125


def test_a_file_in_which_a_duplicate_is_found_is_written_without_it_and_the_others_are_not_written_again(
    tmp_path: Path,
) -> None:
    first, second = sent(DAYS[0], 0, 30), sent(DAYS[0], 30, 30)
    changed, same = first[3] | {"page_url": "/other"}, second[7]
    landed = [
        [*sent(DAYS[0], 60, 30), changed, *sent(DAYS[1], 90, 30)],  # a conflicting copy of what is stored
        [*second, *sent(DAYS[1], 120, 30)],
        [*sent(DAYS[1], 150, 30), same],  # a copy of what the task before has read
    ]
    found = list[Any]()
    for rows in (0, 20):
        table = table_in(tmp_path / str(rows))
        assert batch_of(table, first, rows=rows, number=0).commit()
        batch = batch_of(table, *landed, rows=rows, number=1)
        assert (len(batch.found.places), batch.found.exact) == (2, 1)
        assert batch.commit()
        unlike = {"record_id", "source", "partition", "arrived_at"}
        found.append((rows_of(table), [{k: v for k, v in row.items() if k not in unlike} for row in batch.rejected()]))
        if rows:
            whole = [(each.day, each.rows) for each in batch.staged.adopted]
            assert (len(batch.staged.data_files), sorted(whole)) == (
                5,
                [(DAYS[0], 30), (DAYS[1], 30), (DAYS[1], 30), (DAYS[1], 30)],
            )
    assert found[0] == found[1]
    assert len(found[0][0]) == 180
    assert [(row["reasons"], row["value"]) for row in found[0][1]] == [
        (["conflicting_duplicate"], json.dumps(changed).encode())
    ]


def test_a_copy_that_a_task_has_read_itself_keeps_no_file_from_the_table(tmp_path: Path) -> None:
    table, first = table_in(tmp_path), sent(DAYS[0], 0, 30)
    batch = batch_of(table, [*first, first[5], first[6] | {"page_url": "/other"}], rows=20)

    assert (len(batch.found.places), batch.found.exact) == (2, 1)
    assert [each.rows for each in batch.staged.adopted] == [30]
    assert [row["reasons"] for row in batch.rejected()] == [["conflicting_duplicate"]]
    assert batch.commit()
    assert len(rows_of(table)) == 30


def test_a_file_with_records_of_one_that_is_refused_whole_is_written_without_them(tmp_path: Path) -> None:
    table = table_in(tmp_path)
    batch = batch_of(table, sent(DAYS[0], 0, 30), sent(DAYS[0], 30, 30), rows=20)
    everything = pa.Table.from_batches(replace(batch.staged, adopted=()).accepted())
    refused = everything["partition"][0].as_py()
    cut = replace(batch.staged, adopted=(), without=(refused,)).with_adopted_files(batch.found.places)

    assert (len(batch.staged.adopted), len(cut.adopted)) == (2, 1)
    assert replace(cut, adopted=()).facts().records == 30
    batch.staged = cut
    assert batch.commit()
    assert {row["event_id"] for row in rows_of(table)} == {f"e{n}" for n in range(30, 60)}


def test_the_log_says_of_such_files_what_delta_rs_says_of_its_own(tmp_path: Path) -> None:
    said = list[Any]()
    times = ["10:00:00Z", "10:00:01.5Z", "23:59:59.999999Z", "00:00:00.000001Z"]
    for rows in (0, 1):
        table = table_in(tmp_path / str(rows))
        days = (*DAYS, "0001-01-03", "1969-12-31")
        landed = [event(at=f"{day}T{at}", event_id=f"{day} {at}") for day in days for at in times]
        batch = batch_of(table, [*landed, event(at="2024-04-01T10:00:00Z")], rows=rows)
        assert bool(batch.staged.adopted) == bool(rows)
        assert batch.commit()
        assert writer.append(iter(()), 0, table.path, writer.Commit("{}", ("events/1", 0))) is False
        actions = log_of(table)
        adds = {each["add"]["partitionValues"]["event_date"]: each["add"] for each in actions if "add" in each}
        keys = {day: (each["stats"], {*each}, each["dataChange"]) for day, each in adds.items()}
        kept_of = [sorted(each) for each in actions if "add" not in each]
        files = [Path(each["path"]).parent.name for each in adds.values()]
        said.append((keys, sorted(kept_of), sorted(files), rows_of(table)))
    assert said[0] == said[1]
    assert len(said[0][0]) == 6


def test_a_batch_that_was_killed_before_its_commit_leaves_only_files_without_a_name_which_housekeeping_deletes(
    tmp_path: Path,
) -> None:
    table = table_in(tmp_path)
    killed = batch_of(table, sent(DAYS[0], 0, 30), rows=20)
    left = killed.made(pa.schema(DeltaTable(str(table.path)).schema()))  # and there it ends
    assert (table.rows(), table.files()) == (0, [])

    again = batch_of(table, sent(DAYS[0], 0, 30), rows=21)
    assert again.commit()
    assert not again.commit()  # a second replay: nothing is moved, which is not there any more
    paths = [table.path / each.path for each in left]
    assert (len(rows_of(table)), [path.exists() for path in paths if isinstance(path, Path)]) == (30, [True])
    assert upkeep.vacuum(table.path, timedelta(hours=1)) == 0
    for each in table.path.rglob("*.parquet"):
        os.utime(str(each), (time.time() - 7200, time.time() - 7200))

    assert upkeep.vacuum(table.path, timedelta(hours=1)) == 1
    assert (len(rows_of(table)), paths[0].exists()) == (30, False)


def test_files_of_more_dates_than_are_open_at_once_hold_every_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(date_files, "MOST_OPEN", 2)
    monkeypatch.setattr(date_files, "AT_ONCE", 5_000)  # several row groups a file
    table = table_in(tmp_path)
    landed = [
        each
        for first in range(0, 1000, 250)
        for day in range(1, 6)
        for each in sent(f"2024-03-0{day}", first + day * 1000, 50)
    ]
    batch = batch_of(table, landed, rows=30)

    assert batch.commit()
    assert len(rows_of(table)) == len(landed)
    assert sum(each.rows for each in batch.staged.adopted) <= len(landed)


def test_a_table_that_has_constraints_is_left_to_delta_rs(tmp_path: Path) -> None:
    table = table_in(tmp_path)
    assert task_files_for(table, 5).rows == 5
    DeltaTable(str(table.path)).alter.add_constraint({"known": "user_id IS NOT NULL"})

    assert task_files_for(table, 5).rows == 0


def test_ids_are_seen_again_and_placeholders_never() -> None:
    seen = SeenIds()
    assert seen.seen_before(pa.array(["a", None, "b", "a", None, "null", "NULL ", "null"])).tolist() == [
        *(False, False, False, True, False, False, False, False)
    ]
    assert seen.seen_before(pa.array(["b", "c"])).tolist() == [True, False]


def test_a_column_that_is_no_longer_declared_is_null_in_such_a_file(tmp_path: Path) -> None:
    task_files = TaskFiles(pa.schema([("timestamp", pa.timestamp("us", "UTC")), ("gone", pa.int64())]), 1)
    folder, file = tmp_path, tmp_path / "a.json"
    file.write_text(json.dumps(event()))
    (own,) = stage_records(
        sample_files(file, 1000, "auto"), PARSE, tmp_path / "s.parquet", task_files, partial(_opened, folder)
    ).data_files

    assert pq.read_table(folder / own.name)["gone"].to_pylist() == [None]
    assert table_in(tmp_path).rows() == 0


def test_a_task_that_fails_says_nothing_of_its_files(tmp_path: Path) -> None:
    file, table = tmp_path / "a.json", table_in(tmp_path)
    file.write_text("\n".join(map(json.dumps, sent(DAYS[0], 0, 30))))

    def cut() -> Iterator[Any]:
        yield from sample_files(file, 1000, "auto")
        raise InterruptedError

    with pytest.raises(InterruptedError):
        stage_records(cut(), PARSE, tmp_path / "s.parquet", task_files_for(table, 20), partial(_opened, tmp_path))
    assert len([*tmp_path.glob("part-*")]) == 2  # which the next run deletes
