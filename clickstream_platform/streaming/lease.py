"""One writer a table: a lease file, held for the life of the process.

``flock`` is let go by the kernel however the process ends, so a killed run never blocks the next one. Behind it
stands the transaction in every Delta commit: a second writer would waste work, but double nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO

from clickstream_platform.errors import TableBusyError
from clickstream_platform.streaming.lake import Lake


@contextmanager
def lease(lake: Lake, table: str, run_id: str, *, take_over: bool = False) -> Generator[None]:
    """Hold the lease of a table, for the duration of the block.

    Args:
        lake: where the table lies.
        table: its name.
        run_id: who asks.
        take_over: take a lease that another host has left behind; this host cannot tell whether its process lives.

    Raises:
        TableBusyError: another run holds it; names its pid and host.
    """
    folder = lake.checkpoints(table)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lease").open("a+") as file:
        _take(file, table, take_over=take_over)
        _write(file, json.dumps({"run_id": run_id, "pid": os.getpid(), "host": socket.gethostname()}))
        try:
            yield
        finally:
            _write(file, "")


def _take(file: IO[str], table: str, *, take_over: bool) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as held:
        holder = _holder(file)
        finding = f"run {holder.get('run_id')} holds it (pid {holder.get('pid')} on {holder.get('host')})"
        raise TableBusyError(table, finding, "wait for that run to end, or stop it") from held
    holder = _holder(file)
    if not take_over and holder.get("host", socket.gethostname()) != socket.gethostname():
        finding = f"host {holder['host']} left its lease behind (run {holder.get('run_id')}, pid {holder.get('pid')})"
        raise TableBusyError(table, finding, "make sure that run has ended, then use --take-over")


def _holder(file: IO[str]) -> dict[str, str]:
    file.seek(0)
    return json.loads(file.read() or "{}")


def _write(file: IO[str], text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()
