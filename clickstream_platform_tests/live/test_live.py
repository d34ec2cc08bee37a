"""The dashboard and the history of a small lake that delta-rs wrote, and of a journal as Spark fills it. No JVM."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType
from typer.testing import CliRunner

from clickstream_platform.cli.app import program
from clickstream_platform.live.dashboard import dashboard
from clickstream_platform.live.history import history, last_runs
from clickstream_platform.live.sparks import bar, spark
from clickstream_platform.live.visitors import SHOWN, DashboardState, observe
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.observe.journal import Journal
from clickstream_platform_tests.homes import NOON_MS, Home, entry, home_without_java
from clickstream_platform_tests.lakes import at, write

PAGES = 7


def an_event(user: str, clock: str, kind: str = "page_view", **more: Any) -> dict[str, Any]:
    when = at(clock)
    return {"user_id": user, "event_type": kind, "timestamp": when, "event_date": when.date(), **more}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An hour of two visitors: one of them looks at a page before the last half hour, and buys within it."""
    home = home_without_java(tmp_path, monkeypatch)
    events = [
        an_event("a", "11:15:00", page_url="/old"),
        an_event("a", "11:50:00", "purchase", page_url="/cart", product_id="p1"),
        *(an_event("b", "11:50:30", page_url=f"/page/{n}") for n in range(PAGES)),
        an_event("b", "12:00:10", page_url="/page/3"),
    ]
    write(home, "events", events, of=entry(rows_in=10, rows_out=10))
    window = {"window_start": at("11:50:00"), "window_end": at("11:55:00")}
    counts = {"total_events": 7, "unique_pages": 7, "click_count": 0, "purchase_count": 0}
    write(home, "user_activity", [{"user_id": "b", **window, **counts}])
    write(home, "purchases", [{"user_id": "a", "product_id": "p1", "timestamp": at("11:50:00")}])
    write(home, "alerts", [{"user_id": "b", "rule": "total_events", "value": 7, "threshold": 5, **window}])
    return home


def seen(home: Home, before: DashboardState | None = None) -> DashboardState:
    return observe(list(home.contracts.values()), home.lake, home.settings.queries_folder, before)


def drawn(picture: RenderableType, width: int = 160) -> str:
    console = Console(record=True, width=width, file=io.StringIO(), markup=False, emoji=False)
    console.print(picture)
    return console.export_text()


def said(table: str, status: str, **more: Any) -> dict[str, Any]:
    usual = {"at": "2024-03-01T12:00:00.000Z", "id": "q", "run_id": f"r-{table}", "name": f"{table}-x"}
    return {**usual, "status": status, **more}


def row(text: str, begin: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.startswith(begin))


def clickstream(*arguments: str) -> Any:
    return CliRunner().invoke(program, ["status", *arguments])


def test_the_last_minutes_are_those_up_to_the_newest_event(home: Home) -> None:
    found = seen(home).activity
    assert found
    assert found.until == at("12:00:10")
    assert (len(found.minutes), sum(minute.events for minute in found.minutes)) == (30, PAGES + 2)
    busiest = found.minutes[-11]  # ten minutes before the last
    assert (busiest.events, busiest.visitors, busiest.purchases) == (PAGES + 1, 2, 1)
    assert found.visitors == 2
    assert found.pages[0] == ("/page/3", 2)
    assert (len(found.pages), "/old" in dict(found.pages)) == (SHOWN, False)
    assert found.active == [("b", 7, 7, 0, 0)]
    assert [(product, user) for _, product, user in found.purchases] == [("p1", "a")]
    assert [(rule, value, user) for _, rule, value, user in found.alerts] == [("total_events", 7, "b")]


def test_rows_are_read_again_only_when_a_table_has_changed(home: Home) -> None:
    first = seen(home)
    assert seen(home, first).activity is first.activity
    write(home, "events", [an_event("c", "12:01:00")], of=entry(batch_id=1))
    assert seen(home, first).activity != first.activity


