"""Where a run stages records, and what is left of it: with a lake on a store and tasks on other hosts."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest

from clickstream_platform.errors import SetupError, TableBusyError
from clickstream_platform.events.rules import Parse
from clickstream_platform.events.schema import EVENTS
from clickstream_platform.files import remove_all
from clickstream_platform.jvm.probe import WorkerRequest, probe_worker
from clickstream_platform.jvm.workers import require_worker
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.simulator.seaweed import Seaweed
from clickstream_platform.store.place import Place, StorePath, ensure_folder
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.ingest.adopting import adopt_files
from clickstream_platform.streaming.ingest.staged import NO_PLACES, StagedBatch
from clickstream_platform.streaming.ingest.staging import stage_records
from clickstream_platform.streaming.ingest.staging_folder import clear_staging, staging_folder, write_file
from clickstream_platform.streaming.ingest.task_files import task_files_for
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.scan import open_duckdb, rows_within
from clickstream_platform.streaming.lake.store_lease import hold_on_store
from clickstream_platform.streaming.lake.tables import TimeSpan
from clickstream_platform.streaming.sources.files.sample import sample_files
from clickstream_platform.tables.events import rules_from
from clickstream_platform_tests.conftest import event, killed


@pytest.fixture
def settings(store: Seaweed, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    for name, value in {"HOME": str(tmp_path), "LAKE": place, "STORE_ENDPOINT": store.endpoint}.items():
        monkeypatch.setenv(f"CLICKSTREAM_{name}", value)
    monkeypatch.setenv("CLICKSTREAM_STORE_ALLOW_HTTP", "true")
    return from_env()


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return Lake(settings.lake_folder)


def staged_of(lake: Lake, run: str, source: str = "main") -> StorePath:
    """The folder of a run on a cluster, with a file in it."""
    checkpoint = Checkpoint(lake.checkpoints("events", source) / "1", "events", 1, source)
    folder = staging_folder(lake, checkpoint, run, on_one_machine=False)
    assert isinstance(folder, StorePath)
    with write_file(folder, f"{run}.parquet") as file:
        file.write(run.encode())
    return folder


def names(lake: Lake) -> list[str]:
    assert isinstance(lake.root, StorePath)
    return [file.name for file in lake.root.rglob("*.parquet")]


def test_what_a_task_writes_is_on_the_store_whole_or_not_at_all(lake: Lake) -> None:
    folder = staged_of(lake, "one")
    with pytest.raises(KeyboardInterrupt), write_file(folder, "cut.parquet") as file:
        killed(file.write(b"half of it"))
    with write_file(folder, "large.parquet") as file:
        file.write(bytes(20_000_000))  # more than one PUT

    assert names(lake) == ["large.parquet", "one.parquet"]
    assert (folder / "large.parquet").size() == 20_000_000
    assert (folder / "one.parquet").read_bytes() == b"one"


def test_a_run_deletes_what_killed_ones_have_staged_but_not_that_of_another_source(lake: Lake) -> None:
    staged_of(lake, "killed")
    staged_of(lake, "killed-before")
    staged_of(lake, "beside", source="app")
    own = staged_of(lake, "own")

    clear_staging(own, lake.root)

    assert names(lake) == ["beside.parquet"]


def test_a_run_that_has_lost_its_lease_deletes_nothing(lake: Lake) -> None:
    own = staged_of(lake, "own")
    root = own.parent.parent
    with hold_on_store(root / "lease", root, "events", {}, timedelta(0)) as lease:
        staged_of(lake, "of who took it over")
        lease.is_lost = True
        with pytest.raises(TableBusyError, match="away for longer than its lease lasts"):
            clear_staging(own, lake.root)

    assert len(names(lake)) == 2


def test_what_is_staged_on_a_store_reads_as_in_a_folder_and_what_is_gone_is_an_error(
    lake: Lake, tmp_path: Path
) -> None:
    landed = tmp_path / "a.json"
    lines = [event(event_id=f"{i}", at=f"10:{i:02}:00") for i in range(40)]
    landed.write_text("\n".join([*map(json.dumps, [*lines, lines[0]]), "{"]))
    found: list[Any] = []
    for folder in (tmp_path, lake.root / "_staging" / "run"):
        with write_file(folder, "one.parquet") as file:
            stage_records(sample_files(landed, 1_000_000, "auto"), Parse(rules_from(Settings())), file)
        staged = StagedBatch(folder, ("one.parquet",))
        facts = staged.facts()
        with open_duckdb() as connection:
            staged.events(connection).create_view("new")
            ids = connection.sql("select count(*), count(distinct event_id) from new").fetchall()
        rows = [batch.to_pylist() for batch in (*staged.accepted(), *staged.rejected())]
        found.append((facts.records, facts.rejected, sorted(facts.times), ids, rows))
    assert found[0] == found[1]
    assert found[1][0::3] == (42, [(41, 40)])

    remove_all(lake.root / "_staging" / "run")
    with pytest.raises(FileNotFoundError):
        staged.facts()


def asked_of(settings: Settings, shared: StorePath) -> WorkerRequest:
    return WorkerRequest(("obstore",), (), str(shared), "content", store=shared.access)


def test_a_worker_tells_what_keeps_it_from_the_store_and_no_key(
    settings: Settings, lake: Lake, store: Seaweed, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(lake.root, StorePath)
    (shared := lake.root / "_probe").write(b"content")
    (reached,) = probe_worker((), asked_of(settings, shared))
    assert (reached.refused, StorePath.from_url(reached.wrote, shared.access).read_bytes()) == ("", b"content")
    zipped = replace(reached, package="/a.zip/clickstream_platform")
    require_worker(zipped, asked_of(settings, shared), settings)

    shared.unlink()
    (without,) = probe_worker((), asked_of(settings, shared))
    assert without.refused == f"there is no {shared}"
    with pytest.raises(
        SetupError,
        match=rf"it does not reach the lake \(there is no .*; start the worker with {shared.access.credentials}",
    ):
        require_worker(replace(zipped, refused=without.refused), asked_of(settings, shared), settings)
    (nowhere,) = probe_worker(
        (), replace(asked_of(settings, shared), store=replace(shared.access, endpoint="http://127.0.0.1:9"))
    )
    assert nowhere.refused == "the store does not answer"
    assert store.secret not in repr((reached, without, nowhere))


def test_data_files_of_a_task_become_those_of_a_table_on_a_store_from_this_host_and_from_the_store(
    settings: Settings, lake: Lake, tmp_path: Path
) -> None:
    table = lake.events
    writer.create(table.path, EVENTS.spark, ("event_date",), ("timestamp",), 100_000_000)
    landed = tmp_path / "a.json"
    for number, folder in enumerate((tmp_path / "own", lake.root / "_staging" / "run")):
        ensure_folder(folder)
        lines = [event(event_id=f"{number} {i}", at=f"{10 + number}:{i:02}:00") for i in range(30)]
        landed.write_text("\n".join(map(json.dumps, [*lines, event(at="2024-03-04T10:00:00Z")])))
        own, parse = partial(_opened, folder), Parse(rules_from(Settings()))
        with write_file(folder, "one.parquet") as file:
            by_task = stage_records(sample_files(landed, 1000, "auto"), parse, file, task_files_for(table, 20), own)
        staged = StagedBatch(folder, ("one.parquet",), data_files=tuple(by_task.data_files)).with_adopted_files(
            NO_PLACES
        )
        assert len(staged.adopted) == 1
        files = partial(adopt_files, staged.adopted, folder, staged.accepted(), table)
        assert writer.add_files(files, table.path, "timestamp", writer.Commit("{}", ("events/1", number)))
        assert not writer.add_files(files, table.path, "timestamp", writer.Commit("{}", ("events/1", number)))

    assert (table.rows(), len(table.files())) == (62, 4)
    with open_duckdb() as connection:
        found = rows_within(connection, table, "timestamp", [TimeSpan(0, 2**60)])
        assert found.aggregate("count(*), count(DISTINCT event_id)").fetchall() == [(62, 60)]


def _opened(folder: Place, _: str, name: str) -> AbstractContextManager[IO[bytes]]:
    return write_file(folder, name)
