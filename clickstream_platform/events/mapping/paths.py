"""Where in a producer's record a value lies: paths, compiled once to functions that find it and take it out.

A path is keys with dots between them: ``context.page.url``. A key that has a dot, a bracket or a quote of its own is
written in double quotes: ``"user.id"``. ``[key=page_location]`` after a key is the first item of that list whose
``key`` is ``page_location``, as GA4 has its parameters; ``[0]`` is the first item.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple

Getter = Callable[[Any], Any]
_STEP = re.compile(
    r"""
    (?P<dot>\.)?
    (?: "(?P<quoted>(?:[^"\\]|\\.)*)"
      | (?P<bare>[^.\[\]"\s][^.\[\]"]*)
      | \[(?P<index>\d{1,6})\]
      | \[(?P<key>[^\]=\[]+)=(?P<value>[^\]]+)\]
    )
    """,
    re.VERBOSE,
)


class Key(NamedTuple):
    """A member of an object."""

    name: str

    def find(self, inside: Any) -> Any:
        """Its value; None where there is no such object."""
        return inside.get(self.name) if type(inside) is dict else None

    def drop(self, inside: Any) -> None:
        """Take the member out."""
        inside.pop(self.name, None)

    def prune(self, inside: Any) -> None:
        """Take the member out if nothing is left of it."""
        if inside[self.name] in ({}, []):
            del inside[self.name]


class Index(NamedTuple):
    """An item of a list, by its place. What is taken of it leaves the places of the others as they are."""

    place: int

    def find(self, inside: Any) -> Any:
        """The item; None where there is no such list."""
        return inside[self.place] if type(inside) is list and len(inside) > self.place else None

    def drop(self, inside: Any) -> None:
        """Leave null where it was."""
        inside[self.place] = None

    def prune(self, inside: Any) -> None:
        """Do nothing: an empty item stays, so that the others keep their places."""


class Item(NamedTuple):
    """The first item of a list whose member ``key`` is ``value``."""

    key: str
    value: str

    def find(self, inside: Any) -> Any:
        """The item; None where there is none."""
        if type(inside) is list:
            for each in inside:
                if type(each) is dict and each.get(self.key) == self.value:
                    return each
        return None

    def drop(self, inside: Any) -> None:
        """Take the item out."""
        inside.remove(self.find(inside))

    def prune(self, inside: Any) -> None:
        """Take the item out if it holds nothing but its key, and nulls."""
        item = self.find(inside)
        if all(_is_nothing(value) for name, value in item.items() if name != self.key):
            inside.remove(item)


Step = Key | Index | Item


def _is_nothing(value: Any) -> bool:
    return value is None or (type(value) is dict and all(_is_nothing(each) for each in value.values()))


def steps_of(path: str) -> tuple[Step, ...]:
    """The steps of a path.

    Raises:
        ValueError: it is none; says where it stops being one.
    """
    steps: list[Step] = []
    at = 0
    while at < len(path):
        step = _STEP.match(path, at)
        is_name = step is not None and step.lastgroup in ("quoted", "bare")
        if step is None or bool(step["dot"]) != (is_name and at > 0) or (at == 0 and not is_name):
            msg = f"{path!r} is no path: not read from {path[at:]!r} on"
            raise ValueError(msg)
        steps.append(_step(step))
        at = step.end()
    if not steps:
        msg = "an empty text is no path"
        raise ValueError(msg)
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    if match["index"]:
        return Index(int(match["index"]))
    if match["key"]:
        return Item(match["key"], match["value"])
    return Key(match["bare"] or re.sub(r"\\(.)", r"\1", match["quoted"]))


def path_text(steps: tuple[str, ...]) -> str:
    """Keys as a path."""
    return ".".join(key if _is_bare(key) else '"' + re.sub(r'([\\"])', r"\\\1", key) + '"' for key in steps)


def _is_bare(key: str) -> bool:
    return bool(re.fullmatch(r"""[^.\[\]"\s](?:[^.\[\]"]*)""", key))


def getter(steps: tuple[Step, ...]) -> Getter:
    """A function from a record to the value at a path; None where there is none."""
    if all(isinstance(step, Key) for step in steps) and len(steps) <= len(_OF_KEYS):
        return _OF_KEYS[len(steps) - 1](*[step[0] for step in steps])
    finds = tuple(step.find for step in steps)

    def get(record: Any) -> Any:
        return reduce(_apply, finds, record)

    return get


def _apply(value: Any, find: Getter) -> Any:
    return None if value is None else find(value)


# Nearly all paths: each a single function, which costs a third of a loop over steps.
def _of_one(first: str) -> Getter:
    def get(record: Any) -> Any:
        return record.get(first)

    return get


def _of_two(first: str, second: str) -> Getter:
    def get(record: Any) -> Any:
        inside = record.get(first)
        return inside.get(second) if type(inside) is dict else None

    return get


def _of_three(first: str, second: str, third: str) -> Getter:
    def get(record: Any) -> Any:
        inside = record.get(first)
        if type(inside) is not dict:
            return None
        inside = inside.get(second)
        return inside.get(third) if type(inside) is dict else None

    return get


_OF_KEYS: tuple[Callable[..., Getter], ...] = (_of_one, _of_two, _of_three)


def taker(steps: tuple[Step, ...]) -> Callable[[Any], None]:
    """A procedure that takes the value at a path out of a record, and with it what holds nothing more."""
    if len(steps) == 1:
        return steps[0].drop
    return lambda record: _take(record, steps)


def _take(inside: Any, steps: tuple[Step, ...]) -> None:
    step, *rest = steps
    if not rest:
        step.drop(inside)
        return
    within = step.find(inside)
    if within is not None:  # or another path has taken it
        _take(within, tuple(rest))
        step.prune(inside)
