"""Where the rows of ``events`` and ``quarantine`` say they come from, against what the ledger says was read. No JVM."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clickstream_platform.source_list import MAIN, name_in
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import Amendment, versioned_lines
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.scan import NO_PLACE, open_duckdb, read_files
from clickstream_platform.streaming.lake.tables import LakeTable
from clickstream_platform.streaming.sources.kafka.offsets import by_partition
from clickstream_platform.wording import number_of

if TYPE_CHECKING:  # types of DuckDB that a module holds are reported as leaked where a thread outlives the run
    from duckdb import DuckDBPyConnection

COUNTED_AT_ONCE = 5_000_000  # rows, whose places are held together: in a gigabyte
TABLES = ("events", "quarantine")
_PER_PARTITION = """
SELECT
  source,
  partition,
  count(*),
  count(DISTINCT ("offset", coalesce("index", 0))),
  count(DISTINCT "offset"),
  min("offset"),
  max("offset")
FROM ({rows}) WHERE hash(source, partition, "offset") % {shares} = {share} GROUP BY source, partition
"""


@dataclass(frozen=True)
class PartitionRows:
    """The rows of one partition, in both tables together.

    Attributes:
        rows: how many there are.
        places: how many different places they have, by offset and index.
        records: how many different offsets.
        first: the smallest offset.
        last: the largest.
    """

    rows: int
    places: int
    records: int
    first: int
    last: int

    def with_others(self, others: PartitionRows) -> PartitionRows:
        """These rows and others of the partition, of which none has an offset that one of these has."""
        first, last = min(self.first, others.first), max(self.last, others.last)
        records = self.records + others.records
        return PartitionRows(self.rows + others.rows, self.places + others.places, records, first, last)


Rows = dict[str, PartitionRows]  # by partition, those of one source


def rows_by_partition(
    lake: Lake, versions: Mapping[str, int | None] | None = None, *, at_once: int = COUNTED_AT_ONCE
) -> dict[str, Rows]:
    """The rows of ``events`` and ``quarantine`` by the name of their source.

    Reads four columns of both, once for so many rows, so that memory does not grow with the lake.

    Args:
        lake: the tables.
        versions: of which versions; the newest of a table that has none here.
        at_once: how many rows' places are held together.

    Raises:
        CheckpointError: there is more to a table than its files.
    """
    versions = versions or {}
    tables = [lake.table(name) for name in lake.existing(TABLES)]
    by_source: dict[str, Rows] = {}
    if not tables:
        return by_source
    shares = 1 + sum(table.rows() for table in tables) // at_once
    with open_duckdb() as connection:
        rows = " UNION ALL ".join(_places_of(connection, table, versions.get(table.name)) for table in tables)
        for share in range(shares):
            counted = connection.sql(_PER_PARTITION.format(rows=rows, shares=shares, share=share)).fetchall()
            for source, partition, *counts in counted:
                rows_of = by_source.setdefault(name_in(source), {})
                of_share, before = PartitionRows(*counts), rows_of.get(partition)
                rows_of[partition] = before.with_others(of_share) if before else of_share
    return by_source


def _places_of(connection: DuckDBPyConnection, table: LakeTable, version: int | None) -> str:
    """The query of the places of a table's rows. Those from before records held several events have no index."""
    table.plain_table(version)  # or files do not tell all
    files = [str(table.path / file) for file in table.files(version)]
    if not files:
        return NO_PLACE
    read_files(connection, table, files).create_view(table.name)
    return f'SELECT source, partition, "offset", "index" FROM (FROM {table.name} UNION ALL BY NAME {NO_PLACE})'


def contradictions(lake: Lake, old_files: Mapping[str, Collection[str]]) -> Iterator[str]:
    """Where rows and ledger contradict each other, at one version of ``events``: a run may go on meanwhile.

    A batch that is in ``quarantine`` and not in ``events`` is none: it is being written, or was killed in between.

    Args:
        lake: the tables.
        old_files: files of batches whose entries do not name them, by the name of their source.
    """
    # `events`, which is written last, is looked at first.
    versions = {name: lake.table(name).version() for name in TABLES}
    events, quarantine = (_lines_until(lake.table(name), version) for name, version in versions.items())
    booked, rejected = ([line for line in lines if isinstance(line, Entry)] for lines in (events, quarantine))
    known = {entry.batch for entry in booked}
    ahead = [entry for entry in rejected if entry.batch not in known]
    by_source = rows_by_partition(lake, versions)
    for name in sorted({*by_source, *(entry.source for entry in booked)}):
        of_source = [entry for entry in (*booked, *ahead) if entry.source == name]
        for line in _of_source(by_source.get(name, {}), of_source, old_files.get(name, ())):
            yield line if name == MAIN else f"{name}: {line}"
    held = sum(here.rows for rows in by_source.values() for here in rows.values())
    amended = sum(line.added - line.removed for line in (*events, *quarantine) if isinstance(line, Amendment))
    yield from _in_all(held - sum(entry.records.quarantined for entry in ahead), booked, amended)