def test_the_dashboard_shows_queries_tables_and_visitors(home: Home) -> None:
    journal = Journal(home.settings.queries_folder)
    journal.write(said("events", "ended"))
    for batch_id, rows in enumerate((10, 0, 80)):
        rates = {"input_rows_per_second": 4.5, "processed_rows_per_second": 1234.5}
        journal.write(said("user_activity", "running", batch_id=batch_id, input_rows=rows, **rates,
                           state_rows=12_345, state_bytes=2_500_000, last_progress="2024-03-01T12:00:00Z"))  # fmt: skip
    home.land("new.json")
    text = drawn(dashboard(seen(home)))
    assert "1 active query" in text.splitlines()[0]
    assert row(text, "user_activity")[1:8] == ["running", "2", "4.5", "1,234", "▂▁█", "12,345", "2.5"]
    assert row(text, "events")[1] == "-"
    assert "1 file " in text
    for part in ("/page/3", "Top pages", "Newest purchases", "p1", "Newest alerts", "total_events", "12:00 UTC"):
        assert part in text


def test_with_nothing_at_work_it_says_so_and_who_was_last(home: Home) -> None:
    assert "no active query" in drawn(dashboard(seen(home))).splitlines()[0]
    journal = Journal(home.settings.queries_folder)
    journal.write(said("sessions", "failed", problem="out of room"))
    text = drawn(dashboard(seen(home)))
    assert "no active query, the last one (sessions) failed" in text.splitlines()[0]
    assert "sessions: its last query failed: out of room" in text


def test_a_lake_without_events_and_a_home_without_anything_are_shown(tmp_path: Path) -> None:
    text = drawn(dashboard(seen(Home(Settings(home=tmp_path / "none")))))
    assert "no active query" in text
    assert "no event is in the lake yet: clickstream run" in text


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_dashboard_fits_the_terminal(home: Home, width: int) -> None:
    Journal(home.settings.queries_folder).write(said("events", "running", batch_id=1, state_rows=10**9))
    lines = drawn(dashboard(seen(home)), width).splitlines()
    assert max(map(len, lines)) <= width
    assert any("Newest alerts" in line for line in lines)
    (events,) = (line.split() for line in lines if line.startswith("events ") and "running" in line)
    assert {"events", "running", "files"} <= set(events), "a table is a line at every width"


def test_what_a_visitor_wrote_does_not_steer_the_terminal(home: Home) -> None:
    page = "/\x1b[2J[red]\n" + "x" * 500
    write(home, "events", [an_event("b", "12:00:20", page_url=page) for _ in range(9)])
    text = drawn(dashboard(seen(home)))
    assert "\x1b" not in text
    assert "/�[2J[red]�xxx" in text


def test_a_pipe_gets_the_dashboard_once(home: Home) -> None:
    result = clickstream("--watch")
    assert result.exit_code == 0
    assert result.stdout.count("no active query") == 1
    assert "\x1b" not in result.stdout


def test_watch_is_refused_with_a_table_or_json(home: Home) -> None:
    for more in ("events", "--json"):
        result = clickstream("--watch", more)
        assert (result.exit_code, result.stderr) == (
            2,
            "--watch: it shows every table, to a person; leave out the table and --json\n",
        )


def test_ctrl_c_gives_the_terminal_back_and_is_no_error(home: Home) -> None:
    main, terminal = pty.openpty()
    command = [sys.executable, "-c", "from clickstream_platform.cli import main; main()"]
    command += ["status", "--watch", "--every", "0.2"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "100", "LINES": "40"}
    watching = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    os.set_blocking(main, False)
    shown, deadline = b"", time.monotonic() + 60
    while shown.count(b"no active query") < 3 and time.monotonic() < deadline:
        if select.select([main], [], [], 1)[0]:
            shown += os.read(main, 65_536)
    watching.send_signal(signal.SIGINT)
    while watching.poll() is None and time.monotonic() < deadline:
        try:
            shown += os.read(main, 65_536) if select.select([main], [], [], 1)[0] else b""
        except OSError:  # the other end is closed
            break
    assert watching.wait(10) == 0
    assert shown.count(b"\x1b[?1049h") == shown.count(b"\x1b[?1049l") == 1  # its own screen, and back
    assert b"Traceback" not in shown


