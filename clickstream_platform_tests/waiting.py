"""Waiting for what another process or thread does: one way to ask again and again, and to give up."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from typing import Any


def is_alive(group: int) -> bool:
    """Whether a process of this group is left, be it one that nobody has waited for."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(
    holds: Callable[[], object],
    process: subprocess.Popen[Any] | None = None,
    *,
    seconds: float = 300,
    every: float = 0.02,
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    """Return as soon as it holds; fail when the process has ended before that, or the time is up.

    Args:
        holds: asked first at once, then ``every`` so many seconds.
        process: who is to make it hold; without one, only the time ends the waiting.
        seconds: after so long the test fails. Far longer than it takes: a slow machine is no fault.
        every: seconds between two questions.
        meanwhile: done before each pause.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        assert process is None or process.poll() is None, "it ended too early"
        assert time.monotonic() < deadline, f"not within {seconds} s"
        meanwhile()
        time.sleep(every)
