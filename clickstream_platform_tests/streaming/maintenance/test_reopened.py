"""Rejected records that are opened: which of them, how many at once, and what that changes in ``quarantine``."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pyarrow as pa
import pytest
from rich.console import Console

from clickstream_platform.cli.maintenance_views import replay_picture as shown
from clickstream_platform.events.masks import Masks
from clickstream_platform.events.rules import Rules
from clickstream_platform.events.schema import QUARANTINE
from clickstream_platform.streaming.ingest.record_ids import record_id
from clickstream_platform.streaming.lake.writer import CHANGE
from clickstream_platform.streaming.maintenance.reopened import (
    ReopenedRecord,
    leaving_changes,
    opening_changes,
    split_by_size,
)
from clickstream_platform.streaming.maintenance.replay_report import ReplayReport

AT = datetime(2024, 3, 1, tzinfo=timezone.utc)


def whole(offset: int = 0, inside: int = 5, size: int = 10, landed: int = 0) -> ReopenedRecord:
    return ReopenedRecord("files:x", "a.json", offset, AT, inside, size, landed)


@pytest.mark.parametrize(
    ("landed", "inside", "has_changed"),
    [
        (0, 5, False),  # rejected whole: nothing of it is anywhere
        (0, 0, False),
        (1, 1, False),  # one event, and one event
        (1, 5, True),
        (1, 0, True),
        (4, 5, True),
        (4, 1, True),
    ],
)
def test_a_record_that_has_landed_as_another_number_of_events_is_refused(
    landed: int, inside: int, has_changed: bool
) -> None:
    assert whole(inside=inside, landed=landed).has_changed == has_changed


def test_records_are_opened_together_as_far_as_their_events_fit_into_memory() -> None:
    sizes = [5, 5, 11, 2, 8, 1]
    found = split_by_size([whole(offset, size=size) for offset, size in enumerate(sizes)], 10)
    assert [[each.bytes for each in part] for part in found] == [[5, 5], [11], [2, 8], [1]]
    assert list(split_by_size([], 10)) == []


def events(*places: tuple[int, int], value: bytes = b'{"ip": 1}', inherited: str = '{"ip":2}') -> pa.Table:
    columns = {
        "source": ["files:x"] * len(places),
        "partition": ["a.json"] * len(places),
        "offset": [offset for offset, _ in places],
        "index": [index for _, index in places],
        "value": [value] * len(places),
        "arrived_at": pa.array([AT] * len(places), pa.timestamp("us", "UTC")),
        "reasons": pa.array([["x"]] * len(places), pa.list_(pa.string())),
        "inherited": pa.array([inherited] * len(places), pa.string()),
    }
    more = [name for name in QUARANTINE.names if name not in (*columns, "record_id", "size")]
    return pa.table({**columns, **{name: pa.nulls(len(places)) for name in more}})


def name_of(offset: int, index: int = 0) -> str:
    return record_id("files:x", "a.json", offset, index)


def rules(masks: Masks | None = None) -> Rules:
    return Rules(("click",), timedelta(hours=1), 1000, masks=masks or Masks())


def test_the_first_event_takes_the_place_of_its_record_and_one_without_events_leaves() -> None:
    table = opening_changes([(name_of(0), AT), (name_of(1), AT)], events((0, 0), (0, 1)), rules())
    rows = {row["record_id"]: (row[CHANGE], row["size"], row["inherited"]) for row in table.to_pylist()}
    assert rows == {
        name_of(0): ("update", 9, '{"ip":2}'),
        name_of(0, 1): ("insert", 9, '{"ip":2}'),
        name_of(1): ("delete", None, None),
    }


def test_what_a_mask_takes_away_today_is_in_no_event_that_is_put_into_quarantine() -> None:
    table = opening_changes([(name_of(0), AT)], events((0, 0)), rules(Masks(dropped=frozenset({"ip"}))))
    assert [(row["value"], row["inherited"]) for row in table.to_pylist()] == [(b"{}", "{}")]


def test_what_leaves_is_deleted_and_what_is_called_otherwise_stays() -> None:
    table = leaving_changes(events((0, 0), (0, 3)), events((0, 1)), rules())
    assert [(row["record_id"], row[CHANGE]) for row in table.to_pylist()] == [
        (name_of(0), "delete"),
        (name_of(0, 3), "delete"),
        (name_of(0, 1), "update"),
    ]


def test_who_replays_is_told_how_many_records_were_refused_and_what_to_do() -> None:
    console = Console(width=300)
    with console.capture() as said:
        console.print(shown(ReplayReport(5, 0, 0, 0, refused=3)))
    assert "3 records stay: a replay that was killed has made one event of each" in said.get()
    assert "set CLICKSTREAM_MAPPING as it was" in said.get()
    with console.capture() as said:
        console.print(shown(ReplayReport(5, 0, 0, 0)))
    assert "refused" not in said.get()
