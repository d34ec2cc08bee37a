"""The ways in which a record is malformed, each by the reason for which it is rejected."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random


def _broken(event: dict[str, object], rng: Random) -> str:
    """Cut it off, send it twice in one record or as Python prints it, or let a proxy answer instead."""
    text = json.dumps(event)
    return rng.choice((text[: rng.randint(1, len(text) - 1)], text + text, str(event), "<h1>502 Bad Gateway</h1>"))


def _not_object(event: dict[str, object], rng: Random) -> str:
    return json.dumps(rng.choice(([event], [], "click", 42, True, None)))


def _without(event: dict[str, object], name: str, rng: Random) -> str:
    """Leave the field out, or make it null."""
    rest = {key: value for key, value in event.items() if key != name}
    return json.dumps(rng.choice((rest, rest | {name: None})))


BAD_TIMES = ("yesterday", "2026-02-30T10:00:00Z", "05/01/2026 10:00", "NaN")
UNKNOWN_TYPES = ("scroll", "hover", "add_to_wishlist")

MALFORMED: dict[str, Callable[[dict[str, object], Random], str]] = {
    "malformed_json": _broken,
    "not_an_object": _not_object,
    "missing_user_id": lambda event, rng: _without(event, "user_id", rng),
    "missing_timestamp": lambda event, rng: _without(event, "timestamp", rng),
    "bad_timestamp": lambda event, rng: json.dumps(event | {"timestamp": rng.choice(BAD_TIMES)}),
    "unknown_event_type": lambda event, rng: json.dumps(event | {"event_type": rng.choice(UNKNOWN_TYPES)}),
}
