"""The processes of a cluster of one's own end with whoever started them. Tried on a program that only waits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clickstream_platform.errors import SetupError
from clickstream_platform.simulator.cluster import Process, start_guarded
from clickstream_platform_tests.waiting import wait_until

WAITING = ("/bin/sh", "-c", "echo up $$; exec sleep 600")


def started(folder: Path, *command: str) -> Process:
    return Process("spark worker-1", start_guarded(command, folder / "log", given=1.0), folder / "log")


def is_running(pid: int) -> bool:
    """Whether there is such a process that has not ended: who has no parent any more may stay as a zombie."""
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("end", [Process.end, Process.kill])
def test_what_is_ended_is_gone_once_the_call_returns(tmp_path: Path, end: object) -> None:
    process = started(tmp_path, *WAITING)
    pid = int(process.await_line(r"up (\d+)"))
    assert is_running(pid)

    assert callable(end)
    end(process)
    wait_until(lambda: not is_running(pid), seconds=10)


@pytest.mark.parametrize(
    ("number", "told"), [(signal.SIGTERM, "SIG_DFL"), (signal.SIGKILL, "SIG_DFL"), (signal.SIGKILL, "SIG_IGN")]
)
def test_nothing_outlives_whoever_started_it_however_that_ends(tmp_path: Path, number: int, told: str) -> None:
    program = (
        "import sys, time; from pathlib import Path; from clickstream_platform.simulator.cluster import start_guarded\n"
        # What a process ignores, whatever it starts ignores too.
        f"import signal; signal.signal(signal.SIGTERM, signal.{told})\n"
        f"start_guarded({WAITING!r}, Path(sys.argv[1]), given=0.5); time.sleep(600)"
    )
    log = tmp_path / "log"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    starter = subprocess.Popen([sys.executable, "-c", program, str(log)], env=environment)
    wait_until(lambda: log.exists() and log.read_text().startswith("up") and log.read_text().endswith("\n"), starter)
    pid = int(log.read_text().split()[1])
    assert is_running(pid)

    starter.send_signal(number)
    starter.wait()
    wait_until(lambda: not is_running(pid), seconds=10)


def test_one_that_does_not_start_says_what_it_died_of(tmp_path: Path) -> None:
    process = started(tmp_path, "/bin/sh", "-c", "echo Exception: no room; exit 1")
    with pytest.raises(SetupError, match=r"^spark worker-1: it ended at once \(Exception: no room\); see "):
        process.await_line("up")
    process.end()
