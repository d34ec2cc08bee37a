"""A count of simulated records by other means than the simulator's."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from clickstream_platform.simulator.expected import Truth
from clickstream_platform.simulator.simulation import Shares

UTC = timezone.utc


NONE_OF_IT = Shares(0, 0, 0, 0, 0, 0, 0, 0)


MUCH_OF_IT = Shares(
    late=0.3, duplicate=0.2, malformed=0.2, future=0.1, too_large=0.001, no_session=0.5, no_event_id=0.3
)


Json = dict[str, Any]


def lines_of(paths: Iterable[Path]) -> list[bytes]:
    contents = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in paths)
    return [line for content in contents for line in content.split(b"\n")[:-1]]


def parsed(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def reason_against(line: bytes) -> str | None:
    """Judge one line, knowing only the wire schema."""
    if len(line) > 1_000_000:
        return "too_large"
    try:
        event = json.loads(line)
    except ValueError:
        return "malformed_json"
    if not isinstance(event, dict):
        return "not_an_object"
    record: Json = event
    for name in ("user_id", "timestamp"):
        if record.get(name) is None:
            return f"missing_{name}"
    at = parsed(record["timestamp"])
    if at is None:
        return "bad_timestamp"
    if at > datetime.now(UTC) + timedelta(hours=1):
        return "future_timestamp"
    return None if record["event_type"] in ("click", "page_view", "purchase") else "unknown_event_type"


def recount(lines: list[bytes]) -> Truth:
    """The truth once more, from nothing but the bytes, by definition rather than by algorithm."""
    reasons = Counter(reason for line in lines if (reason := reason_against(line)))
    good: list[Json] = [json.loads(line) for line in lines if not reason_against(line)]
    events, conflicting = dict[object, Json](), 0
    for n, e in enumerate(good):
        kept = events.setdefault((e.get("event_id") or n, e["timestamp"]), e)
        conflicting += kept != e
    times: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)
    windows: defaultdict[tuple[str, str, str, int], list[str]] = defaultdict(list)
    sliding = set[tuple[str, datetime]]()
    for e in events.values():
        at = parsed(e["timestamp"])
        assert at is not None
        times[e["user_id"], str(e["session_id"])].append(at)
        minute = at.replace(second=0, microsecond=0)
        sliding |= {(e["user_id"], minute - timedelta(minutes=before)) for before in range(5)}
        windows[e["user_id"], str(e["session_id"]), f"{at:%F %H}", at.minute // 5].append(e["event_type"])
    half_an_hour = timedelta(minutes=30)
    first_of_session = [
        at
        for together in times.values()
        for at in set(together)
        if not any(timedelta(0) < at - other < half_an_hour for other in together)
    ]
    return Truth(
        records=len(lines),
        accepted=len(events),
        duplicates=len(good) - len(events) - conflicting,
        quarantined=dict(reasons) | ({"conflicting_duplicate": conflicting} if conflicting else {}),
        sessions=len(first_of_session),
        purchases=sum(e["event_type"] == "purchase" for e in events.values()),
        activity_windows=len(windows),
        sliding_windows=len(sliding),
        purchase_alerts=sum(types.count("purchase") > 5 for types in windows.values()),
        event_alerts=sum(len(types) > 100 for types in windows.values()),
    )
