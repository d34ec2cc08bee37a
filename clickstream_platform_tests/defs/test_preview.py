"""What a preview shows, and what it must not."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from deltalake import QueryBuilder, write_deltalake

from clickstream_platform.defs.preview import mask_row, preview
from clickstream_platform.streaming.lake.tables import LakeTable


def write(path: Path, sql: str) -> None:
    write_deltalake(str(path), QueryBuilder().execute(sql).read_all(), mode="append")


def micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)


def at(value: object) -> str:
    return f"arrow_cast({value}, 'Timestamp(Microsecond, Some(\"UTC\"))') as at"


def shown(path: Path, by: str = "at") -> list[dict[str, Any]]:
    found = preview(LakeTable(path), by)
    assert isinstance(found, dg.TableMetadataValue)
    return [{k: str(v).replace("\u2011", "-") if k == by else v for k, v in row.data.items()} for row in found.records]


def test_a_person_is_shown_nowhere_in_the_row() -> None:
    row = {
        "user_id": "ada@example.org",
        "ip_address": "203.0.113.7",
        "session_id": "ada@example.org-3",
        "page_url": "/hello?me=ada@example.org&from=203.0.113.7",
        "extra": '{"email":"ada@example.com"}',
        "value": b"ada",
        "event_type": "click",
    }
    assert mask_row(row) == {
        "user_id": "a***",
        "ip_address": "2***",
        "session_id": "***-3",
        "page_url": "/hello?me=***&from=***",
        "extra": "***",
        "value": "***",
        "event_type": "click",
    }


def test_a_short_id_is_hidden_whole_and_not_looked_for_in_other_texts() -> None:
    assert mask_row({"user_id": "u", "page_url": "/about us"}) == {"user_id": "***", "page_url": "/about us"}


def test_what_is_not_there_stays_empty() -> None:
    row = {"user_id": None, "ip_address": None, "extra": None, "purchases": 0}
    assert mask_row(row) == row


def test_the_newest_ten_rows_come_first(tmp_path: Path) -> None:
    for day in (2, 1):
        hours = ", ".join(f"({micros(datetime(2024, 3, day, hour))})" for hour in range(10, 16))
        write(tmp_path, f"select {at('hour')} from (values {hours}) as hours (hour)")
    rows = shown(tmp_path)
    assert len(rows) == 10
    assert rows[0]["at"] == "2024-03-02 15:00:00"
    assert rows[-1]["at"] == "2024-03-01 12:00:00"


def test_long_texts_and_lists_are_cut(tmp_path: Path) -> None:
    write(
        tmp_path,
        f"select {at(0)}, repeat('x', 100) as page, make_array('click', 'purchase') as seen, 1.5 as minutes",
    )
    (row,) = shown(tmp_path)
    assert (len(row["page"]), row["seen"], row["minutes"]) == (40, "click, purchase", 1.5)


def test_a_table_without_rows_says_so(tmp_path: Path) -> None:
    assert preview(LakeTable(tmp_path), "at") == dg.MetadataValue.md("no rows yet")
    write(tmp_path, f"select {at(0)} where false")
    assert preview(LakeTable(tmp_path), "at") == dg.MetadataValue.md("no rows yet")


@pytest.mark.parametrize("year", [1, 9999])
def test_any_year_is_shown(tmp_path: Path, year: int) -> None:
    write(tmp_path, f"select {at(micros(datetime(year, 1, 1)))}")
    (row,) = shown(tmp_path)
    assert row["at"].endswith("-01-01 00:00:00")


def test_the_time_is_the_first_column_and_what_is_withheld_the_last(tmp_path: Path) -> None:
    write(tmp_path, f"select 'x' as value, 1 as first, {at(0)}")
    found = preview(LakeTable(tmp_path), "at")
    assert isinstance(found, dg.TableMetadataValue)
    assert list(found.records[0].data) == ["at", "first", "value"]
