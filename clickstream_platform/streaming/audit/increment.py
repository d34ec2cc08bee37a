"""The rows that a table did not have when a check last passed, and whether they keep what it promises.

By DuckDB on the files that are new: no job of Spark, and no other file, but where a key of the new rows may be. What
is found is what a look at all rows would find, given that those of before are as they were.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable

from clickstream_platform.expectations import AcceptedValues, NonNegative, NotNull
from clickstream_platform.store.files import arrow_dataset_source, arrow_path
from clickstream_platform.streaming.lake.delta_log import FileChanges
from clickstream_platform.streaming.lake.hours import HOUR_US, hour_ranges, time_spans
from clickstream_platform.streaming.lake.scan import open_duckdb, quoted_name, text_literal
from clickstream_platform.streaming.lake.tables import LakeTable

RowPromise = NotNull | AcceptedValues | NonNegative


@dataclass(frozen=True)
class Increment:
    """What one version of a table has that an older one had not.

    Attributes:
        table: the table.
        since: the older version; -1: all rows are new.
        until: the newer one.
    """

    table: LakeTable
    since: int
    until: int

    @cached_property
    def files(self) -> FileChanges:
        """The files by which they differ. Raises a CheckpointError if the log in between is gone."""
        return self.table.log.changed_files(self.since, self.until)

    @cached_property
    def rows(self) -> int:
        """How many rows are in the new files, by these files' own count."""
        return self.dataset(self.files.added).count_rows()

    def count_breaking(self, promise: RowPromise) -> int:
        """How many of the new rows break a promise."""
        return self._asked(f"SELECT count(*) FROM new WHERE {_breaks(promise)}", new=self.files.added)[0][0]

    def count_with_value(self, column: str, value: str) -> int:
        """How many of the new rows have a value."""
        query = f"SELECT count(*) FROM new WHERE {quoted_name(column)} = {text_literal(value)}"
        return self._asked(query, new=self.files.added)[0][0]

    def newest(self, column: str, files: Collection[str]) -> int | None:
        """The newest time, in microseconds since 1970, in some files of the table."""
        return self._asked(f"SELECT epoch_us(max({quoted_name(column)})) FROM held", held=files)[0][0]

    def surplus(self, key: Sequence[str], time: str, last: dict[str, int]) -> tuple[int, dict[str, int]]:
        """How many rows repeat the key of another one, given that no two rows of the older version had one key.

        Args:
            key: the columns of the key.
            time: the column of a row's time, by which the files are found that may hold the keys of the new rows.
            last: the second result for the older version; empty for version -1.

        Returns:
            The number of such rows. And, for a key without ``time`` that ends in one or two numbers (as a place ends in
            offset and index): the greatest first number, by a hash of the rest of the key; else nothing.
        """
        if time in key:
            return self._counted(key, "FROM held", self._files_around(time)), {}
        if not self._is_numbered(key):
            return self._counted(key, "FROM held", self.table.files(self.until)), {}
        return self._of_numbered(key, last)

    def greatest(self, key: Sequence[str], time: str) -> dict[str, int]:
        """The greatest numbers of the new rows alone: the second result of :meth:`surplus`, without its count."""
        if time in key or not self._is_numbered(key):
            return {}
        rest, number, _ = self._split(key)
        highest_by_part = self._asked(
            f"SELECT {', '.join(rest)}, max({number}) FROM new GROUP BY ALL", new=self.files.added
        )
        return {_hashed(part): highest for *part, highest in highest_by_part if highest is not None}

    def _files_around(self, time: str) -> set[str]:
        """The files, new or not, in which rows of the hours of the new rows can be."""
        micros = f"epoch_us({quoted_name(time)})"
        floor = f"({micros} - (({micros} % {HOUR_US}) + {HOUR_US}) % {HOUR_US}) // {HOUR_US}"
        hours = [hour for (hour,) in self._asked(f"SELECT DISTINCT {floor} FROM new", new=self.files.added)]
        if None in hours:  # statistics say nothing of a row without a time
            return {*self.table.files(self.until)}
        spans = time_spans(hour_ranges(sorted(hours)))
        return {*self.files.added, *self.table.files_within(time, time, spans, self.until)}

    def _of_numbered(self, key: Sequence[str], last: dict[str, int]) -> tuple[int, dict[str, int]]:
        """By the greatest numbers alone, but for parts of which a new row has a lower one, or none."""
        rest, number, numbers = self._split(key)
        facts = f"min({number}), max({number}), count(*), count(DISTINCT ({numbers})), count({number})"
        parts = self._asked(f"SELECT {', '.join(rest)}, {facts} FROM new GROUP BY ALL", new=self.files.added)
        more, suspected, reached = 0, list[tuple[Any, ...]](), dict(last)
        for *part, lowest, highest, rows, different, known in parts:
            name = _hashed(part)
            if known < rows or (name in last and lowest <= last[name]):
                suspected.append(tuple(part))
            else:
                more += rows - different
            if known:
                reached[name] = max(reached.get(name, highest), highest)
        return more + self._of_suspected(key, suspected), reached

    def _of_suspected(self, key: Sequence[str], parts: list[tuple[Any, ...]]) -> int:
        """How many rows there are more than keys, among those whose key begins with one of these parts."""
        if not parts:
            return 0
        columns = dict(zip(key[: len(parts[0])], zip(*parts, strict=True), strict=True))
        schema = pa.schema(self._held.schema())
        suspected = pa.table({name: pa.array(values, schema.field(name).type) for name, values in columns.items()})
        same = " AND ".join(f"held.{quoted_name(c)} IS NOT DISTINCT FROM suspected.{quoted_name(c)}" for c in columns)
        held = f"FROM held WHERE EXISTS (SELECT 1 FROM suspected WHERE {same})"
        return self._counted(key, held, self.table.files(self.until), suspected=suspected)

    def _counted(self, key: Sequence[str], held: str, files: Collection[str], **tables: pa.Table) -> int:
        """How many rows more than keys the part ``held`` of some files has. Null is a value like any other."""
        keys = f"SELECT count(*) AS rows {held} GROUP BY {', '.join(f'held.{quoted_name(c)}' for c in key)}"
        return self._asked(f"SELECT coalesce(sum(rows - 1), 0)::BIGINT FROM ({keys})", tables, held=files)[0][0]

    def _asked(
        self, query: str, tables: dict[str, pa.Table] | None = None, **files: Collection[str]
    ) -> list[tuple[Any, ...]]:
        """The rows of a query in DuckDB's SQL over some of the table's files, each collection under its name."""
        with open_duckdb() as connection:
            for name, table in (tables or {}).items():
                connection.register(name, table)
            for name, some in files.items():
                connection.register(name, self.dataset(some))
            return connection.execute(query).fetchall()

    def dataset(self, files: Iterable[str]) -> ds.Dataset:
        """Data files of the table as a dataset with its columns. The one place where a check opens data files."""
        held = self._held
        schema, parts = pa.schema(held.schema()), held.metadata().partition_columns
        folders = ds.partitioning(pa.schema([schema.field(name) for name in parts]), flavor="hive") if parts else None
        source = arrow_dataset_source(self.table.path, sorted(files))
        base = arrow_path(self.table.path)
        return ds.dataset(**source, schema=schema, format="parquet", partitioning=folders, partition_base_dir=base)

    @cached_property
    def _held(self) -> DeltaTable:
        return self.table.plain_table(self.until)

    def _split(self, key: Sequence[str]) -> tuple[list[str], str, str]:
        """A key that ends in numbers, split as SQL: the columns before them, the first number, all numbers."""
        count = len(key)
        while count > 1 and self._is_numbered(key[: count - 1]):
            count -= 1
        rest, numbers = [*map(quoted_name, key[: count - 1])], [*map(quoted_name, key[count - 1 :])]
        return rest, numbers[0], ", ".join(numbers)

    def _is_numbered(self, key: Sequence[str]) -> bool:
        return pa.types.is_integer(pa.schema(self._held.schema()).field(key[-1]).type)


def _breaks(promise: RowPromise) -> str:
    """The condition, in DuckDB's SQL, of a row that breaks a promise."""
    match promise:
        case NotNull(columns):
            return " OR ".join(f"{quoted_name(column)} IS NULL" for column in columns)
        case AcceptedValues(column, values):
            return f"coalesce({quoted_name(column)} NOT IN ({', '.join(map(text_literal, values))}), true)"
        case NonNegative(columns):
            return " OR ".join(f"coalesce({quoted_name(column)} < 0, false)" for column in columns)


def _hashed(part: Sequence[Any]) -> str:
    return hashlib.blake2b(json.dumps(part, default=str).encode(), digest_size=8).hexdigest()
