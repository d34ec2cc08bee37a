"""A run that ends in the middle: by ``kill -9`` of its whole process group, by Ctrl-C. The next run makes it good."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from clickstream_platform.streaming.ledger import entries
from clickstream_platform_tests.conftest import Lab, event

pytestmark = pytest.mark.spark

RUN = "from clickstream_platform.cli import main; main()"


def test_killed_in_the_middle_of_any_table_a_rerun_is_exact(lab: Lab) -> None:
    lab.land(*(event(f"u{i % 7}", f"10:{i // 60:02}:{i % 60:02}", event_id=f"{i}") for i in range(600)), "{")
    lab.run()
    for i, victim in enumerate(["events", "user_activity", "sessions"]):
        late = event("u1", f"08:0{i}:00", event_type="purchase")
        lab.land(late, event("u2", f"{11 + i}:00:00"))
        run = _start(lab)
        _wait_until(lambda name=victim: _in_the_middle(lab, name), run)
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    lab.run()
    lab.assert_exact()
    assert lab.table("events").count() == 606
    for name in lab.contracts:
        assert len({entry.batch_id for entry in entries(lab.lake.table(name))}) >= 2


def test_ctrl_c_stops_the_queries_and_leaves_no_jvm(lab: Lab) -> None:
    lab.land(*(event(f"u{i}") for i in range(200)))
    run = _start(lab)
    _wait_until(lambda: _in_the_middle(lab, "events"), run)
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=60) != 0
    _wait_until(lambda: not _alive(run.pid), None)
    lab.run()
    lab.assert_exact()


def _start(lab: Lab) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "CLICKSTREAM_HOME": str(lab.settings.home)}
    return subprocess.Popen([sys.executable, "-c", RUN, "run"], env=environment, start_new_session=True)


def _in_the_middle(lab: Lab, table: str) -> bool:
    """Whether a batch is planned that the checkpoint has not completed."""
    generations = [path for path in lab.lake.checkpoints(table).glob("[0-9]*") if path.is_dir()]
    counts = [[len([*(path / log).glob("[0-9]*")]) for log in ("offsets", "commits")] for path in generations]
    return any(planned > committed for planned, committed in counts)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_until(holds: Callable[[], bool], run: subprocess.Popen[bytes] | None, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert run is None or run.poll() is None, "the run ended before it was stopped"
        assert time.monotonic() < deadline
        time.sleep(0.01)
