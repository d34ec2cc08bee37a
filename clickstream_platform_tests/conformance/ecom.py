"""The rows of an online shop, as a producer of this platform would send them.

| column of ``ecom.csv.gz`` | field of the wire event |
|---|---|
| ``user_id``, ``session_id`` | the same |
| ``event`` | ``event_type``: ``purchase`` is one, ``add_to_cart`` and ``wishlist_add`` are clicks, others page views |
| ``event`` | ``page_url``: ``/`` and the event's name, so that the 19 kinds of event stay told apart |
| ``timestamp`` | the same; it names no zone, so it is UTC |
| ``platform`` | ``device_type`` |
| ``acquisition_channel``, ``user_cohort``, ``user_lifecycle`` | the same: unknown fields, kept in ``extra`` |

There is no ``event_id``, so nothing is a duplicate: the 30 rows that are there twice are 60 events.
"""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

ROWS = Path(__file__).parent / "data" / "retentioneering" / "ecom.csv.gz"

CLICKS = ("add_to_cart", "wishlist_add")
UNKNOWN_FIELDS = ("acquisition_channel", "user_cohort", "user_lifecycle")


def rows() -> list[dict[str, str]]:
    """The rows in the order of the file: one user after another, each from January to June."""
    with gzip.open(ROWS, "rt", newline="") as file:
        return list(csv.DictReader(file))


def wire_event(row: dict[str, str]) -> dict[str, str]:
    """What a producer would send for a row."""
    return {
        "user_id": row["user_id"],
        "session_id": row["session_id"],
        "event_type": _event_type(row["event"]),
        "page_url": f"/{row['event']}",
        "timestamp": row["timestamp"],
        "device_type": row["platform"],
        **{name: row[name] for name in UNKNOWN_FIELDS},
    }


def _event_type(event: str) -> str:
    if event == "purchase":
        return "purchase"
    return "click" if event in CLICKS else "page_view"
