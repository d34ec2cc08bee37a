"""One writer a table, on an object store: a lease that its holder renews, and that another takes over if it does not.

The lease is an object. Every change of it is a PUT on condition that it is still as it was read. It has run out when it
has not changed for :data:`TTL` by the clock of who watches it: no two clocks are ever compared. Its fence number only
grows. A holder that was stopped, or cut off from the store, may come back when another has it. So it asks
(:func:`require_held`) before whatever it does to the lake; what is on its way meanwhile, the transaction in every Delta
commit and Spark's put-if-absent keep from doing harm.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from threading import Event, Lock, Thread
from typing import Any

from clickstream_platform.errors import ClickstreamError, TableBusyError
from clickstream_platform.store.place import Place, StorePath, is_on_store
from clickstream_platform.streaming.lake.processes import is_process_alive, this_process

log = logging.getLogger(__name__)

TTL = timedelta(seconds=30)  # a store that is away for less takes no lease from anybody
LOOKS = 20  # how often who watches looks in that time
RENEWALS = 4  # how often who holds renews in it
FRESH = 0.7  # of that time: who has not renewed for longer makes sure before it goes on


@dataclass(eq=False)
class StoreLease:
    """A lease that this process holds, or has lost.

    Attributes:
        path: the object.
        table: the table.
        holder: what the object says of its holder.
        tag: of the object as it was last written.
        renewed: when that was begun, by :func:`awake_seconds`.
        ttl: how long it lasts without being renewed, in seconds.
    """

    path: StorePath
    table: str
    holder: dict[str, Any]
    tag: str
    renewed: float
    ttl: float
    is_lost: bool = False
    _turn: Lock = field(default_factory=Lock)
    _ended: Event = field(default_factory=Event)

    @property
    def is_sure(self) -> bool:
        """Whether nobody else can have it now: it was renewed a short while ago."""
        return not self.is_lost and awake_seconds() - self.renewed <= self.ttl * FRESH

    def require(self) -> None:
        """Make sure that this process still holds the lease.

        Raises:
            TableBusyError: another has taken it over.
            UnreachableError: the store does not say.
        """
        if not self.is_lost and not self.is_sure:
            self.renew()
        if self.is_lost:
            finding = f"this run was away for longer than its lease lasts ({self.ttl:.0f} s), and another took it over"
            raise TableBusyError(self.table, finding, "nothing more is written by this run; what is committed stays")

    def renew(self) -> None:
        """Renew the lease, or find out that it is lost. Raises an UnreachableError."""
        with self._turn:
            begun = awake_seconds()
            tag = self.path.write_if(self.tag, _lease_content(self.holder))
            if tag is None and (there := self.path.read_with_tag()) and json.loads(there[0])["id"] == self.holder["id"]:
                # The answer to an earlier renewal was lost: what is there is its own.
                tag = self.path.write_if(there[1], _lease_content(self.holder))
            if tag is None:
                self.is_lost = True
            else:
                self.tag, self.renewed = tag, begun

    def keep_renewed(self) -> None:
        """Renew the lease until it is released or lost."""
        while not self._ended.wait(self.ttl / RENEWALS) and not self.is_lost:
            try:
                self.renew()
            except ClickstreamError as refused:  # whoever needs the lease finds out whether it is lost
                log.info("%s: its lease was not renewed: %s", self.table, refused)

    def release(self) -> None:
        """Mark the lease as free. Where the store does not answer, it runs out by itself."""
        self._ended.set()
        with self._turn:
            if self.is_lost:
                return
            try:
                self.path.write_if(self.tag, _lease_content({**self.holder, "is_free": True}))
            except ClickstreamError as refused:
                log.warning("%s: its lease is left to run out, which takes %.0f s: %s", self.table, self.ttl, refused)


def awake_seconds() -> float:
    """Seconds by a clock that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@contextmanager
