"""Delta tables as this process has them open: one handle a table, shown to be at the newest version before it answers.

An open reads the whole log since its last checkpoint, and a run asks each table some two dozen questions. So the handle
is kept and brought forward. Before it answers there is a look that would have found whatever else is there:

- The commit that it is at must be the very file that it was, and none may come after it. In a folder that is three
  looks at names, on a store one list of what the log has from that commit on. A newer commit brings the handle forward.
  Another file under that name, or none, is another table (restored, made anew) or a log that was cleaned: it is opened
  anew.
- Only on a store, and only while this process surely has the table's lease, a handle that was looked at under that
  lease answers without another look: nobody else writes then. What writes in this process by other means says so
  (:func:`require_fresh_look`), as Spark does with large batches. A version that is known needs no look while any
  lease of the lake is held: to replace a table takes all of them.
- A commit looks in any case, whatever lease there is (:func:`open_for_commit`): one on a store may be lost unnoticed.

What is known of a handle goes with its version. A handle is lent for one question at a time, as it moves.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock, RLock
from typing import Any, TypeVar, cast

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from clickstream_platform.errors import DamageError
from clickstream_platform.store.objects import etags_from
from clickstream_platform.store.place import Place, is_on_store
from clickstream_platform.streaming.lake.delta import open_table
from clickstream_platform.streaming.lake.store_lease import awake_seconds, held_lease_id, require_held

MOST = 64  # tables whose handles are kept; a lake has a dozen
AT_ONCE = 5.0  # seconds: a table that took longer to open may have been replaced meanwhile, and is not kept
_COMMIT = re.compile(r"(\d{20})\.json")
_POINTER = "_last_checkpoint"
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class LogState:
    """The files of a table's log from a version on, each with its identity (inode, time and size, or ETag)."""

    commits: Mapping[int, Hashable]
    pointer: Hashable  # to the last checkpoint: older commits than that may be gone

    @classmethod
    def read(cls, path: Place, version: int) -> LogState:
        """Read the state of the log as it is now."""
        folder = path / "_delta_log"
        if is_on_store(folder):
            tags = {name: tag for name, tag in etags_from(folder, commit_name(version)).items() if tag}
            commits = {int(name[1]): tag for text, tag in tags.items() if (name := _COMMIT.fullmatch(text))}
            return cls(commits, tags.get(_POINTER))
        pointer, signs = _file_identity(folder / _POINTER), dict[int, Hashable]()
        while (sign := _file_identity(folder / commit_name(version))) is not None:
            signs[version] = sign
            version += 1
        return cls(signs, pointer)


def commit_name(version: int) -> str:
    """The name of a commit's file."""
    return f"{version:020d}.json"


def _file_identity(file: Place) -> Hashable:
    assert not is_on_store(file)
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


@dataclass
class Handle:
    """An open table, and what is known of the version that it is at.

    Attributes:
        path: the table.
        table: as delta-rs has it open.
        commit: what tells its newest commit from any other of that number; None if it is not known.
        pointer: the same of what its log says of the last checkpoint.
        lease: the lease under which that was looked at; empty for none.
    """

    path: Place
    table: DeltaTable
    commit: Hashable = None
    pointer: Hashable = None
    lease: str = ""
    _known: dict[Hashable, Any] = field(default_factory=dict[Hashable, Any])

    def cached(self, what: Hashable, ask: Callable[[], Answer]) -> Answer:
        """The answer for the handle's version: the cached one, or the one that ``ask`` gives now."""
        if what not in self._known:
            self._known[what] = ask()
        return cast("Answer", self._known[what])

    def transaction(self, app_id: str) -> int | None:
        """The last batch id that was committed under this application id; None if none was.

        The newest commit says it, as a rule. Otherwise delta-rs looks for it in all of the log since the checkpoint.
        """
        newest = next((each["txn"] for each in self.actions() if each.get("txn", {}).get("appId") == app_id), None)
        if newest is not None:
            return newest["version"]
        return self.cached(("transaction", app_id), lambda: self.table.transaction_version(app_id))

    def info(self) -> dict[str, Any] | None:
        """What the newest commit says of itself; None if its log is gone."""
        actions = self.actions()
        return next((each["commitInfo"] for each in actions if "commitInfo" in each), {}) if actions else None

    def actions(self) -> list[dict[str, Any]]:
        """What the newest commit says of itself, and its transactions; nothing if its log is gone."""
        return self.cached("actions", self._actions)

    def _actions(self) -> list[dict[str, Any]]:
        try:
            text = (self.path / "_delta_log" / commit_name(self.table.version())).read_text()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines() if line.startswith(('{"commitInfo"', '{"txn"'))]

    def note_log_state(self, log: LogState, lease: str) -> None:
        """Take over the state of the log that was just read, and forget all answers cached so far."""
        self._known.clear()
        self.commit, self.pointer, self.lease = log.commits.get(self.table.version()), log.pointer, lease


