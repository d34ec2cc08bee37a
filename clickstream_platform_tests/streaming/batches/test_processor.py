"""A stateful function of our own: what it leaves out is listed, exactly; stopped anywhere, both tables are right."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from clickstream_platform.settings import Settings
from clickstream_platform.streaming.runtime.run import rebuild
from clickstream_platform.tables import tables
from clickstream_platform.tables.user_patterns import LATE_EVENTS
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.faults import fault

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark
NAME = "user_patterns"


def funnel(user: str, at: str) -> list[dict[str, object]]:
    """Three events within a minute that complete a purchase."""
    kinds = ("page_view", "click", "purchase")
    return [event(user, f"{at}:{i}0", event_type=kind, product_id="p") for i, kind in enumerate(kinds)]


def late(lab: Lab) -> list[tuple[str, int, int]]:
    rows = lab.table(LATE_EVENTS.name).orderBy("timestamp").collect()
    return [(f"{row.timestamp:%H:%M:%S.%f}", row.generation, row.batch_id) for row in rows]


def users(lab: Lab) -> list[str]:
    return sorted(row.user_id for row in lab.table(NAME).collect())


def test_what_comes_behind_the_watermark_is_left_out_and_listed_to_the_microsecond(lab: Lab) -> None:
    lab.land(*funnel("a", "10:00"), event("z", "12:00:00"))
    lab.run("events", NAME)
    assert users(lab) == ["a"], "a first run shows all that its watermark has passed"
    lab.land(*funnel("b", "11:29"), event("c", "11:30:00"), event("c", "11:30:00.000001"), event("z", "12:45:00"))
    report = lab.run("events", NAME)[NAME]
    assert late(lab) == [
        ("11:29:00.000000", 1, 2), ("11:29:10.000000", 1, 2), ("11:29:20.000000", 1, 2), ("11:30:00.000000", 1, 2)
    ]  # fmt: skip
    assert (report.late_rows, report.dropped_by_watermark) == (4, 0)
    assert users(lab) == ["a"]
    lab.assert_exact(NAME)
    assert lab.verify(NAME)[NAME].left_out == 4
    assert not lab.run(NAME)[NAME].batches, "without news there is no commit"


def test_what_waits_for_the_watermark_appears_in_the_run_that_moves_it(lab: Lab) -> None:
    lab.land(*funnel("a", "10:00"))
    lab.run("events", NAME)
    assert users(lab) == []
    lab.assert_exact(NAME)
    lab.land(event("z", "10:30:20"))
    lab.run("events", NAME)
    assert users(lab) == ["a"]
    lab.assert_exact(NAME)


def test_an_event_from_before_1970_is_late_from_the_first_batch_on(lab: Lab) -> None:
    lab.land(event("a", "1969-12-31T23:59:59Z"), *funnel("a", "10:00"), event("z", "12:00:00"))
    lab.run("events", NAME)
    assert late(lab) == [("23:59:59.000000", 1, 0)]
    lab.assert_exact(NAME)


def test_a_rebuild_takes_the_late_ones_in_and_lists_none(lab: Lab) -> None:
    lab.land(event("z", "12:00:00"))
    lab.run("events", NAME)
    lab.land(*funnel("b", "10:00"))
    lab.run("events", NAME)
    assert (users(lab), len(late(lab))) == ([], 3)
    rebuild(lab.contracts[NAME], lab.spark, lab.lake)
    assert (users(lab), late(lab)) == (["b"], [])
    lab.assert_exact(NAME)


def test_another_threshold_is_refused_until_the_table_is_rebuilt(lab: Lab) -> None:
    lab.land(event())
    lab.run("events", NAME)
    lab.contracts = tables(lab.settings.model_copy(update={"pattern_clicks_within": timedelta(seconds=20)}))
    with pytest.raises(
        Exception, match="pattern clicks_within was '0:00:10' and is '0:00:20'; run `clickstream rebuild"
    ):
        lab.run(NAME)


@pytest.fixture(scope="module")
def warm(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lake with a batch behind it."""
    lab = Lab(spark, Settings(home=tmp_path_factory.mktemp("processed") / "home"))
    lab.land(*funnel("a", "10:00"), event("z", "12:00:00"))
    lab.run("events", NAME)
    return lab


# The writes of a run: late events, the batch itself, and the patterns that the moved watermark has completed.
@pytest.mark.parametrize(("nth", "when"), [(n, when) for n in range(3) for when in ("before", "after")])
def test_a_fault_at_any_commit_is_made_good_by_the_next_run(warm: Lab, nth: int, when: str) -> None:
    known, hour = len(late(warm)), 12 + warm.landed
    warm.land(event("l", "09:00:00"), *funnel("b", f"{hour}:05"), event("z", f"{hour}:50:00"))
    warm.run("events")
    with fault(nth, when), pytest.raises(Exception, match="InjectedError"):
        warm.run(NAME)
    warm.run(NAME)
    assert len(late(warm)) == known + 1
    assert users(warm) == ["a", *["b"] * (warm.landed - 1)]
    warm.assert_exact(NAME)


@pytest.mark.parametrize(("nth", "when"), [(n, when) for n in range(2) for when in ("before", "after")])
def test_a_fault_at_a_commit_of_a_rebuild_leaves_rows_and_late_events_of_one_generation(
    lab: Lab, nth: int, when: str
) -> None:
    lab.land(event("z", "12:00:00"))
    lab.run("events", NAME)
    lab.land(*funnel("b", "10:00"))
    lab.run("events", NAME)
    with fault(nth, when), pytest.raises(Exception, match="InjectedError"):
        rebuild(lab.contracts[NAME], lab.spark, lab.lake)
    lab.assert_exact(NAME)
    lab.run(NAME)
    lab.assert_exact(NAME)
    assert (users(lab), len(late(lab))) == (([], 3) if (nth, when) == (0, "before") else (["b"], 0))
