"""Simulated records as files of a landing folder: in arrivals, or one after another as in life."""

from __future__ import annotations

import hashlib
import heapq
import itertools
import math
import time
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random

from clickstream_platform.errors import SettingsError
from clickstream_platform.simulator.expected import SimulatedRecord, Simulation
from clickstream_platform.simulator.simulation import Shares, Shop, milliseconds
from clickstream_platform.simulator.visitors import Journey

LIVE_VISITORS = 5_000


TICK = timedelta(seconds=1)  # of the live feed: one file each


def write_landing(
    folder: Path, simulation: Simulation, *, arrivals: int = 2, files_per_arrival: int = 4, gzip_every: int = 0
) -> list[Path]:
    """Write all arrivals, as ``write_arrival`` does."""
    return [
        path
        for number in range(1, arrivals + 1)
        for path in write_arrival(
            folder, simulation, number, arrivals=arrivals, files_per_arrival=files_per_arrival, gzip_every=gzip_every
        )
    ]


def write_arrival(
    folder: Path,
    simulation: Simulation,
    number: int,
    *,
    arrivals: int = 2,
    files_per_arrival: int = 4,
    gzip_every: int = 0,
) -> list[Path]:
    """Write one of ``arrivals`` parts as newline-delimited JSON, every ``gzip_every``-th file compressed (0: none).

    Each file is renamed into place when it is whole. Its name has a digest of its records, so a name never stands for
    other records, and a file that is there already stays untouched: a second call changes nothing. Another way of
    cutting the same simulation gives other files, which deliver every record once more.

    Returns:
        The files of this part, in the order of arrival, written now or before. None is empty.

    Raises:
        SettingsError: there is no such part, or no file to write it to.
    """
    records = simulation.arrival(number, arrivals=arrivals)
    if files_per_arrival < 1 or gzip_every < 0:
        finding = f"{files_per_arrival} files an arrival, every {gzip_every}th compressed"
        raise SettingsError("simulate", finding, "choose 1 file or more, and for the second 0 or more")
    paths: list[Path] = []
    for file in range(files_per_arrival):
        part = records[len(records) * file // files_per_arrival : len(records) * (file + 1) // files_per_arrival]
        if not part:
            continue
        content = b"".join(record.line + b"\n" for record in part)
        name = f"events-{simulation.seed}-{number:02d}-{file + 1:03d}-{hashlib.sha256(content).hexdigest()[:8]}.json"
        if gzip_every and (file + 1) % gzip_every == 0:
            name, content = f"{name}.gz", _gzip(content)
        paths.append(_land(folder / name, content))
    return paths


def _gzip(content: bytes) -> bytes:
    """Compress without a time. ``gzip.compress`` writes another header in each version of Python."""
    packer = zlib.compressobj(wbits=31)  # 31: a gzip header and the largest window
    return packer.compress(content) + packer.flush()


def _land(path: Path, content: bytes) -> Path:
    """Put a whole file in place, or leave the one that is there and the same."""
    if not (path.exists() and path.read_bytes() == content):
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden = path.with_name(f".{path.name}")
        hidden.write_bytes(content)
        hidden.replace(path)
    return path


def land_live(
    folder: Path,
    rate_per_second: float,
    seed: int,
    *,
    duration: timedelta | None = None,
    shares: Shares | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Write what visitors do now into a landing folder, one file a second, renamed into place when whole.

    Otherwise as :func:`deliver_live`.
    """

    def land(at: datetime, lines: list[bytes]) -> None:
        _land(folder / f"live-{seed}-{milliseconds(at)}.json", b"".join(line + b"\n" for line in lines))

    return deliver_live(land, rate_per_second, seed, duration=duration, shares=shares, now=now, sleep=sleep)


def require_rate(per_second: float) -> None:
    """Refuse a rate of a live feed that is none.

    Raises:
        SettingsError: it is not above 0, or no number.
    """
    if not 0 < per_second < math.inf:
        raise SettingsError("--rate", f"{per_second:g} records a second", "choose more than 0")


def deliver_live(
    deliver: Callable[[datetime, list[bytes]], object],
    rate_per_second: float,
    seed: int,
    *,
    duration: timedelta | None = None,
    shares: Shares | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Deliver what visitors do now, once a second, until ``duration`` is over or ``sleep`` raises.

    The faults are those of ``simulate``; what is late arrives now and is dated back. Where delivering is slower than
    the rate, the rate falls. The same seed and clock give the same bytes.

    Returns:
        How many records were delivered. There is no truth about them.

    Raises:
        SettingsError: the rate is not above 0.
    """
    require_rate(rate_per_second)
    visitors = _Feed(Shop(Random(f"{seed} {now()}"), shares or Shares(), LIVE_VISITORS))
    started, written = now(), 0
    for tick in itertools.count():
        at = now()
        if duration is not None and at - started >= duration:
            break
        lines = visitors.due(milliseconds(at), int((tick + 1) * rate_per_second) - int(tick * rate_per_second))
        if lines:
            deliver(at, lines)
        written += len(lines)
        sleep(max(0.0, (TICK - (now() - at)).total_seconds()))
    return written


class _Feed:
    """The journeys under way and the copies under way: what ``live`` remembers between two files."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._visits: list[tuple[int, int, Journey]] = []  # heap: when the next action is due, a tie-breaker
        self._copies: list[SimulatedRecord] = []  # heap by arrival
        self._serial = itertools.count()

    def due(self, now: int, count: int) -> list[bytes]:
        """Exactly ``count`` records: copies that arrive, then visitors whose pause is over, then new visitors."""
        lines: list[bytes] = []
        while len(lines) < count:
            if self._copies and self._copies[0].arrival <= now:
                lines.append(heapq.heappop(self._copies).line)
            else:
                lines += self._act(now)
        return lines

    def _act(self, now: int) -> list[bytes]:
        """Let one visitor act. Nothing comes of it when the journey is over."""
        is_ready = bool(self._visits) and self._visits[0][0] <= now
        journey = heapq.heappop(self._visits)[2] if is_ready else self._shop.journey()
        for action, pause in itertools.islice(journey.actions, 1):
            heapq.heappush(self._visits, (now + pause, next(self._serial), journey))
            original, *copies = self._shop.records(journey, action, now - self._shop.lateness(), now)
            for copy in copies:
                heapq.heappush(self._copies, copy)
            return [original.line]
        return []
