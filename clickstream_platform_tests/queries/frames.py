"""Events and rows as a test writes and reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from clickstream_platform.events.schema import EVENTS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Fields = dict[str, Any]


def seen(user: str, at: str = "10:00:00", **fields: Any) -> Fields:
    """A click on 2024-03-01 (or on the day that ``at`` names), with the fields that matter to the test."""
    return {"user_id": user, "session_id": "s", "event_type": "click", "timestamp": at, **fields}


def events_of(spark: SparkSession, events: Iterable[Fields]) -> DataFrame:
    """These events as the table ``events`` has them; a field that is not given is null."""
    rows = [tuple(_value(name, event.get(name)) for name in EVENTS.names) for event in events]
    return spark.createDataFrame(rows, EVENTS.spark)


def _value(name: str, value: Any) -> Any:
    if name != "timestamp" or isinstance(value, datetime):
        return value
    text = value if "T" in value else f"2024-03-01T{value}"
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def rows_of(table: DataFrame) -> list[Fields]:
    """The table's rows by time, its times as text: Python would show them in this machine's zone."""
    times = {name for name, kind in table.dtypes if kind == "timestamp"}
    readable = table.select(*(F.col(c).cast("string") if c in times else F.col(c) for c in table.columns))
    order = [name for name in ("user_id", "window_start", "session_start", "timestamp") if name in table.columns]
    return [row.asDict() for row in readable.orderBy(*order).collect()]


def by_user(rows: Sequence[Fields]) -> dict[str, list[Fields]]:
    """Rows by user: a user is the name of a case."""
    users = dict.fromkeys(row["user_id"] for row in rows)
    return {user: [row for row in rows if row["user_id"] == user] for user in users}


def column(rows: Sequence[Fields], name: str) -> list[Any]:
    return [row[name] for row in rows]
