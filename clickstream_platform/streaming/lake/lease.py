"""One writer a table: a lease file, held for the life of the process.

Who holds one finds the lake in this program's layout: an older one is migrated first, a newer one refused.

``flock`` is let go by the kernel however the process ends, so a killed run never blocks the next one. A lake on a store
has leases that are renewed instead (:mod:`.store_lease`). Behind both stands the transaction in every Delta commit: a
second writer would waste work, but double nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import IO, Any

from clickstream_platform.errors import TableBusyError
from clickstream_platform.store.place import is_on_store
from clickstream_platform.store.proof import require_conditional_put
from clickstream_platform.streaming.lake import layout
from clickstream_platform.streaming.lake.migrations import migrate
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.store_lease import hold_on_store, holder_on_store, is_free_on_store


@contextmanager
def lease(
    lake: Lake,
    table: str,
    run_id: str,
    *,
    trigger: str | None = None,
    patience: timedelta = timedelta(0),
    finishing: str = "",
) -> Generator[None]:
    """Hold the lease of a table, for the duration of the block.

    Args:
        lake: where the table lies.
        table: its name.
        run_id: who asks.
        trigger: the name of its query's trigger, for who looks at it.
        patience: how long to wait for a run of this host to end.
        finishing: a command that may find itself stopped in its middle, and goes on.

    Raises:
        TableBusyError: another run holds it, or one of another host has left it behind; names its pid and host.
        SetupError: the lake begins on a store that keeps nobody from overwriting others.
        LayoutError: the lake is newer than this program, or in the middle of a command that changes it as a whole.
    """
    if not _is_current_layout(lake, finishing):
        _migrate(lake, run_id)
    with _hold(lake, table, run_id, trigger=trigger, patience=patience):
        layout.require_layout(lake, finishing)  # it may have waited for the very command that changed it
        yield


def _is_seen_free(lake: Lake, table: str) -> bool:
    """Whether one look tells that nobody holds the lease of a table of a lake that needs no migration, or has none.

    On a store to take it and let it go is four requests; in a folder it leaves a file, and there may be no lake yet.
    False says nothing. Raises a LayoutError.
    """
    path = lake.checkpoints(table) / "lease"
    if is_on_store(path):
        return _is_current_layout(lake) and is_free_on_store(path)
    return (_is_current_layout(lake) or not (lake.root / "_checkpoints").exists()) and not path.exists()


def _is_current_layout(lake: Lake, finishing: str = "") -> bool:
    """Whether there is a lake of this program's layout. One without the file that says so has the first layout."""
    now = layout.require_layout(lake, finishing)
    return now.is_begun and now.version == layout.VERSION


def _migrate(lake: Lake, run_id: str) -> None:
    """Bring the lake to this program's layout, once no run of an older one is on. Whether its store may have it first.

    Raises:
        SetupError: its store lets two writers win where one may.
    """
    if is_on_store(lake.root):
        require_conditional_put(lake.root)
    with ExitStack() as leases:
        for folder in sorted((lake.root / "_checkpoints").glob("*")):
            leases.enter_context(_hold(lake, folder.name, run_id, patience=SOON))
        if not migrate(lake):  # it begins, or another process has migrated it meanwhile
            layout.write_layout(lake, layout.Layout(layout.VERSION))


@contextmanager
def _hold(
    lake: Lake,
    table: str,
    run_id: str,
    *,
    trigger: str | None = None,
    patience: timedelta = timedelta(0),
) -> Generator[None]:
    folder = lake.checkpoints(table)
    if is_on_store(folder) and is_on_store(lake.root):
        details = {"run_id": run_id, "trigger": trigger}
        with hold_on_store(folder / "lease", lake.root, table, details, max(patience, GLANCE)):
            yield
        return
    assert not is_on_store(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lease").open("a+") as file:
        deadline = time.monotonic() + max(patience, GLANCE).total_seconds()
        while not _try_lock(file) and time.monotonic() < deadline:
            time.sleep(0.1)
        _take(file, table)
        holder = {"run_id": run_id, "pid": os.getpid(), "host": socket.gethostname()}
        _write(file, json.dumps({**holder, "trigger": trigger}))
        try:
            yield
        finally:
            _write(file, "")


def holder_trigger(lake: Lake, table: str) -> str | None:
    """The trigger of the query that holds a table now; None if it is free, or held without one."""
    path = lake.checkpoints(table) / "lease"
    if is_on_store(path):
        return holder_on_store(path).get("trigger")
    if not path.exists():
        return None
    with path.open() as file:  # what a process left behind that was killed says nothing: only the lock does
        return None if _try_lock(file) else _holder(file).get("trigger")


LOOKS = "glance"  # the run id of who only looks whether a table is held
GLANCE = timedelta(milliseconds=200)  # whoever only looks whether it is held has it for less than that
SOON = timedelta(seconds=10)  # longer than a migration
PATIENCE = timedelta(minutes=10)  # longer than a usual run


def require_free(names: Iterable[str], lake: Lake) -> None:
    """Refuse tables of which one is held by another run.

    Raises:
        TableBusyError: names the run, its pid and its host.
    """
    for name in names:
        if not _is_seen_free(lake, name):
            with lease(lake, name, LOOKS):
                pass


def free_left_behind(names: Iterable[str], lake: Lake) -> None:
    """Free the leases of tables that another host has left behind; of a lake to be migrated, those of all its tables.

    To be called only for a person who knows that the processes there have ended: this host cannot tell. A lease that a
    process of this host holds stays with it. On a store there is nothing to do: such a lease runs out by itself.

    Raises:
        LayoutError: the lake is newer than this program, or in the middle of a command that changes it as a whole.
    """
    if is_on_store(lake.root):
        return
    of_all = {path.name for path in (lake.root / "_checkpoints").glob("*")} if not _is_current_layout(lake) else ()
    for name in {*names, *of_all}:
        path = lake.checkpoints(name) / "lease"
        assert not is_on_store(path)
        if path.exists():
            with path.open("a+") as file:
                if _try_lock(file):
                    _write(file, "")


@contextmanager
def lease_all(tables: Iterable[str], lake: Lake, run_id: str, *, finishing: str = "") -> Generator[None]:
    """Hold the leases of several tables, waiting up to :data:`PATIENCE` for each."""
    with ExitStack() as leases:
        for table in tables:
            leases.enter_context(lease(lake, table, run_id, patience=PATIENCE, finishing=finishing))
        yield


def _try_lock(file: IO[str]) -> bool:
    """Lock the file, unless another process has; locked once, it stays so until it is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _take(file: IO[str], table: str) -> None:
    if not _try_lock(file):
        holder = _holder(file)
        finding = f"run {holder.get('run_id')} holds it (pid {holder.get('pid')} on {holder.get('host')})"
        raise TableBusyError(table, finding, "wait for that run to end, or stop it")
    holder = _holder(file)
    if holder.get("host", socket.gethostname()) != socket.gethostname():
        finding = f"host {holder['host']} left its lease behind (run {holder.get('run_id')}, pid {holder.get('pid')})"
        raise TableBusyError(table, finding, "make sure that run has ended, then use --take-over")


def _holder(file: IO[str]) -> dict[str, Any]:
    file.seek(0)
    return json.loads(file.read() or "{}")


def _write(file: IO[str], text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()
