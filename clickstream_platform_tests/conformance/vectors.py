"""What other engines publish, and contracts that say the same here. The files: ``data/README.md``."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from clickstream_platform.events.schema import Column
from clickstream_platform.streaming.contract.sink import Upsert
from clickstream_platform.streaming.contract.state import Recompute, StateStore
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.contract.trigger import AvailableNow
from clickstream_platform.streaming.contract.watermark import Watermark
from clickstream_platform.streaming.sources.delta import DeltaSource
from clickstream_platform_tests.conftest import Lab

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from clickstream_platform.streaming.runtime.report import RunReport

DATA = Path(__file__).parent / "data"

Row = tuple[Any, ...]


def json_lines(name: str) -> list[dict[str, Any]]:
    """The objects of a vendored file, one a line."""
    file = DATA / name
    text = gzip.decompress(file.read_bytes()).decode() if file.suffix == ".gz" else file.read_text()
    return [json.loads(line) for line in text.splitlines()]


def contract(
    name: str,
    query: Callable[[DataFrame], DataFrame],
    by: str,
    measures: Mapping[str, str],
    state: StateStore | Recompute,
    delay: timedelta,
) -> StreamingTable:
    """A table of windows or sessions of one key: ``by``, ``start``, ``end``, the measures by type, ``final_at``."""
    columns = {by: "string", "start": "timestamp", "end": "timestamp", **measures, "final_at": "timestamp"}
    return StreamingTable(
        name=name,
        version=1,
        description="What another engine publishes.",
        columns=tuple(Column(column, kind, "") for column, kind in columns.items()),
        offsets=DeltaSource("events"),
        trigger=AvailableNow(),
        query=query,
        state=state,
        watermark=Watermark("timestamp", delay),
        sink=Upsert(by, "start", span=("start", "end")),
    )


def run(lab: Lab, *tables: StreamingTable) -> dict[str, RunReport]:
    """Run ``events``, then these tables; the reports by name."""
    lab.contracts.update({table.name: table for table in tables})
    return lab.run("events", *(table.name for table in tables))


def rows(lab: Lab, name: str) -> set[Row]:
    """A table's rows without ``final_at``, times as text of 23 characters."""
    table = lab.table(name).drop("final_at")
    times = {name for name, kind in table.dtypes if kind == "timestamp"}
    text = (F.date_format(c, "yyyy-MM-dd'T'HH:mm:ss.SSS") if c in times else F.col(c) for c in table.columns)
    return {tuple(row) for row in table.select(*text).collect()}


def time(published: str) -> str:
    """A published time as :func:`rows` gives it."""
    return f"{published.replace(' ', 'T')}.000"[:23]
