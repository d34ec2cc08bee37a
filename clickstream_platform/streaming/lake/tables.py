"""Delta tables as they stand: rows, files and columns, told by the log alone. No JVM; some milliseconds a call.

What single commits did: :mod:`.delta_log`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

from arro3.core import DataType
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError

from clickstream_platform.errors import CheckpointError, DamageError
from clickstream_platform.store.place import Place
from clickstream_platform.streaming.lake import handles
from clickstream_platform.streaming.lake.delta import REMAKE, is_table, open_table
from clickstream_platform.streaming.lake.delta_log import DeltaLog, files_at

Answer = TypeVar("Answer")


class TimeSpan(NamedTuple):
    """A stretch of time in microseconds since 1970, its end excluded."""

    since: int
    until: int


EVER = TimeSpan(-(2**62), 2**62)  # every time that an event may have, and more


@dataclass(frozen=True)
class LakeTable:
    """One Delta table on disk, which may not exist yet.

    Each question is answered by the table as it is when it is asked. It need not be opened for that: :mod:`.handles`.
    """

    path: Place

    @property
    def name(self) -> str:
        """The table's name: its folder's."""
        return self.path.name

    @property
    def log(self) -> DeltaLog:
        """What its commits say, one by one."""
        return DeltaLog(self.path)

    @property
    def exists(self) -> bool:
        """Whether the folder is a Delta table."""
        return handles.is_known(self.path) or is_table(self.path)

    def open(self) -> DeltaTable | None:
        """The table at its newest version, for the caller alone; None if there is none."""
        try:
            return open_table(self.path)
        except TableNotFoundError:
            return None

    def _newest(self, ask: Callable[[handles.Handle], Answer], otherwise: Answer) -> Answer:
        """What is asked of the table at its newest version; something else, if there is no table."""
        with handles.newest_handle(self.path) as handle:
            return ask(handle) if handle else otherwise

    def version(self) -> int | None:
        """The newest version; None if there is no table."""
        return self._newest(lambda handle: handle.table.version(), None)

    def rows(self, version: int | None = None) -> int:
        """The number of rows, now or at a version, from the statistics in the log: no data file is read."""
        if version is None:
            return self._newest(lambda handle: handle.table.count(), 0)
        with handles.table_at_version(self.path, version) as table:
            return table.count()

    def rows_before(self, moment: datetime, time: str) -> int:
        """How many rows have a ``time`` before a moment. Reads that column; none if there is no table."""
        table = self.open()
        if table is None:
            return 0
        micros = round(moment.timestamp() * 1_000_000)
        return query_rows(table, f'SELECT count(*) AS rows FROM held WHERE "{time}" < {timestamp_sql(micros)}')[0][
            "rows"
        ]

    def rows_by_date(self) -> dict[date, int]:
        """The rows of each date that it is partitioned by, from the statistics in the log."""
        of_date = Counter[date]()
        files = self._newest(lambda handle: handle.table.get_add_actions(flatten=True), None)
        if files is not None and files.num_rows:
            days, rows = (files.column(name).to_pylist() for name in ("partition.event_date", "num_records"))
            for day, count in zip(days, rows, strict=True):
                of_date[date.fromisoformat(str(day))] += count or 0
        return dict(sorted(of_date.items()))

    def dates(self) -> set[date]:
        """The dates that it is partitioned by."""
        partitions = self._newest(lambda handle: handle.table.partitions(), [])
        return {date.fromisoformat(each["event_date"]) for each in partitions}

    def transaction(self, app_id: str) -> int | None:
        """The last batch id that was committed under this application id; None if none was."""
        return self._newest(lambda handle: handle.transaction(app_id), None)

    def schema(self, version: int | None = None) -> dict[str, Any]:
        """The columns, as Delta and Spark say them in JSON."""
        with handles.table_at_version(self.path, version) as table:
            self._require_plain(table)
            return json.loads(table.schema().to_json())

    def column_names(self) -> set[str]:
        """The names of its columns; none if there is no table."""
        return self._newest(lambda handle: {field.name for field in handle.table.schema().fields}, set[str]())

    def plain_table(self, version: int | None = None) -> DeltaTable:
        """The table, now or at a version, of which a data file tells all: no deletion vectors, no mapped columns.

        Raises:
            CheckpointError: somebody has given it such features.
        """
        table = open_table(self.path, version=version)
        self._require_plain(table)
        return table

    def _require_plain(self, table: DeltaTable) -> None:
        protocol = table.protocol()
        if protocol.min_reader_version > 1:
            features = ", ".join(protocol.reader_features or [f"reader version {protocol.min_reader_version}"])
            finding = f"it was given {features}, and its files alone no longer say what is in it"
            raise CheckpointError(self.path.name, finding, "drop that again (ALTER TABLE ... DROP FEATURE)")

    def files(self, version: int | None = None) -> list[str]:
        """The data files that make up the table, now or at a version, relative to it."""
        return files_at(self.path, version)

    def files_by_age(self, version: int) -> list[str]:
        """The data files at a version: the oldest, which has the fewest columns, then the others by name."""
        with handles.table_at_version(self.path, version) as table:
            files = table.get_add_actions(flatten=True)
        paths, times = (files.column(name).to_pylist() for name in ("path", "modification_time"))
        by_name = sorted(zip(map(unquote, paths), times, strict=True))
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
        with handles.table_at_version(self.path, version) as table:
            files = table.get_add_actions(flatten=True)
        if not files.num_rows:
            return []
        first, last = (files.column(name).cast(DataType.int64()) for name in (f"min.{start}", f"max.{end}"))
        return [
            unquote(path)
            for path, lo, hi in zip(files.column("path").to_pylist(), first.to_pylist(), last.to_pylist(), strict=True)
            if lo is None or hi is None or any(lo < span.until and hi >= span.since for span in spans)
        ]


def query_rows(held: DeltaTable, query: str) -> list[dict[str, Any]]:
    """The rows of a SQL query (DataFusion's dialect) over one table, which it calls ``held``.

    Raises:
        DamageError: a data file of it cannot be read.
    """
    try:
        result = QueryBuilder().register("held", held).execute(query).read_all()
    except Exception as failed:
        if type(failed) is not Exception:  # delta-rs says by no type of its own that a file cannot be read
            raise
        name, finding = unquote(held.table_uri.rstrip("/").rpartition("/")[2]), str(failed).partition("\n")[0]
        raise DamageError(name, finding, REMAKE) from failed
    columns = {name: result.column(name).to_pylist() for name in result.schema.names}
    return [{name: values[i] for name, values in columns.items()} for i in range(result.num_rows)]


def timestamp_sql(micros: int) -> str:
    """A time, in microseconds since 1970, in such a query. A literal would count nanoseconds: from 1677 to 2262."""
    return f"""arrow_cast({micros}, 'Timestamp(Microsecond, Some("UTC"))')"""
