"""What visitors of a simulated web shop do: the scenes of a journey, a crawler, a stolen card."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from random import Random
from typing import NamedTuple

CATALOGUE = tuple(f"p{number:05d}" for number in range(1, 2_001))


# The last ones are here for what they do to JSON: two bytes a letter, quotes, a backslash.
TERMS = ("running+shoes", "rain+jacket", "tent", "usb-c", "gift", "crème+brûlée", '5"+pan', "c:\\temp", "寿司")


class Action(NamedTuple):
    """One thing that a visitor does."""

    event_type: str
    wire: str  # its part of the record, already JSON


class Visitor(NamedTuple):
    """Somebody with a device of their own."""

    user_id: str
    tail: str  # device and address, already JSON
    has_session: bool
    phase: int


class Journey(NamedTuple):
    """What one visitor does under one session id."""

    visitor: Visitor
    session_id: str | None
    head: str  # user and session, already JSON
    actions: Iterator[tuple[Action, int]]  # each with the milliseconds until the next


@cache  # bounded by the catalogue
def _action(event_type: str, page_url: str, product_id: str | None = None) -> Action:
    page = json.dumps(page_url, ensure_ascii=False)
    wire = f',"event_type":"{event_type}","page_url":{page},"product_id":{json.dumps(product_id)},"timestamp":"'
    return Action(event_type, wire)


def _popular(rng: Random) -> str:
    """Zipf: the n-th product of the catalogue is wanted 1/n as often as the first."""
    return CATALOGUE[int((len(CATALOGUE) + 1) ** rng.random()) - 1]


SCENES: dict[str, Callable[[Random, str], Action]] = {
    "home": lambda rng, product: _action("page_view", "/home"),
    "banner": lambda rng, product: _action("click", "/home"),
    "search": lambda rng, product: _action("page_view", f"/search?q={rng.choice(TERMS)}"),
    "look": lambda rng, product: _action("page_view", f"/product/{product}", product),
    "pick": lambda rng, product: _action("click", f"/product/{product}", product),
    "cart": lambda rng, product: _action("page_view", "/cart"),
    "checkout": lambda rng, product: _action("page_view", "/checkout"),
    "pay": lambda rng, product: _action("purchase", "/checkout", product),
}


def _ways(**tenths: int) -> tuple[str, ...]:
    return tuple(scene for scene, count in tenths.items() for _ in range(count))


NEXT = {
    "enter": _ways(home=5, search=2, look=3),
    "home": _ways(banner=2, search=4, look=3, leave=1),
    "banner": _ways(look=8, home=2),
    "search": _ways(look=7, search=2, leave=1),
    "look": _ways(pick=4, look=3, search=1, home=1, leave=1),
    "pick": _ways(cart=3, look=6, leave=1),
    "cart": _ways(checkout=4, look=3, home=1, leave=2),
    "checkout": _ways(pay=6, cart=2, leave=2),
    "pay": _ways(pay=1, home=4, leave=5),
}


def browse(rng: Random, gap_ms: int) -> Iterator[tuple[Action, int]]:
    """One journey, seldom as far as a purchase. One pause in 150 ends the session, though not the ``session_id``."""
    product, scene = _popular(rng), NEXT["enter"][int(rng.random() * 10)]
    while scene != "leave":
        if scene == "look":
            product = _popular(rng)
        pause = rng.expovariate(1 / 25_000) if rng.random() > 1 / 150 else gap_ms / 30 * rng.uniform(31, 180)
        yield SCENES[scene](rng, product), 2_000 + int(pause)
        scene = NEXT[scene][int(rng.random() * 10)]


def crawl(rng: Random) -> Iterator[tuple[Action, int]]:
    """A bot: at least 220 pages in at most five minutes, so that one window has more than 100 however they fall."""
    for _ in range(rng.randint(220, 300)):
        yield SCENES["look"](rng, _popular(rng)), rng.randint(500, 1_000)


def stolen_card(rng: Random) -> Iterator[tuple[Action, int]]:
    """A stolen card: at least 16 purchases in at most five minutes, so that one window has more than 5."""
    for _ in range(rng.randint(16, 24)):
        yield SCENES["pay"](rng, _popular(rng)), rng.randint(4_000, 12_000)