def test_the_history_sums_the_batches_of_a_run(home: Home) -> None:
    ledger = [
        entry("sessions", 3, run_id="new", rows_in=5, rows_out=2, late_rows=1, revisions=1, duration_ms=400),
        entry("sessions", 2, run_id="new", rows_in=5, rows_out=3, duration_ms=600),
        entry("sessions", 1, run_id="old", rows_in=7, duration_ms=2_000),
        entry("sessions", 0, run_id="older"),
    ]
    new, old = last_runs(ledger, limit=2)
    assert (new.run_id, new.batches, new.rows_in, new.rows_out) == ("new", 2, 10, 5)
    assert (new.late_rows, new.revisions, new.duration_ms) == (1, 1, 1_000)
    assert old.run_id == "old"
    text = drawn(history("sessions", [new, old], at("12:00:00", day=3)))
    assert row(text, "rows in") == ["rows", "in", "▆█", "7", "10", "10"]
    assert bar(1, 1) in text


def test_a_minute_long_past_is_not_called_now_and_every_time_has_its_year_zone_and_age(home: Home) -> None:
    looked = replace(seen(home), at=at("12:00:10", day=11))
    text = drawn(dashboard(looked), 200)
    assert "Visitors up to 2024-03-01 12:00 UTC, 10 days ago" in text
    assert not re.search(r"\bnow\b", text)
    for part in ("at (UTC)", "window from (UTC)", "watermark (UTC)", "2024-03-01 11:50"):
        assert part in text
    assert not re.search(r"(?<!\d{4}-)\b\d\d-\d\d \d\d:\d\d", text)  # no day without its year


def test_the_history_says_how_long_ago_a_run_ended(home: Home) -> None:
    (run,) = last_runs([entry("sessions", committed_at_ms=NOON_MS)], limit=1)
    text = drawn(history("sessions", [run], at("15:00:00")))
    assert row(text, "2024-03-01")[:4] == ["2024-03-01", "12:00", "3", "h"]
    assert "committed (UTC)" in text


def test_status_of_a_table_shows_its_runs(home: Home) -> None:
    assert row(clickstream("events").stdout, "2024-03-01")[4:7] == ["1", "10", "10"]
    (run,) = json.loads(clickstream("events", "--json").stdout)["runs"]
    assert (run["run_id"], run["rows_in"]) == ("run-0", 10)
    assert clickstream("sessions").stdout.strip() == "sessions: no run has committed a batch yet"
    assert clickstream("session").exit_code == 2


def test_json_lists_the_active_queries(home: Home) -> None:
    journal = Journal(home.settings.queries_folder)
    journal.write(said("events", "ended"))
    journal.write(said("sessions", "running", batch_id=4))
    (query,) = json.loads(clickstream("--json").stdout)["queries"]
    assert (query["name"], query["status"], query["batch_id"]) == ("sessions-x", "running", 4)


@pytest.mark.parametrize(
    ("values", "plot"),
    [
        ([], ""),
        ([0, 0], "▁▁"),
        ([0, 1, 1000], "▁▂█"),
        ([5], "█"),
        ([1, None, 2], "▅ █"),
        ([9, 1, 2], "▅█"),
    ],
)
def test_a_spark_is_full_for_the_largest_of_the_newest(values: list[float | None], plot: str) -> None:
    assert spark(values, 2 if len(plot) == 2 else 3) == plot


def test_a_bar_has_the_length_of_its_share() -> None:
    assert [bar(value, 8, 2) for value in (0, 0.1, 2, 4, 8)] == ["", "▏", "▌", "█", "██"]
    assert bar(3, 0) == ""
