"""The lake as plain files: where each table lies, and what its Delta log says. No JVM; some milliseconds a call.

It takes the lake for a local folder. docs/architecture.md lists every module that does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError

from clickstream_platform.errors import CheckpointError


@dataclass(frozen=True)
class AddedFile:
    """A data file that one commit added, as the commit describes it."""

    path: str
    rows: int
    min_timestamp: datetime | None  # None: no statistics, so it may hold any time


class TimeSpan(NamedTuple):
    """A stretch of time in microseconds since 1970, its end excluded."""

    since: int
    until: int


def uri_of(path: Path) -> str:
    """A table's folder as delta-rs takes it. A bare path with a ``#`` or a ``?`` in it would be cut off there."""
    return path.absolute().as_uri()


@dataclass(frozen=True)
class LakeTable:
    """One Delta table on disk, which may not exist yet."""

    path: Path

    @property
    def name(self) -> str:
        """The table's name: its folder's."""
        return self.path.name

    @property
    def exists(self) -> bool:
        """Whether the folder is a Delta table."""
        return DeltaTable.is_deltatable(uri_of(self.path))

    def open(self) -> DeltaTable | None:
        """The table at its newest version; None if there is none."""
        try:
            return DeltaTable(uri_of(self.path))
        except TableNotFoundError:
            return None

    def version(self) -> int | None:
        """The newest version; None if there is no table."""
        table = self.open()
        return None if table is None else table.version()

    def rows(self, version: int | None = None) -> int:
        """The number of rows, now or at a version, from the statistics in the log: no data file is read."""
        table = self.open() if version is None else DeltaTable(uri_of(self.path), version=version)
        return 0 if table is None else table.count()

    def dates(self) -> set[date]:
        """The dates that it is partitioned by."""
        table = self.open()
        return {date.fromisoformat(each["event_date"]) for each in table.partitions()} if table else set()

    def transaction(self, app_id: str) -> int | None:
        """The last batch id that was committed under this application id; None if none was."""
        table = self.open()
        return None if table is None else table.transaction_version(app_id)

    def added_files(self, start: int, end: int) -> Iterator[AddedFile]:
        """The data files that the commits ``start`` to ``end`` (both included) added as new data.

        A commit that only rewrites what was there (compaction, erasure) adds none, as for a stream with
        ``skipChangeCommits``.

        Raises:
            CheckpointError: the log of a version is gone; the table was down for longer than the log is kept.
        """
        for version in range(start, end + 1):
            actions = self._commit(version)
            if not any("remove" in action and action["remove"].get("dataChange", True) for action in actions):
                yield from (
                    _added(action["add"])
                    for action in actions
                    if "add" in action and action["add"].get("dataChange", True)
                )

    def schema(self, version: int | None = None) -> dict[str, Any]:
        """The columns, as Delta and Spark say them in JSON."""
        return json.loads(self.plain(version).schema().to_json())

    def column_names(self) -> set[str]:
        """The names of its columns; none if there is no table."""
        table = self.open()
        return {field.name for field in table.schema().fields} if table else set()

    def plain(self, version: int | None = None) -> DeltaTable:
        """The table, now or at a version, of which a data file tells all: no deletion vectors, no mapped columns.

        Raises:
            CheckpointError: somebody has given it such features.
        """
        table = DeltaTable(uri_of(self.path), version=version)
        protocol = table.protocol()
        if protocol.min_reader_version > 1:
            features = ", ".join(protocol.reader_features or [f"reader version {protocol.min_reader_version}"])
            finding = f"it was given {features}, and its files alone no longer say what is in it"
            raise CheckpointError(self.path.name, finding, "drop that again (ALTER TABLE ... DROP FEATURE)")
        return table

    def files(self, version: int | None = None) -> list[str]:
        """The data files that make up the table, now or at a version, relative to it."""
        table = DeltaTable(uri_of(self.path), version=version)
        root = urlsplit(table.table_uri).path
        return [unquote(uri.removeprefix(root)) for uri in table.file_uris()]

    def files_by_age(self, version: int | None = None) -> list[str]:
        """The same, the oldest first: no other has fewer columns. The others in the order of their names."""
        import pyarrow as pa  # noqa: PLC0415 - as below

        files = pa.table(DeltaTable(uri_of(self.path), version=version).get_add_actions(flatten=True))
        by_name = sorted(
            zip(map(unquote, files["path"].to_pylist()), files["modification_time"].to_pylist(), strict=True)
        )
        oldest = min(by_name, key=lambda file: file[1], default=None)
        return [path for path, _ in sorted(by_name, key=lambda file: file is not oldest)]

    def files_within(self, start: str, end: str, spans: Sequence[TimeSpan], version: int | None = None) -> list[str]:
        """The data files, relative to the table, in which rows can be whose times overlap one of some spans.

        Args:
            start: the column of a row's first time.
            end: the column of its last; the same, if a row has only one.
            spans: in microseconds since 1970.
            version: of the table; the newest, if not given.
        """
        import pyarrow as pa  # noqa: PLC0415 - 0.15 s, and most of who reads a log never calls this

        files = pa.table(DeltaTable(uri_of(self.path), version=version).get_add_actions(flatten=True))
        if not files.num_rows:
            return []
        first, last = files[f"min.{start}"].cast(pa.int64()), files[f"max.{end}"].cast(pa.int64())
        return [
            unquote(path)
            for path, lo, hi in zip(files["path"].to_pylist(), first.to_pylist(), last.to_pylist(), strict=True)
            if lo is None or hi is None or any(lo < span.until and hi >= span.since for span in spans)
        ]

    def same_rows_until(self, version: int) -> int:
        """The newest version up to which no commit has added rows: compaction and erasure are stepped over.

        Raises:
            CheckpointError: the log of a version is gone.
        """
        newest = self.version() or 0
        while version < newest and not any(file.rows for file in self.added_files(version + 1, version + 1)):
            version += 1
        return version

    def committed_at(self, version: int) -> datetime | None:
        """When a version was committed; None if it was not yet.

        Raises:
            CheckpointError: the log of the version is gone.
        """
        if version > (self.version() or 0):
            return None
        info = next(action["commitInfo"] for action in self._commit(version) if "commitInfo" in action)
        return datetime.fromtimestamp(info["timestamp"] / 1000, timezone.utc)

    def _commit(self, version: int) -> list[dict[str, Any]]:
        log = self.path / "_delta_log" / f"{version:020d}.json"
        try:
            return [json.loads(line) for line in log.read_text().splitlines() if line]
        except FileNotFoundError as gone:
            finding = f"the log of version {version} is gone"
            raise CheckpointError(
                self.path.name, finding, "run `clickstream rebuild` for the tables that read it"
            ) from gone

    def history(self, limit: int | None = None) -> list[dict[str, Any]]:
        """The commits as Delta describes them, each with its ``version``, newest first, as far as the log goes back."""
        newest, found = self.version(), list[dict[str, Any]]()
        for version in range(-1 if newest is None else newest, -1, -1):
            info = self._info(version) if limit is None or len(found) < limit else None
            if info is None:
                break
            found.append({**info, "version": version})
        return found

    def _info(self, version: int) -> dict[str, Any] | None:
        """What a commit says of itself; None if its log is gone."""
        try:
            with (self.path / "_delta_log" / f"{version:020d}.json").open() as log:
                return next((json.loads(line)["commitInfo"] for line in log if line.startswith('{"commitInfo"')), {})
        except FileNotFoundError:
            return None


def select(held: DeltaTable, query: str) -> list[dict[str, Any]]:
    """The rows of a SQL query (DataFusion's dialect) over one table, which it calls ``held``."""
    found = QueryBuilder().register("held", held).execute(query).read_all()
    columns = {name: found.column(name).to_pylist() for name in found.schema.names}
    return [{name: values[i] for name, values in columns.items()} for i in range(found.num_rows)]


def _added(add: dict[str, Any]) -> AddedFile:
    stats = json.loads(add.get("stats") or "{}")
    minimum = stats.get("minValues", {}).get("timestamp")
    return AddedFile(
        path=unquote(add["path"]),
        rows=stats.get("numRecords", 0),
        min_timestamp=datetime.fromisoformat(minimum.replace("Z", "+00:00")) if minimum else None,
    )
