"""The rows of a lake, counted by where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.settings import Settings
from clickstream_platform.source_list import MAIN
from clickstream_platform.streaming.audit.row_places import PartitionRows, rows_by_partition
from clickstream_platform_tests.homes import Home
from clickstream_platform_tests.lakes import at, write


def row(partition: str, offset: int, index: int | None = 0, *, source: str = "files") -> dict[str, Any]:
    return {"source": source, "partition": partition, "offset": offset, "index": index, "timestamp": at("10:00")}


@pytest.mark.parametrize("at_once", [1_000, 4, 1])
def test_rows_are_counted_alike_however_many_at_once(tmp_path: Path, at_once: int) -> None:
    home = Home(Settings(home=tmp_path))
    write(home, "events", [row("a", offset) for offset in (2, 0, 5, 5)])  # one of them twice
    write(home, "events", [row("a", 7, 0), row("a", 7, 1), row("b", 3, None), row("b", 1, source="files:other")])
    write(home, "quarantine", [{**row("a", 9, 2), "arrived_at": at("10:00")}])

    counted = rows_by_partition(home.lake, at_once=at_once)

    assert counted == {
        MAIN: {"a": PartitionRows(7, 6, 5, 0, 9), "b": PartitionRows(1, 1, 1, 3, 3)},
        "other": {"b": PartitionRows(1, 1, 1, 1, 1)},
    }


def test_there_are_none_where_no_table_is(tmp_path: Path) -> None:
    assert rows_by_partition(Home(Settings(home=tmp_path)).lake) == {}
