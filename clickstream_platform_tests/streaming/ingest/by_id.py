"""Purchases that are sent with an id of their own, for tests of duplicates by ``event_id`` alone."""

from __future__ import annotations

from typing import Any

from clickstream_platform_tests.conftest import Lab, event


def sent(at: str, event_id: str = "e", user: str = "u", **fields: Any) -> dict[str, Any]:
    return event(user, at, event_id=event_id, event_type="purchase", **fields)


def times(lab: Lab) -> list[str]:
    return sorted(f"{row.event_id} {row.timestamp:%d %H:%M}" for row in lab.table("events").collect())


def rows(lab: Lab, name: str) -> list[Any]:
    found = lab.table(name)
    if name == "events":
        found = found.select("event_id", "timestamp", "user_id")
    dropped = found.drop("partition", "offset", "arrived_at")
    return sorted(dropped.collect(), key=str)
