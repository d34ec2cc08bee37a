from __future__ import annotations

import gzip
import hashlib
import json
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.session import SESSION_GAP
from clickstream_platform.simulator.demo import simulate_demo
from clickstream_platform.simulator.expected import Event, SimulatedRecord, Truth, truth_of
from clickstream_platform.simulator.landing import land_live, write_arrival, write_landing
from clickstream_platform.simulator.simulation import SPAN, START, Shares, simulate, start_before
from clickstream_platform_tests.simulator.simulated import accepted, hashes

UTC = timezone.utc
NONE_OF_IT = Shares(0, 0, 0, 0, 0, 0, 0, 0)
MUCH_OF_IT = Shares(
    late=0.3, duplicate=0.2, malformed=0.2, future=0.1, too_large=0.001, no_session=0.5, no_event_id=0.3
)
Json = dict[str, Any]


def lines_of(paths: Iterable[Path]) -> list[bytes]:
    contents = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in paths)
    return [line for content in contents for line in content.split(b"\n")[:-1]]


def parsed(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def reason_against(line: bytes) -> str | None:
    """Judge one line, knowing only the wire schema."""
    if len(line) > 1_000_000:
        return "too_large"
    try:
        event = json.loads(line)
    except ValueError:
        return "malformed_json"
    if not isinstance(event, dict):
        return "not_an_object"
    record: Json = event
    for name in ("user_id", "timestamp"):
        if record.get(name) is None:
            return f"missing_{name}"
    at = parsed(record["timestamp"])
    if at is None:
        return "bad_timestamp"
    if at > datetime.now(UTC) + timedelta(hours=1):
        return "future_timestamp"
    return None if record["event_type"] in ("click", "page_view", "purchase") else "unknown_event_type"


def recount(lines: list[bytes]) -> Truth:
    """The truth once more, from nothing but the bytes, by definition rather than by algorithm."""
    reasons = Counter(reason for line in lines if (reason := reason_against(line)))
    good: list[Json] = [json.loads(line) for line in lines if not reason_against(line)]
    events, conflicting = dict[object, Json](), 0
    for n, e in enumerate(good):
        kept = events.setdefault((e.get("event_id") or n, e["timestamp"]), e)
        conflicting += kept != e
    times: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)
    windows: defaultdict[tuple[str, str, str, int], list[str]] = defaultdict(list)
    sliding = set[tuple[str, datetime]]()
    for e in events.values():
        at = parsed(e["timestamp"])
        assert at is not None
        times[e["user_id"], str(e["session_id"])].append(at)
        minute = at.replace(second=0, microsecond=0)
        sliding |= {(e["user_id"], minute - timedelta(minutes=before)) for before in range(5)}
        windows[e["user_id"], str(e["session_id"]), f"{at:%F %H}", at.minute // 5].append(e["event_type"])
    half_an_hour = timedelta(minutes=30)
    first_of_session = [
        at
        for together in times.values()
        for at in set(together)
        if not any(timedelta(0) < at - other < half_an_hour for other in together)
    ]
    return Truth(
        records=len(lines),
        accepted=len(events),
        duplicates=len(good) - len(events) - conflicting,
        quarantined=dict(reasons) | ({"conflicting_duplicate": conflicting} if conflicting else {}),
        sessions=len(first_of_session),
        purchases=sum(e["event_type"] == "purchase" for e in events.values()),
        activity_windows=len(windows),
        sliding_windows=len(sliding),
        purchase_alerts=sum(types.count("purchase") > 5 for types in windows.values()),
        event_alerts=sum(len(types) > 100 for types in windows.values()),
    )


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


def test_the_same_seed_gives_the_same_names_and_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_landing(tmp_path / name, simulate(3_000, 7), gzip_every=2)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    assert len(hashes(tmp_path / "one")) == 8


def test_a_seed_gives_the_same_bytes_on_every_machine_and_day() -> None:
    assert hashlib.sha256(b"\n".join(simulate(3_000, 7))).hexdigest()[:16] == "1d163f1977ad0bc5"


def test_a_seed_and_an_end_give_the_same_bytes_on_every_machine_and_day() -> None:
    assert start_before(date(2026, 1, 12)) == START
    moved = simulate(3_000, 7, start_before(date(2026, 3, 31)))
    assert hashlib.sha256(b"\n".join(moved)).hexdigest()[:16] == "abf5fbd7dcc17185"


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


def test_other_arguments_share_no_event_id_and_no_file_name(tmp_path: Path) -> None:
    others = [
        simulate(500, 1),
        simulate(500, 2),
        simulate(501, 1),
        simulate(500, 1, START - SPAN),
        simulate(500, 1, shares=Shares(late=0.04)),
    ]
    ids = [event["event_id"] for other in others for event in accepted(other) if "event_id" in event]
    assert len(ids) == len(set(ids))
    assert len([path for other in others for path in write_landing(tmp_path, other)]) == len(hashes(tmp_path))


def test_a_second_write_touches_no_file(tmp_path: Path) -> None:
    def state() -> dict[str, tuple[int, int]]:
        return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in tmp_path.iterdir()}

    first, before = write_landing(tmp_path, simulate(500, 1), gzip_every=2), state()
    assert write_landing(tmp_path, simulate(500, 1), gzip_every=2) == first
    assert state() == before