def hold_on_store(
    path: StorePath,
    root: StorePath,
    table: str,
    details: dict[str, Any],
    patience: timedelta,
    ttl: timedelta | None = None,
) -> Generator[StoreLease]:
    """Hold a table's lease for the duration of the block.

    Args:
        path: the object.
        root: the lake.
        table: the table's name.
        details: what the object says of who holds it, beside process and fence.
        patience: how long to wait for a holder that lives. One that does not is waited for as long as it takes.
        ttl: how long it lasts without being renewed; :data:`TTL`, if not given.

    Raises:
        TableBusyError: another run holds it; names its pid and host.
    """
    lease = _acquire(path, table, {**details, **this_process(), "id": uuid.uuid4().hex}, patience, ttl or TTL)
    keeper = Thread(target=lease.keep_renewed, name=f"lease of {table}", daemon=True)
    of_lake = _HELD.setdefault(str(root), [])
    of_lake.append(lease)
    keeper.start()
    try:
        yield lease
    finally:
        of_lake.remove(lease)
        lease.release()


def _acquire(path: StorePath, table: str, details: dict[str, Any], patience: timedelta, ttl: timedelta) -> StoreLease:
    lasts, begun = ttl.total_seconds(), awake_seconds()
    seen_tag, since, renewals = None, begun, -1  # the first look sees a change that is none
    while True:
        tag, holder = _read_lease(path)
        asked = awake_seconds()
        if tag != seen_tag or renewals < 0:
            seen_tag, since, renewals = tag, asked, renewals + 1
        alive = is_process_alive(holder)
        if tag is None or holder.get("is_free") or alive is False or asked - since > lasts:
            mine = {**details, "fence": int(holder.get("fence", 0)) + 1}
            if (new_tag := path.write_if(tag, _lease_content(mine))) is not None:
                return StoreLease(path, table, mine, new_tag, asked, lasts)
        elif (alive or renewals > 0) and asked - begun > patience.total_seconds():
            finding = f"run {holder.get('run_id')} holds it (pid {holder.get('pid')} on {holder.get('host')})"
            raise TableBusyError(table, finding, "wait for that run to end, or stop it")
        else:
            time.sleep(min(lasts / LOOKS, 1))


def _read_lease(path: StorePath) -> tuple[str | None, dict[str, Any]]:
    content_and_tag = path.read_with_tag()
    return (content_and_tag[1], json.loads(content_and_tag[0])) if content_and_tag else (None, {})


def _lease_content(holder: dict[str, Any]) -> bytes:
    """The content of the lease object; each is different, so that every renewal changes the object."""
    return json.dumps({**holder, "renewal": uuid.uuid4().hex}).encode()


_HELD: dict[str, list[StoreLease]] = {}  # by lake


def require_held(root: Place) -> None:
    """Make sure that this process has lost no lease of a lake, before it changes anything there.

    On a folder nothing has to be asked: the system ends a lease with its process, and not before.

    Raises:
        TableBusyError: it has lost one: nothing more may be written.
        UnreachableError: the store does not say.
    """
    if is_on_store(root):
        for lease in [*_HELD.get(str(root), ())]:
            lease.require()


def is_free_on_store(path: StorePath) -> bool:
    """Whether nobody has ever held a lease, or whoever did has let it go. What else it is takes more than a look."""
    tag, holder = _read_lease(path)
    return tag is None or bool(holder.get("is_free"))


def held_lease_id(root: Place, table: str = "") -> str:
    """The lease, by an id, of a table or of any, that this process has now and that nobody can have taken over.

    Asks nobody. Empty if there is none, and in a folder, where a lease is nothing that anybody else looks at.
    """
    if not is_on_store(root):
        return ""
    leases = (each for each in [*_HELD.get(str(root), ())] if table in ("", each.table) and each.is_sure)
    return next((str(each.holder["id"]) for each in leases), "")


def holder_on_store(path: StorePath) -> dict[str, Any]:
    """Who holds a lease, as far as one look tells; nothing if nobody does. For who tells it to people.

    One that was not renewed for long by this host's clock counts as left behind: that clock may be wrong.
    """
    tag, holder = _read_lease(path)
    if tag is None or holder.get("is_free") or is_process_alive(holder) is False:
        return {}
    age = datetime.now(timezone.utc) - path.changed_at()
    return {} if age > 10 * TTL else holder
