"""The records that land in a life: each is a function of its key, so that what is there can be told by keys alone."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from clickstream_platform_tests.conftest import event

Key = tuple[str, datetime]  # event_id and timestamp: all else of a record follows from them
USERS = {"a": "ux", "b": "uy", "c": "uz", "d": "ux"}
KINDS_OF_RECORDS = ("click", "purchase", "like", "click", "like")


@dataclass(frozen=True)
class File:
    """What one file holds.

    Attributes:
        keys: of its records, in their order.
        together: how many of them follow each other in one envelope; 1 is none.
    """

    keys: tuple[Key, ...]
    together: int = 1

    def lines(self) -> list[dict[str, Any]]:
        """The file's lines, to be landed."""
        parts = [self.keys[i : i + self.together] for i in range(0, len(self.keys), self.together)]
        return [_enveloped(part) if self.together > 1 else record(part[0]) for part in parts]


def record(key: Key) -> dict[str, Any]:
    """The one record of a key: of any kind, of one of three users; its amount is declared by some contracts."""
    event_id, at = key
    kind = KINDS_OF_RECORDS[(7 * ord(event_id) + at.hour + at.minute + at.day) % len(KINDS_OF_RECORDS)]
    order = {"product_id": "p", "amount": "1.5", "currency": "EUR"}
    page = f"/{at.day % 2}"
    return event(USERS[event_id], at.isoformat(), event_id=event_id, event_type=kind, page_url=page, **order)


def key_of(line: dict[str, Any]) -> Key:
    """The key of a record."""
    return line["event_id"], datetime.fromisoformat(line["timestamp"])


def _enveloped(keys: Sequence[Key]) -> dict[str, Any]:
    packed = gzip.compress(json.dumps([record(key) for key in keys]).encode(), mtime=0)
    return {"session_id": "s", "batch": base64.b64encode(packed).decode()}


NOON = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)
times = st.integers(0, 120).map(lambda halves: NOON + halves * timedelta(minutes=30))
keys = st.tuples(st.sampled_from(sorted(USERS)), times)
files = st.builds(File, st.lists(keys, min_size=1, max_size=6).map(tuple), together=st.sampled_from([1, 1, 3]))
