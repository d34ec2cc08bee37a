"""A small lake without Spark: real Delta tables with the columns of their contracts, written by delta-rs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, Transaction, write_deltalake

from clickstream_platform.events.schema import Column
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import Amendment
from clickstream_platform.tables.events import COPIES, QUARANTINE
from clickstream_platform.tables.user_patterns import LATE_EVENTS
from clickstream_platform_tests.homes import Home

SIDE_TABLES = {each.name: each.schema for each in (QUARANTINE, COPIES, LATE_EVENTS)}
TYPES = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "decimal(18,4)": pa.decimal128(18, 4),
    "timestamp": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
    "binary": pa.binary(),
    "array<string>": pa.list_(pa.string()),
    "array<struct<key:string,value:binary>>": pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())])),
}


def at(clock: str, day: int = 1) -> datetime:
    """A time on a day of March 2024, in UTC."""
    return datetime.fromisoformat(f"2024-03-{day:02}T{clock}").replace(tzinfo=timezone.utc)


def write(home: Home, name: str, rows: Iterable[dict[str, Any]], *, of: Entry | Amendment | None = None) -> None:
    """Append rows to a table; columns that a row does not name are null. With an entry it is a batch of that ledger."""
    columns: tuple[Column, ...]
    if name in SIDE_TABLES:
        columns, partition_by = SIDE_TABLES[name].columns, ()
    else:
        contract = home.contracts[name]
        columns = (*contract.columns, *(contract.declared if contract.derived else ()))  # `events` gains them by a run
        partition_by = contract.partition_by
    fields = pa.schema([(column.name, TYPES[column.type]) for column in columns])
    carried = CommitProperties(
        custom_metadata={"userMetadata": of.to_json()} if of else None,
        app_transactions=[Transaction(f"{name}/{of.generation}", of.batch_id)] if isinstance(of, Entry) else None,
    )
    write_deltalake(
        str(home.lake.table(name).path),
        pa.Table.from_pylist(list(rows), schema=fields),
        mode="append",
        partition_by=list(partition_by) or None,
        commit_properties=carried,
    )