def test_compressed_files_hold_the_same_lines_and_no_time(tmp_path: Path) -> None:
    simulation = simulate(3_000, 7)
    paths = write_landing(tmp_path, simulation, gzip_every=2)
    assert [path.suffix for path in paths] == [".json", ".gz"] * 4
    assert lines_of(paths) == list(simulation)
    assert {path.read_bytes()[4:8] for path in paths if path.suffix == ".gz"} == {b"\0\0\0\0"}


def test_a_file_with_other_bytes_is_replaced(tmp_path: Path) -> None:
    path = write_arrival(tmp_path, simulate(500, 1), 1)[0]
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    write_arrival(tmp_path, simulate(500, 1), 1)
    assert path.read_bytes() == whole


def test_a_crash_while_writing_leaves_only_hidden_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(self: Path, target: Path) -> Path:
        raise OSError(str(target))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", crash)
        with pytest.raises(OSError, match="events-1-01-001"):
            write_landing(tmp_path, simulate(500, 1))
    assert [path.name[0] for path in tmp_path.iterdir()] == ["."]
    assert lines_of(write_landing(tmp_path, simulate(500, 1))) == list(simulate(500, 1))
    assert not list(tmp_path.glob(".*"))


def test_fewer_records_than_files_leave_no_empty_file(tmp_path: Path) -> None:
    assert len(write_landing(tmp_path, simulate(3, 1), files_per_arrival=4)) == 3


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


class Clock:
    """A clock that moves when one sleeps, and by ``work`` seconds whenever it is read."""

    def __init__(self, work: float = 0.0) -> None:
        self.at = datetime(2026, 3, 1, tzinfo=UTC)
        self.work = timedelta(seconds=work)
        self.slept: list[float] = []

    def now(self) -> datetime:
        self.at += self.work
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)


def feed(folder: Path, rate: float, seconds: float, clock: Clock | None = None, seed: int = 1) -> int:
    clock = clock or Clock()
    return land_live(folder, rate, seed, duration=timedelta(seconds=seconds), now=clock.now, sleep=clock.sleep)


def test_live_writes_one_file_a_second_at_the_rate_until_its_duration_is_over(tmp_path: Path) -> None:
    assert feed(tmp_path, 20, 30) == 600
    assert [len(lines_of([path])) for path in tmp_path.iterdir()] == [20] * 30


def test_live_at_less_than_one_a_second_skips_files(tmp_path: Path) -> None:
    assert feed(tmp_path, 0.25, 20) == 5
    assert len(list(tmp_path.iterdir())) == 5


def test_live_with_the_same_seed_and_clock_gives_the_same_bytes(tmp_path: Path) -> None:
    feed(tmp_path / "one", 20, 10)
    feed(tmp_path / "two", 20, 10)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


def test_live_sleeps_only_for_the_rest_of_the_second(tmp_path: Path) -> None:
    clock = Clock(work=0.25)
    feed(tmp_path, 20, 3, clock)
    assert set(clock.slept) == {0.75}


def test_live_events_are_of_now_apart_from_the_late_ones_and_the_faults(tmp_path: Path) -> None:
    feed(tmp_path, 100, 60)
    ages: list[float] = []
    for path in tmp_path.iterdir():
        arrival = datetime.fromtimestamp(int(path.stem.split("-")[2]) / 1_000, UTC)
        good = (json.loads(line) for line in lines_of([path]) if not reason_against(line))
        ages += [(arrival - at).total_seconds() for event in good if (at := parsed(event["timestamp"]))]
    assert min(ages) > 0
    assert 0.01 < sum(age > 120 for age in ages) / len(ages) < 0.06


def test_live_has_the_faults_and_the_alerts_of_a_simulation(tmp_path: Path) -> None:
    feed(tmp_path, 25, 600)
    found = recount(lines_of(tmp_path.iterdir()))
    assert sorted(found.quarantined) == sorted(simulate(20_000, 1).truth.quarantined)
    assert min(found.duplicates, found.quarantined["conflicting_duplicate"]) > 50
    assert found.purchase_alerts >= 1
    assert found.event_alerts >= 1


def test_live_reads_the_real_clock_by_default(tmp_path: Path) -> None:
    before = time.time()
    assert land_live(tmp_path, 5, 1, duration=timedelta(milliseconds=10), sleep=lambda _: time.sleep(0.02)) == 5
    (path,) = tmp_path.iterdir()
    assert before - 1 <= int(path.stem.split("-")[2]) / 1_000 <= time.time()


def test_the_newest_events_of_the_demo_lie_in_the_last_hour_of_its_last_day() -> None:
    times = [event["timestamp"] for event in accepted(simulate_demo(50_000, date(2026, 3, 31)))]
    assert max(times) > "2026-03-30T23"