def _lines_until(table: LakeTable, version: int | None) -> list[Entry | Amendment]:
    return [each.line for each in versioned_lines(table) if version is not None and each.version <= version]


def _of_source(rows: Rows, entries: Collection[Entry], old_files: Collection[str]) -> Iterator[str]:
    for partition, here in sorted(rows.items()):
        if here.rows > here.places:
            yield f"{partition}: {here.rows - here.places:,} of its records are in the tables twice"
    by_topic = any(end_offsets(entry) for entry in entries)
    yield from _of_topics(rows, entries) if by_topic else _of_files(rows, entries, old_files)


def end_offsets(entry: Entry) -> dict[str, int]:
    """Where a batch ends in each partition of its topics; nothing for a batch of files."""
    return by_partition(entry.end) if entry.end and "logOffset" not in entry.end else {}


def _of_files(rows: Rows, entries: Collection[Entry], old_files: Collection[str]) -> Iterator[str]:
    records = {path: count for entry in entries for path, (_, count) in entry.account.files.items()}
    for partition, here in sorted(rows.items()):
        if partition not in records and partition not in old_files:
            yield f"{partition}: {number_of(here.rows, 'row is', 'rows are')} of this file, which no entry names"
        elif here.records > records.get(partition, here.records):
            have_rows = f"{number_of(here.records, 'record of this file has', 'records of this file have')} rows"
            yield f"{partition}: {have_rows}, booked are {number_of(records[partition], 'record')}"
    for entry in entries:
        of_batch = sum(rows[path].records for path in entry.account.files if path in rows)
        # Some of an envelope may have rows and some not, and a copy at another time may have become an event since.
        no_rows = 0 if entry.records.opened else entry.copies.duplicates - entry.copies.set_aside + entry.records.passed
        if entry.account.files and of_batch + no_rows > entry.rows_in:
            passed = f" and {entry.records.passed:,} passed over" if entry.records.passed else ""
            counts = f"{of_batch:,} with rows and {number_of(entry.copies.duplicates, 'duplicate')}{passed}"
            yield f"batch {entry.batch_id}: {counts}, but {number_of(entry.rows_in, 'record was', 'records were')} read"


def _of_topics(rows: Rows, entries: Collection[Entry]) -> Iterator[str]:
    starts: dict[str, int] = {}
    ends: dict[str, int] = {}
    for entry in entries:
        first = by_partition(entry.start)
        for partition, end in end_offsets(entry).items():
            starts[partition] = min(starts.get(partition, end), first.get(partition, 0))
            ends[partition] = max(ends.get(partition, end), end)
    for partition, here in sorted(rows.items()):
        if partition not in ends:
            yield f"{partition}: {number_of(here.rows, 'row is', 'rows are')} of this partition, which no entry names"
        elif here.first < starts[partition] or here.last >= ends[partition]:
            span = f"{starts[partition]} to {ends[partition] - 1}"
            yield f"{partition}: rows have the offsets {here.first} to {here.last}, booked are {span}"


def _in_all(held: int, booked: Collection[Entry], amended: int) -> Iterator[str]:
    """Every event read is a row of one of the tables, a duplicate, or was taken out by somebody since."""
    changed = amended + sum(entry.copies.restored for entry in booked)
    read, duplicates = sum(entry.events_in for entry in booked), sum(entry.copies.duplicates for entry in booked)
    passed = sum(entry.records.passed for entry in booked)
    if held != read - duplicates - passed + changed:
        taken_out = f", and {-changed:,} taken out since" if changed else ""
        yield (
            f"events and quarantine hold {number_of(held, 'row')} together; booked are"
            f" {number_of(read, 'record')} read,"
            f" {number_of(duplicates, 'duplicate')} of them{f', {passed:,} passed over' if passed else ''}{taken_out}"
        )
