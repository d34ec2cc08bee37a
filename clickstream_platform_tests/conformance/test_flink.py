"""Flink's published window aggregates, from the same records, before and after a restore, in three cuts.

The difference is the late record, the eighth: Flink drops it from the windows that its watermark has closed. Here it is
applied to them. In the sliding window that was open it counts in both: lateness is a matter of event *and* window.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import functions as F

from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.state import Recompute, StateStore
from clickstream_platform_tests.conformance import vectors
from clickstream_platform_tests.conformance.vectors import DATA, Row, contract, time
from clickstream_platform_tests.conftest import Lab

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from clickstream_platform.streaming.contract.table import StreamingTable
    from clickstream_platform.streaming.runtime.report import RunReport

pytestmark = pytest.mark.spark

VECTORS = json.loads((DATA / "flink" / "window_aggregate_vectors.json").read_text())
BEFORE, AFTER = VECTORS["before_restore"], VECTORS["after_restore"]
DELAY = timedelta(seconds=VECTORS["watermark_delay_s"])

# Arrivals; the last one is what comes after the restore. Flink gets one record at a time; what matters to the result is
# that the eighth one comes when the watermark is 00:00:07, as it does in the first cut.
AS_IN_FLINK = "the late record after its windows were closed"
CUTS = {
    AS_IN_FLINK: (BEFORE[:7], BEFORE[7:], AFTER),
    "all before the restore at once": (BEFORE, AFTER),
    "the newest first, nearly all is late": (BEFORE[:7:-1], BEFORE[7::-1], AFTER[::-1]),
}

NAME = "session_id"  # Flink's `name` may be null; of the ids of an event only the session's may
MEASURES = {"count": "bigint", "sum_a_int": "bigint", "count_distinct_comment": "bigint"}
VECTORS_OF = {"tumble": "tumble_5s", "hop": "hop_5s_10s"}


def aggregated(events: DataFrame, size: timedelta, slide: timedelta) -> DataFrame:
    """Flink's query: events of a name in a window, the sum of their numbers, how many different comments."""
    window = F.window("timestamp", f"{size.seconds} seconds", f"{slide.seconds} seconds")
    counted = events.groupBy(NAME, window.alias("window")).agg(
        F.count("*").alias("count"),
        F.sum(F.get_json_object("extra", "$.a_int").cast("bigint")).alias("sum_a_int"),
        F.size(F.collect_set("page_url")).cast("bigint").alias("count_distinct_comment"),
    )
    start, end = F.col("window.start").alias("start"), F.col("window.end").alias("end")
    return counted.select(NAME, start, end, *MEASURES, F.col("window.end").alias("final_at"))


def of_windows(name: str, state: type[StateStore | Recompute], seconds: int) -> StreamingTable:
    size = timedelta(seconds=seconds)
    query = partial(aggregated, size=size, slide=timedelta(seconds=5))
    return contract(name, query, NAME, MEASURES, state(by=(NAME,), reach=size), DELAY)


BY_STATE = (of_windows("tumble", StateStore, 5), of_windows("hop", StateStore, 10))
BY_LAKE = (of_windows("tumble_by_lake", Recompute, 5), of_windows("hop_by_lake", Recompute, 10))


def wire_event(record: Sequence[Any]) -> dict[str, Any]:
    """A record as a producer would send it: the comment is the page, ``a_int`` an unknown field."""
    ts, a_int, comment, name = record
    event = {"user_id": "flink", "event_type": "click", "page_url": comment, "timestamp": ts}
    return {**event, NAME: name, "a_int": a_int}


def published(table: str, part: str) -> dict[Row, Row]:
    """Flink's rows, before or after the restore: measures by name, start and end."""
    rows = VECTORS[VECTORS_OF[table]][part]
    return {(row[0], *map(_time, row[1:3])): tuple(row[3:]) for row in rows}


def _time(text: str) -> str:
    return time(text if "-" in text else f"2020-10-10 {text}")


# The window that was closed when the late record came, and what the record makes of it. Its comment is there already.
CLOSED = {
    "tumble": ("a", _time("00:00:00"), _time("00:00:05")),
    "hop": ("a", _time("2020-10-09 23:59:55"), _time("00:00:05")),
}
WITHOUT_LATE, WITH_LATE = (4, 10, 2), (5, 15, 2)


