"""A home of hand-made files: a Delta log, a checkpoint, a landing folder. No JVM, and no run behind it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.entry import Entry, entry_from_fields
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.observe.lag import lag
from clickstream_platform.streaming.observe.status import TableStatus, status
from clickstream_platform.streaming.sources.source import Lag
from clickstream_platform.tables import tables
from clickstream_platform_tests.local import local

NOON_MS = 1_709_294_400_000  # 2024-03-01T12:00:00Z


def entry(table: str = "events", batch_id: int = 0, **fields: Any) -> Entry:
    """A ledger entry that balances; a test gives the fields that matter to it."""
    usual: dict[str, Any] = {
        "generation": 1,
        "run_id": f"run-{batch_id}",
        "start": None,
        "end": {"logOffset": batch_id},
    }
    usual |= {"start": {"logOffset": batch_id - 1} if batch_id else None, "rows_in": 0, "rows_out": 0, "late_rows": 0}
    usual |= {"revisions": 0, "late_before_ms": 0, "committed_at_ms": NOON_MS + batch_id, "duration_ms": 10}
    usual |= {"events_version": -1 if table == "events" else 0}
    return entry_from_fields({"table": table, "batch_id": batch_id, **usual, **fields})


def home_without_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty home, in a folder without a ``.env``, which is the current one; ``JAVA_HOME`` leads nowhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    return Home(Settings(home=tmp_path / "home"))


@dataclass
class Home:
    """A home of hand-made files."""

    settings: Settings

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake_folder)

    @property
    def landing(self) -> Path:
        return Path(self.settings.source_url)

    @property
    def contracts(self) -> dict[str, StreamingTable]:
        return tables(self.settings)

    def status(self, name: str) -> TableStatus:
        return {found.name: found for found in status(self.contracts.values(), self.lake)}[name]

    def lag(self, name: str = "events") -> Lag:
        return lag(self.contracts[name], self.lake)

    def land(self, *names: str) -> list[Path]:
        files = [self.landing / name for name in names]
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        return files

    def commit(self, table: str, rows: int = 0, *, of: Entry | None = None, rewrites: bool = False) -> None:
        """The next version of a table: adds a file of so many rows; with ``rewrites``, the same rows as before."""
        log = self.lake.table(table).path / "_delta_log"
        version = len(list(log.glob("*.json"))) if log.is_dir() else self._create(local(log))
        info: dict[str, Any] = {"timestamp": NOON_MS, "operation": "WRITE", "operationParameters": {}}
        info |= {"userMetadata": of.to_json()} if of else {}
        actions: list[dict[str, Any]] = [{"commitInfo": info}]
        if of:
            actions.append({"txn": {"appId": f"{table}/{of.generation}", "version": of.batch_id}})
        if rows or rewrites:
            actions.append({"add": _file(f"{version}.parquet", rows, new=not rewrites)})
        _write(local(log), version, actions)

    def _create(self, log: Path) -> int:
        schema = {"type": "struct", "fields": [{"name": "n", "type": "long", "nullable": True, "metadata": {}}]}
        meta = {"id": "1", "format": {"provider": "parquet", "options": {}}, "schemaString": json.dumps(schema)}
        protocol = {"minReaderVersion": 1, "minWriterVersion": 2}
        log.mkdir(parents=True)
        _write(log, 0, [{"protocol": protocol}, {"metaData": meta | {"partitionColumns": [], "configuration": {}}}])
        return 1

    def plan(self, table: str, batch_id: int, end: dict[str, Any], *, done: bool = True, generation: int = 1) -> None:
        """A batch in the table's checkpoint, completed or not; its watermark is noon."""
        folder = self.lake.checkpoints(table) / str(generation)
        batch = {"batchWatermarkMs": NOON_MS}
        _lines(local(folder / "offsets" / str(batch_id)), json.dumps(batch), json.dumps(end))
        if done:
            _lines(local(folder / "commits" / str(batch_id)), json.dumps({"nextBatchWatermarkMs": NOON_MS}))

    def list_files(self, entry: int, files: Iterable[Path], name: str = "") -> None:
        """An entry of the log in which Spark's file source keeps what it has planned."""
        lines = [json.dumps({"path": f"file://{file}", "timestamp": 1, "batchId": entry}) for file in files]
        _lines(local(self.lake.checkpoints("events") / "1" / "sources" / "0" / (name or str(entry))), *lines)


def _file(path: str, rows: int, *, new: bool) -> dict[str, Any]:
    stats = json.dumps({"numRecords": rows})
    about = {"size": 1, "modificationTime": NOON_MS, "partitionValues": dict[str, str]()}
    return {"path": path, "dataChange": new, "stats": stats, **about}


def _write(log: Path, version: int, actions: list[dict[str, Any]]) -> None:
    (log / f"{version:020d}.json").write_text("\n".join(json.dumps(action) for action in actions))


def _lines(file: Path, *lines: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(["v1", *lines]))


def delta(version: int) -> dict[str, Any]:
    """The offset of a stream that has read everything before a version of ``events``."""
    return {
        "sourceVersion": 1,
        "reservoirId": "1",
        "reservoirVersion": version,
        "index": -1,
        "isStartingVersion": False,
    }
