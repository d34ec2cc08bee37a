"""What is simulated: the truth about it, and how visitors behave."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.session import SESSION_GAP
from clickstream_platform.simulator.demo import simulate_demo
from clickstream_platform.simulator.expected import Event, SimulatedRecord, Truth, truth_of
from clickstream_platform.simulator.landing import land_live, write_arrival, write_landing
from clickstream_platform.simulator.simulation import SPAN, START, Shares, simulate
from clickstream_platform_tests.simulator.recount import MUCH_OF_IT, NONE_OF_IT, Json, lines_of, parsed, recount
from clickstream_platform_tests.simulator.simulated import accepted


@pytest.mark.parametrize("shares", [Shares(), NONE_OF_IT, MUCH_OF_IT, Shares(malformed=1, duplicate=0, future=0)])
@pytest.mark.parametrize("events", [1, 300, 4_000])
def test_a_recount_of_the_written_bytes_finds_the_truth(tmp_path: Path, events: int, shares: Shares) -> None:
    simulation = simulate(events, 3, shares=shares)
    write_landing(tmp_path, simulation, gzip_every=3)
    assert recount(lines_of(tmp_path.iterdir())) == simulation.truth


def test_a_recount_after_each_arrival_finds_the_truth_so_far(tmp_path: Path) -> None:
    simulation = simulate(5_000, 4)
    for number in (1, 2, 3):
        write_arrival(tmp_path, simulation, number, arrivals=3)
        assert recount(lines_of(tmp_path.iterdir())) == simulation.truth_after(number, arrivals=3)
    assert simulation.truth_after(3, arrivals=3) == simulation.truth
    assert simulation.truth_after(0).records == 0


def test_the_truth_of_a_handful_of_records_is_what_one_counts_by_hand() -> None:
    minute = 60_000
    times = (0, 29 * minute, 60 * minute, *range(90 * minute, 90 * minute + 6))  # a gap of 29 minutes, then of 31
    records = [SimulatedRecord(at, b"{}", Event("u", None, at, "purchase")) for at in times]
    records += [
        SimulatedRecord(0, b"{}", Event("u", "s", 0, "click")),
        SimulatedRecord(1, b"{}", "duplicate"),
        SimulatedRecord(2, b"[", "x"),
    ]
    assert truth_of(records) == Truth(12, 10, 1, {"x": 1}, 3, 9, 5, 20, 1, 0)


@pytest.mark.parametrize(("event_type", "allowed"), [("purchase", 5), ("click", 100)])
def test_an_alert_needs_more_than_is_allowed_in_one_window_of_one_session(event_type: str, allowed: int) -> None:
    def alerts(*session_ids: str | None, starting: int = 0) -> int:
        events = (Event("u", session_id, at, event_type) for at, session_id in enumerate(session_ids, starting))
        return truth_of(SimulatedRecord(0, b"", event) for event in events).alerts

    assert alerts(*["s"] * allowed) == 0
    assert alerts(*["s"] * allowed, "s") == 1
    assert alerts(*["s"] * allowed, None) == 0
    assert alerts(*["s"] * allowed, "s", starting=300_000 - 1) == 0


@pytest.mark.parametrize("events", [1, 2, 999, 1_000, 2_345])
def test_exactly_as_many_records_are_written_as_asked_for(tmp_path: Path, events: int) -> None:
    simulation = simulate(events, 1)
    assert len(simulation) == simulation.truth.records == events
    assert lines_of(write_landing(tmp_path, simulation, arrivals=3, files_per_arrival=2)) == list(simulation)


def test_the_parts_of_the_truth_add_up() -> None:
    truth = simulate(5_000, 1).truth
    assert truth.records == truth.accepted + truth.duplicates + truth.rejected
    assert truth.alerts == truth.purchase_alerts + truth.event_alerts


def test_whole_days_between_two_starts_leave_the_truth_as_it_is() -> None:
    here, moved = simulate(3_000, 7), simulate(3_000, 7, START + timedelta(days=300))
    assert moved.truth == here.truth
    assert [moved.truth_after(1), moved.truth_after(2)] == [here.truth_after(1), here.truth_after(2)]
    times = [
        (a.outcome.time, b.outcome.time)
        for a, b in zip(here.records, moved.records, strict=True)
        if isinstance(a.outcome, Event) and isinstance(b.outcome, Event)
    ]
    assert {later - earlier for earlier, later in times} == {300 * 24 * 60 * 60_000}


@pytest.mark.parametrize("seed", range(5))
def test_from_a_thousand_events_on_both_rules_raise_an_alert(seed: int) -> None:
    truth = simulate(1_000, seed).truth
    assert truth.purchase_alerts >= 1
    assert truth.event_alerts >= 1


def test_every_default_fault_happens() -> None:
    truth = simulate(20_000, 1).truth
    assert sorted(truth.quarantined) == [
        "bad_timestamp",
        "conflicting_duplicate",
        "future_timestamp",
        "malformed_json",
        "missing_timestamp",
        "missing_user_id",
        "not_an_object",
        "unknown_event_type",
    ]
    conflicting = truth.quarantined["conflicting_duplicate"]
    assert truth.rejected - conflicting == pytest.approx(20_000 * 0.012, rel=0.3)
    assert truth.duplicates + conflicting == pytest.approx(20_000 * 0.02, rel=0.3)


def test_no_fault_happens_when_all_shares_are_zero() -> None:
    truth = simulate(2_000, 1, shares=NONE_OF_IT).truth
    assert (truth.accepted, truth.duplicates, truth.rejected) == (2_000, 0, 0)


def test_some_session_ids_hold_more_than_one_session() -> None:
    simulation = simulate(20_000, 1)
    ids = {(event["user_id"], event["session_id"]) for event in accepted(simulation)}
    assert len(ids) * 1.02 < simulation.truth.sessions < len(ids) * 1.3


GAPS = [timedelta(minutes=1), timedelta(minutes=20), SESSION_GAP, timedelta(minutes=31, seconds=7), timedelta(days=1)]


@pytest.mark.parametrize("shares", [Shares(), Shares(no_session=1)])
@pytest.mark.parametrize("gap", GAPS, ids=str)
def test_no_two_events_of_a_visitor_lie_a_session_gap_apart(gap: timedelta, shares: Shares) -> None:
    times: defaultdict[str, list[int]] = defaultdict(list)
    for record in simulate(6_000, 1, shares=shares, gap=gap).records:
        if isinstance(record.outcome, Event):
            times[record.outcome.user_id].append(record.outcome.time)
    gap_ms = gap // timedelta(milliseconds=1)
    for together in map(sorted, times.values()):
        for at in together:
            following = bisect_left(together, at + gap_ms - 1_000)
            assert following == len(together) or together[following] > at + gap_ms + 1_000


@pytest.mark.parametrize("gap", GAPS, ids=str)
def test_sessions_of_any_gap_are_those_that_one_counts_pause_by_pause(gap: timedelta) -> None:
    simulation = simulate(5_000, 1, gap=gap)
    times: defaultdict[tuple[str, str | None], list[datetime]] = defaultdict(list)
    for event in accepted(simulation):
        times[event["user_id"], event["session_id"]].append(parsed(event["timestamp"]) or START)
    pauses = [after - before for of_one in times.values() for before, after in pairwise(sorted(of_one))]
    assert simulation.truth.sessions == len(times) + sum(pause > gap for pause in pauses)
    assert sum(pause > gap for pause in pauses) > 5  # some end by a pause, and not all
    assert sum(timedelta(0) < pause < gap for pause in pauses) > 100


@pytest.mark.parametrize("span", [SPAN, timedelta(hours=2)])
def test_times_lie_in_the_span_and_the_future_ones_decades_ahead(span: timedelta) -> None:
    simulation = simulate(20_000, 1, span=span)
    times = [parsed(event["timestamp"]) for event in accepted(simulation)]
    ahead = [json.loads(r.line)["timestamp"] for r in simulation.records if r.outcome == "future_timestamp"]
    assert all(at and START <= at < START + span for at in times)
    assert all(text.startswith("2075-12") for text in ahead)


def test_the_second_arrival_has_events_older_than_the_newest_of_the_first() -> None:
    simulation = simulate(20_000, 1)
    first, second = (
        [record.outcome.time for record in simulation.arrival(number) if isinstance(record.outcome, Event)]
        for number in (1, 2)
    )
    newest = max(first)
    minutes_late = [(newest - at) / 60_000 for at in second if at < newest]
    assert len(minutes_late) > 20
    assert max(minutes_late) > 24 * 60  # a day


def test_a_copy_follows_its_original_as_the_same_bytes_or_with_one_field_more() -> None:
    seen: dict[str, Json] = {}
    forms: Counter[bool] = Counter()
    for record in simulate(20_000, 1).records:
        if record.outcome in ("duplicate", "conflicting_duplicate"):
            copy = json.loads(record.line)
            is_other = copy.pop("resent", False)
            forms[is_other] += 1
            assert record.outcome == ("conflicting_duplicate" if is_other else "duplicate")
            assert copy == seen[copy["event_id"]]
        elif isinstance(record.outcome, Event):
            event = json.loads(record.line)
            seen[event.get("event_id", "")] = event
    assert min(forms[True], forms[False]) > 50


def test_a_visitor_keeps_device_and_address() -> None:
    devices: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for event in accepted(simulate(5_000, 1)):
        devices[event["user_id"]].add((event["device_type"], event["ip_address"]))
    assert {len(kept) for kept in devices.values()} == {1}


def test_only_product_pages_and_purchases_name_a_product() -> None:
    for event in accepted(simulate(5_000, 1)):
        page, product = event["page_url"], event["product_id"]
        assert (product is not None) == (page.startswith("/product/") or event["event_type"] == "purchase")
        assert not page.startswith("/product/") or page == f"/product/{product}"


def test_a_few_products_draw_much_of_the_interest() -> None:
    views = Counter(event["product_id"] for event in accepted(simulate(20_000, 1)) if event["product_id"])
    assert sum(count for _, count in views.most_common(20)) > 0.25 * views.total()


def test_evenings_are_busier_than_nights() -> None:
    hours = Counter(event["timestamp"][11:13] for event in accepted(simulate(20_000, 1)))
    assert hours["20"] > 4 * hours["03"]


def test_some_events_have_fields_the_schema_does_not_know_and_some_no_id() -> None:
    events = accepted(simulate(5_000, 1))
    assert 0.05 < sum("utm_source" in event or "experiment" in event for event in events) / len(events) < 0.15
    assert 0.02 < sum("event_id" not in event for event in events) / len(events) < 0.08


def test_search_terms_that_need_escaping_survive() -> None:
    pages = {event["page_url"] for event in accepted(simulate(5_000, 1))}
    assert pages >= {'/search?q=5"+pan', "/search?q=c:\\temp", "/search?q=寿司", "/search?q=crème+brûlée"}


@pytest.mark.parametrize(
    ("attempt", "finding"),
    [
        (lambda: Shares(late=1.5), "a late share of 1.5"),
        (lambda: Shares(malformed=float("nan")), "a malformed share of nan"),
        (lambda: Shares(malformed=0.75, duplicate=0.5, future=0), "faulty shares that add up to 1.25"),
        (lambda: simulate(0, 1), "0 events"),
        (lambda: simulate(1, 1, datetime(2026, 1, 5)), "in no time zone"),
        (lambda: simulate(1, 1, span=timedelta(hours=1)), "a span of 1:00:00"),
        (lambda: simulate(1, 1, gap=timedelta(seconds=59)), "a session gap of 0:00:59"),
        (lambda: write_arrival(Path(), simulate(9, 1), 3), "arrival 3 of 2; choose 1..2"),
        (lambda: simulate(9, 1).truth_after(3), "arrival 3 of 2; choose 1..2"),
        (lambda: write_landing(Path(), simulate(9, 1), files_per_arrival=0), "0 files an arrival"),
        (lambda: land_live(Path(), 0, 1), "0 records a second"),
    ],
)
def test_a_bad_setting_is_refused_with_what_was_found(attempt: Callable[[], object], finding: str) -> None:
    with pytest.raises(SettingsError, match=finding):
        attempt()


def test_the_newest_events_of_the_demo_lie_in_the_last_hour_of_its_last_day() -> None:
    times = [event["timestamp"] for event in accepted(simulate_demo(50_000, date(2026, 3, 31)))]
    assert max(times) > "2026-03-30T23"
