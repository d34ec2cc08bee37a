"""What is printed fits the terminal, and steers none. No JVM."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from datetime import datetime

import pytest

from clickstream_platform.cli.failures import failure
from clickstream_platform.cli.progress import print_line, show_progress
from clickstream_platform.terminal import ago, cell, dated, grid, show
from clickstream_platform_tests.command import in_a_process_of_its_own
from clickstream_platform_tests.homes import Home


def test_a_value_stays_on_its_line_and_steers_no_terminal() -> None:
    assert cell("a\n\x1b[31mb") == "a��[31mb"
    assert cell(b"\xff[bold]") == "�[bold]"
    assert cell(None) == "-"
    assert cell(1_234_567) == "1,234,567"
    assert cell(datetime(1, 1, 1)) == "0001-01-01 00:00:00.000"


def test_a_sign_that_the_terminal_has_not_ends_no_command(home: Home) -> None:
    found = in_a_process_of_its_own(home.settings.home, "explain", "n\u00efx", PYTHONIOENCODING="ascii")
    assert (found.returncode, found.stderr[:7]) == (2, "n\\xefx:")


def test_ctrl_c_before_a_command_has_begun_ends_it_without_a_traceback() -> None:
    program = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupted())
from clickstream_platform.cli import main
main()
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (found.returncode, found.stdout, found.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize("width", [20, 40, 200])
def test_a_table_of_values_says_all_of_them_at_every_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    monkeypatch.setattr("clickstream_platform.terminal.WIDTH", width)
    rows = [("clickstream_aggregated", "48,181", "2026-11-28 23:39"), ("alerts", "6", "-")]
    show(grid("table", "rows", "watermark (UTC)", rows=rows, cut=("table",)))
    shown = capsys.readouterr().out
    assert all(said in shown for said in ("clickstr", "48,181", "2026-11-28", "23:39", "alerts", "6", "rows"))


def test_a_value_without_a_head_has_no_label_where_rows_are_lists(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("clickstream_platform.terminal.WIDTH", 20)
    show(grid("committed (UTC)", "s", "", rows=[("2026-11-28 23:39", "1.1", "####")]))
    assert capsys.readouterr().out == "2026-11-28 23:39\n  s: 1.1\n  ####\n"


def test_a_time_is_shown_with_its_year_its_zone_and_its_age() -> None:
    minute, now = 60_000, 1_800_000_000_000
    assert dated(now - 3 * minute).startswith("2027-01-15 07:57 UTC, ")
    assert [ago(now - back, now) for back in (5_000, 3 * minute, 200 * minute, 100 * 24 * 60 * minute)] == [
        "5 s ago", "3 min ago", "3 h ago", "100 days ago"
    ]  # fmt: skip
    assert ago(now + 3 * minute, now) == "in 3 min"


def test_what_goes_on_is_said_on_a_terminal_only_and_erased_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("clickstream_platform.cli.progress.PATIENCE", 0.0)
    with show_progress("events: running"):
        print_line("a line")
    assert capsys.readouterr() == ("a line\n", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with show_progress("events: running"):
        time.sleep(0.1)
        print_line("a line")
    out, err = capsys.readouterr()
    assert out == "a line\n"
    assert "events: running ... 0 s" in err
    assert err.endswith("\x1b[2K")


def test_an_error_of_python_that_the_jvm_passes_on_begins_with_what_ended_it() -> None:
    """As of PySpark 4.2, shortened: what ended the query, what Python had to say, then the plan."""
    passed_on = (
        "[STREAM_FAILED] Query [id = 4b9] terminated with exception: [FOREACH_BATCH_USER_FUNCTION_ERROR] An error "
        "occurred. Reason: An exception was raised by the Python Proxy. Return Message: Traceback (most recent call "
        'last):\n  File "b.py", line 2, in call\n    batch()\n    ^^^^^^\n'
        'a.BatchFailure: Traceback (most recent call last):\n  File "a.py", line 1, in read\n    read()\n'
        "_duckdb.IOException: IO Error: Failed to read\n\n SQLSTATE: 39000\n=== Streaming Query ===\n"
    )
    assert failure(RuntimeError(passed_on)).plain.startswith("spark: _duckdb.IOException: IO Error: Failed to read; ")
    assert failure(RuntimeError("[NO_PLAN] nothing\nplan")).plain.startswith("spark: [NO_PLAN] nothing; ")


def test_an_error_of_java_is_told_by_what_it_was_and_what_began_it() -> None:
    """As Py4J passes one on, shortened: its own words name an object that nobody knows."""
    passed_on = (
        "An error occurred while calling o119.load.\n: org.apache.spark.SparkException: [FAILED_READ] Cannot read\n"
        "\tat org.x.y(z)\nCaused by: java.io.IOException: inner\n\t... 3 more\n"
        "Caused by: java.net.ConnectException: Connection refused: /127.0.0.1:9\n\tat z\n"
    )
    said = failure(RuntimeError(passed_on)).plain
    assert said.startswith(
        "spark: SparkException: [FAILED_READ] Cannot read (ConnectException: Connection refused: /127."
    )
    assert failure(RuntimeError("An error occurred while calling o1.x")).plain.startswith(
        "spark: An error occurred while"
    )
