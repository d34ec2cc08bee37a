"""The outbox: which alert still has to be told to which channel. One SQLite file in the lake, ``_outbox.sqlite``.

On a store it is fetched for each change, and put back if it is still as it was fetched; if not, it is changed anew.

It says what was announced, not what is true: that is in the table. An alert is written here, durably, before the batch
that brings it is committed. A batch that was killed in between announces it again, under the same key, so it is here
once. Without the file, only what was not delivered yet is lost.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from clickstream_platform.errors import DeliveryError
from clickstream_platform.store.compare_and_swap import ContendedError, update_object
from clickstream_platform.store.place import Place, StorePath, is_on_store
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.wording import iso

KEPT = timedelta(days=30)  # as long as Delta keeps the log: a delivery is known, and not repeated, until then
LOCKED = 10.0  # seconds to wait for another process that writes
T = TypeVar("T")

SCHEMA = """
CREATE TABLE IF NOT EXISTS delivery (
    channel      TEXT NOT NULL,
    key          TEXT NOT NULL,
    source       TEXT NOT NULL,
    alert        TEXT NOT NULL,
    noted_ms     INTEGER NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    tried_ms     INTEGER,
    problem      TEXT,
    delivered_ms INTEGER,
    PRIMARY KEY (channel, key)
) WITHOUT ROWID
"""


@dataclass(frozen=True)
class Alert:
    """A new row of a table that announces them.

    Attributes:
        key: the same for the same row of the same table, always and everywhere: derived from the table's key.
        table: the table's name.
        row: its values as JSON knows them, times as ISO 8601 in UTC.
    """

    key: str
    table: str
    row: dict[str, Any]


@dataclass(frozen=True)
class ChannelStatus:
    """How one channel stands.

    Attributes:
        channel: its name.
        delivered: alerts delivered in the last 30 days.
        waiting: alerts not delivered yet; the next run tries again.
        problem: what the newest attempt failed of; None if nothing waits or none was made.
        tried_at: when that was (ISO 8601, UTC).
    """

    channel: str
    delivered: int
    waiting: int
    problem: str | None
    tried_at: str | None


def alerts_of(table: StreamingTable, rows: Iterable[dict[str, Any]]) -> list[Alert]:
    """Rows as a run hands them over, as alerts."""
    keys = table.sink.keys or tuple(column.name for column in table.columns)
    plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
    return [Alert(_digest([table.name, *(row[name] for name in keys)]), table.name, row) for row in plain]


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return _moment(value)
    return value.isoformat() if isinstance(value, date) else value


def _moment(value: datetime) -> str:
    """Spark hands a time over without a zone, in this machine's."""
    try:
        return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):  # at either end of what a datetime can say
        return value.isoformat()


@dataclass(frozen=True)
class Outbox:
    """The outbox of a lake. The file is made with the first alert."""

    path: Place

    @classmethod
    def of(cls, lake: Lake) -> Outbox:
        """The outbox beside the tables."""
        return cls(lake.root / "_outbox.sqlite")

    def note(self, alerts: Iterable[Alert], channels: Iterable[str]) -> None:
        """Write down, durably, that these alerts have to be told to these channels. Known ones stay as they are.

        Raises:
            DeliveryError: it cannot be written.
        """
        now, named = _now_ms(), list(channels)
        rows = [(c, a.key, a.table, json.dumps(a.row), now) for a in alerts for c in named]
        if not rows:
            return
        insert = "INSERT OR IGNORE INTO delivery (channel, key, source, alert, noted_ms) VALUES (?, ?, ?, ?, ?)"
        self._do(lambda db: db.executemany(insert, rows))

    def waiting(self, channel: str, limit: int) -> list[Alert]:
        """Alerts not delivered yet: those tried least come first, so that one that is refused holds up no other."""
        order = "ORDER BY attempts, noted_ms, key LIMIT ?"
        query = f"SELECT key, source, alert FROM delivery WHERE channel = ? AND delivered_ms IS NULL {order}"
        if not self.path.exists():
            return []
        rows = self._do(lambda db: db.execute(query, (channel, limit)).fetchall())
        return [Alert(key, source, json.loads(row)) for key, source, row in rows]

    def tried(self, channel: str, alert: Alert, problem: str | None) -> None:
        """Write down what became of an attempt: None if the alert was delivered."""
        now = _now_ms()
        update = "UPDATE delivery SET attempts = attempts + 1, tried_ms = ?, problem = ?, delivered_ms = ?"
        values = (now, problem, None if problem else now, channel, alert.key)
        self._do(lambda db: db.execute(f"{update} WHERE channel = ? AND key = ?", values))

    def forget(self) -> None:
        """Forget deliveries of long ago. What was not delivered is never forgotten."""
        if self.path.exists():
            before = _now_ms() - KEPT // timedelta(milliseconds=1)
            self._do(lambda db: db.execute("DELETE FROM delivery WHERE delivered_ms < ?", (before,)))

    def erase(self, user_id: str) -> None:
        """Delete every alert about a person, delivered or not, and overwrite where it was in the file."""

        def delete(db: sqlite3.Connection) -> None:
            db.execute("PRAGMA secure_delete = ON")
            db.execute("DELETE FROM delivery WHERE json_extract(alert, '$.user_id') = ?", (user_id,))

        if self.path.exists():
            self._do(delete)

    def status(self) -> tuple[ChannelStatus, ...]:
        """How every channel stands that ever had an alert."""
        if not self.path.exists():
            return ()
        newest_failure = "max(CASE WHEN delivered_ms IS NULL THEN tried_ms END)"
        query = (
            f"SELECT channel, count(delivered_ms), count(*) - count(delivered_ms), {newest_failure} AS tried,"
            " (SELECT problem FROM delivery d WHERE d.channel = delivery.channel AND d.delivered_ms IS NULL"
            " ORDER BY tried_ms DESC LIMIT 1) FROM delivery GROUP BY channel ORDER BY channel"
        )
        rows = self._do(lambda db: db.execute(query).fetchall())
        return tuple(
            ChannelStatus(channel, delivered, waiting, problem, None if tried is None else iso(tried, "seconds"))
            for channel, delivered, waiting, tried, problem in rows
        )

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do it in one transaction: on disk when it ends well, undone otherwise. On a store, more than once maybe."""
        try:
            if is_on_store(self.path):
                return _change_copy(self.path, work)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return _at(self.path, work)
        except ContendedError as failed:
            raise DeliveryError(str(self.path), str(failed), "run it again when they have ended") from failed
        except (sqlite3.Error, OSError) as failed:
            remedy = "free the disk, or move the file away: only what is not delivered yet is lost with it"
            raise DeliveryError(str(self.path), f"the outbox cannot be used ({failed})", remedy) from failed


def _at(path: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    with closing(sqlite3.connect(path, timeout=LOCKED)) as db, db:
        db.execute(SCHEMA)
        return work(db)


def _change_copy(path: StorePath, work: Callable[[sqlite3.Connection], T]) -> T:
    """Do it to a copy of the object, and put that back if nobody else has changed it meanwhile."""
    with TemporaryDirectory(prefix="outbox-") as folder:
        copy = Path(folder, "outbox.sqlite")

        def done(content: bytes | None) -> tuple[bytes, T]:
            copy.write_bytes(content or b"")
            result = _at(copy, work)
            return copy.read_bytes(), result

        return update_object(path, done)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