@dataclass(frozen=True)
class Loaded:
    """A cut, run through the engine: the reports of its runs, and what the tables held at the restore."""

    lab: Lab
    reports: list[dict[str, RunReport]]
    at_restore: dict[str, dict[Row, Row]]

    def rows(self, table: str) -> dict[Row, Row]:
        return _rows(self.lab, table)

    def watermark_at_restore(self, table: str) -> str:
        milliseconds = self.reports[-2][table].watermark_ms
        assert milliseconds is not None
        return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).isoformat()[:19] + ".000"


def _rows(lab: Lab, table: str) -> dict[Row, Row]:
    return {row[:3]: row[3:] for row in vectors.rows(lab, table)}


@pytest.fixture(scope="module")
def load(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Loaded]:
    """Each cut is loaded once, by the first test that asks for it."""
    return cache(lambda cut: _load(Lab(spark, Settings(home=tmp_path_factory.mktemp("flink"))), cut))


def _load(lab: Lab, cut: str) -> Loaded:
    tables = (*BY_STATE, *BY_LAKE) if cut == AS_IN_FLINK else BY_STATE
    *before, after = CUTS[cut]
    reports: list[dict[str, RunReport]] = []
    for records in before:
        lab.land(*map(wire_event, records))
        reports.append(vectors.run(lab, *tables))
    at_restore = {table.name: _rows(lab, table.name) for table in tables}
    lab.land(*map(wire_event, after))
    reports.append(vectors.run(lab, *tables))
    return Loaded(lab, reports, at_restore)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("table", VECTORS_OF)
def test_windows_are_the_published_ones_with_the_late_record_applied(
    load: Callable[[str], Loaded], cut: str, table: str
) -> None:
    expected = {**published(table, "before"), **published(table, "after"), CLOSED[table]: WITH_LATE}
    assert load(cut).rows(table) == expected


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("table", VECTORS_OF)
def test_what_flink_has_published_at_the_restore_is_what_is_final_here(
    load: Callable[[str], Loaded], cut: str, table: str
) -> None:
    """Flink shows a window when it is closed; here the open ones are in the table too, up to date."""
    loaded = load(cut)
    watermark = loaded.watermark_at_restore(table)
    final = {key: row for key, row in loaded.at_restore[table].items() if key[2] <= watermark}
    assert watermark == _time("00:00:33")
    assert final == {**published(table, "before"), CLOSED[table]: WITH_LATE}
    still_open = loaded.at_restore[table].keys() - final.keys()
    assert still_open == {key for key in published(table, "after") if key[1] < watermark}


@pytest.mark.parametrize("table", VECTORS_OF)
def test_spark_drops_what_flink_drops_and_the_engine_applies_it(load: Callable[[str], Loaded], table: str) -> None:
    """Of the two sliding windows of the late record one was open: there it counts in Flink as well."""
    loaded = load(AS_IN_FLINK)
    assert [report[table].dropped_by_watermark for report in loaded.reports] == [0, 1, 0]
    assert [report[table].late_rows for report in loaded.reports] == [0, 1, 0]
    flink = published(table, "before")
    ours = loaded.rows(table)
    differing = {key: (flink[key], ours[key]) for key in flink if flink[key] != ours[key]}
    assert differing == {CLOSED[table]: (WITHOUT_LATE, WITH_LATE)}


def test_the_late_record_counts_in_the_open_sliding_window_in_both(load: Callable[[str], Loaded]) -> None:
    window = ("a", _time("00:00:00"), _time("00:00:10"))
    assert load(AS_IN_FLINK).rows("hop")[window] == published("hop", "before")[window] == (6, 18, 3)


def test_a_null_name_is_a_key_like_any_other(load: Callable[[str], Loaded]) -> None:
    assert load(AS_IN_FLINK).rows("tumble")[None, _time("00:00:30"), _time("00:00:35")] == (1, 7, 0)


@pytest.mark.parametrize("table", VECTORS_OF)
def test_recomputed_windows_are_those_of_the_state_store(load: Callable[[str], Loaded], table: str) -> None:
    loaded = load(AS_IN_FLINK)
    assert loaded.rows(f"{table}_by_lake") == loaded.rows(table)
    assert loaded.at_restore[f"{table}_by_lake"] == loaded.at_restore[table]


@pytest.mark.parametrize("cut", CUTS)
def test_every_table_is_exact_in_every_cut(load: Callable[[str], Loaded], cut: str) -> None:
    loaded = load(cut)
    loaded.lab.assert_exact("events", *loaded.at_restore)
