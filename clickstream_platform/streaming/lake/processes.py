"""Which process it is that holds something, told apart from any other, as far as the system tells."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path
from typing import Any


def is_pid_alive(pid: int) -> bool:
    """Whether this host has a process of that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def this_process() -> dict[str, Any]:
    """What tells this process from any other, on this host and on others."""
    pid = os.getpid()
    return {"pid": pid, "host": socket.gethostname(), "machine": _machine(), "started": _start_ticks(pid)}


def is_process_alive(process: dict[str, Any]) -> bool | None:
    """Whether a process, as :func:`this_process` described it, lives; None if that cannot be told from here."""
    machine, pid = process.get("machine"), process.get("pid")
    if not machine or machine != _machine() or not isinstance(pid, int):
        return None
    return is_pid_alive(pid) and _start_ticks(pid) == process.get("started")


@cache
def _machine() -> str:
    """This start of this machine and, within it, what numbers its processes; empty where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - it names no path
    except OSError:
        return ""


def _start_ticks(pid: int) -> str:
    """When a process was started, in ticks since the machine was; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