@dataclass
class _Slot:
    """Holds the handle of one table; used by one thread at a time."""

    path: Place
    turn: RLock = field(default_factory=RLock)
    handle: Handle | None = None
    older: DeltaTable | None = None  # at another version, of the same table

    def newest(self, *, surely: bool = False) -> Handle:
        """The handle at the newest version. Raises a TableNotFoundError.

        Args:
            surely: look, whatever lease there is.
        """
        lease = held_lease_id(self.path.parent, self.path.name)
        if self.handle and (surely or not lease or self.handle.lease != lease):
            self._bring_forward(self.handle, lease)
        if self.handle is None:
            begun = awake_seconds()
            handle = Handle(self.path, open_table(self.path))
            handle.note_log_state(LogState.read(self.path, handle.table.version()), lease)
            if awake_seconds() - begun > AT_ONCE:
                return handle
            self.handle = handle
        return self.handle

    def _bring_forward(self, handle: Handle, lease: str) -> None:
        version = handle.table.version()
        log = LogState.read(self.path, version)
        if handle.commit is None or log.commits.get(version) != handle.commit:
            self.forget()
        elif max(log.commits) == version and log.pointer == handle.pointer:
            handle.lease = lease
        elif version + 1 in log.commits:
            self._move(handle, log, lease)
        else:
            self.forget()

    def _move(self, handle: Handle, log: LogState, lease: str) -> None:
        try:
            handle.table.update_incremental()
        except DeltaError:  # its log was cleaned meanwhile
            self.forget()
            return
        if handle.table.version() not in log.commits:  # one that came after the look
            log = LogState.read(self.path, handle.table.version())
        handle.note_log_state(log, lease)

    def at_version(self, version: int) -> DeltaTable:
        """The table at a version."""
        if held_lease_id(self.path.parent) and (known := self._known_at(version)):
            return known  # while any table of the lake is held, none is replaced
        self.newest()
        if known := self._known_at(version):
            return known
        self.older = open_table(self.path, version)
        return self.older

    def _known_at(self, version: int) -> DeltaTable | None:
        known = (self.handle.table if self.handle else None, self.older)
        return next((table for table in known if table and table.version() == version), None)

    def forget(self) -> None:
        """Drop the handle, so that the next question opens the table anew."""
        self.handle = self.older = None


_SLOTS: OrderedDict[Place, _Slot] = OrderedDict()
_SLOTS_TURN = Lock()


def _slot(path: Place) -> _Slot:
    path = path.absolute()
    with _SLOTS_TURN:
        slot = _SLOTS.setdefault(path, _Slot(path))
        _SLOTS.move_to_end(path)
        while len(_SLOTS) > MOST:
            _SLOTS.popitem(last=False)
        return slot


@contextmanager
def newest_handle(path: Place) -> Generator[Handle | None]:
    """A table's handle at the newest version, for the block; None if there is no table. Do not keep the handle."""
    slot = _slot(path)
    with slot.turn:
        try:
            handle = slot.newest()
        except TableNotFoundError:
            handle = None
        yield handle


def is_known(path: Place) -> bool:
    """Whether there surely is a table, as far as its handle tells: not of one whose log is damaged. Opens none."""
    slot = _slot(path)
    with slot.turn:
        try:
            return bool(slot.handle and slot.newest())
        except (TableNotFoundError, DamageError):
            return False


@contextmanager
def table_at_version(path: Place, version: int | None = None) -> Generator[DeltaTable]:
    """A table at a version, or at its newest, for the block.

    Raises:
        TableNotFoundError: there is no table.
        DamageError: its log cannot be read, or it no longer has such a version.
    """
    slot = _slot(path)
    with slot.turn:
        yield slot.newest().table if version is None else slot.at_version(version)


@contextmanager
def open_for_commit(path: Place) -> Generator[Handle]:
    """A table's handle at the newest version, to commit with in the block. The caller holds the table's lease.

    Meanwhile nobody else has the handle, which moves with the commit. After an error it is not used again.

    Raises what :func:`.store_lease.require_held` does, if the lease is lost.
    """
    require_held(path.parent)
    slot = _slot(path)
    with slot.turn:
        handle = slot.newest(surely=True)
        slot.handle = None
    before = handle.table.version()
    yield handle
    with slot.turn:
        if handle.table.version() == before:
            handle.lease = ""  # what the block did may not show
        else:
            handle.note_log_state(
                LogState.read(slot.path, handle.table.version()), held_lease_id(path.parent, path.name)
            )
        if slot.handle is None or slot.handle.table.version() < handle.table.version():
            slot.handle = handle


def require_fresh_look(path: Place) -> None:
    """Tell that a table was changed other than through its handle, so that the next question reads the log first."""
    slot = _slot(path)
    with slot.turn:
        if slot.handle:
            slot.handle.lease = ""
