"""What records of an unknown shape hold, by its paths: that by which the columns of a mapping are guessed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from clickstream_platform.events.json_record import text_of
from clickstream_platform.events.mapping.paths import path_text
from clickstream_platform.events.mapping.records import read_texts
from clickstream_platform.events.placeholders import WHITE

BEGINNING = 200  # signs of a value that are looked at


class Sampled(NamedTuple):
    """What some records hold.

    Attributes:
        values: the values at each path, as texts, cut off; none that is null or blank. A text that is an object, or a
            list of keys with values, is looked into.
        object_texts: the fields that are such texts.
    """

    values: dict[str, list[str]]
    object_texts: frozenset[str]


def sample(records: Iterable[dict[str, Any]]) -> Sampled:
    """Look into records."""
    values, object_texts = dict[str, list[str]](), set[str]()
    for record in records:
        texts = {name: value for name, value in record.items() if isinstance(value, str)}
        objects = {name: read for name, read in read_texts(dict(texts), texts).items() if _is_looked_into(read)}
        object_texts |= {name for name, read in objects.items() if read != []}
        for path, value in values_in("", {**record, **objects}):
            at_path = values.setdefault(path, [])
            if not (isinstance(value, str) and not value.strip(WHITE)):
                at_path.append(str(text_of(value))[:BEGINNING])
    return Sampled(values, frozenset(object_texts))


def _is_looked_into(read: Any) -> bool:
    """Of what a text is as JSON. A list of anything but keys with values may be one of events."""
    if isinstance(read, list):
        return all(each.keys() == {"key", "value"} for each in read)
    return isinstance(read, dict)


def paths_in(extra: str | None) -> Iterator[str]:
    """The paths of all that a JSON object holds, without nulls; of a list's items that have a ``key``, by that."""
    if extra is not None:
        yield from (path for path, _ in values_in("", msgspec.json.decode(extra)))


def values_in(before: str, value: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every value that is no object, with its path; of a list of objects, those of its first item."""
    path = f"{before}{'.' if before and keys else ''}{path_text(keys)}"
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from values_in(before, each, (*keys, name))
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        for place, each in enumerate(value):
            yield from _of_item(path, place, each)
    elif _is_code_with_name(value) and path:
        yield f"{path}[0]", value[0]
        yield f"{path}[1]", value[1]
    elif value is not None and path:
        yield path, value


def _is_code_with_name(value: Any) -> bool:
    """Whether it is a number with what that means, as ``[1, "Page view"]``."""
    is_pair = isinstance(value, list) and len(value) == 2
    return is_pair and isinstance(value[0], int) and isinstance(value[1], str)


def _of_item(path: str, place: int, item: Any) -> Iterator[tuple[str, Any]]:
    key = item.get("key") if isinstance(item, dict) and _is_of_a_key(item) else None
    if isinstance(key, str) and key and "]" not in key:
        rest = {name: value for name, value in item.items() if name != "key"}
        yield from values_in(f"{path}[key={key}]", rest)
    elif place == 0:  # the others are like it
        yield from values_in(f"{path}[0]", item)


def _is_of_a_key(item: dict[str, Any]) -> bool:
    """Whether an item is a key with its value, or with a value of each type: not an event whose name is called so."""
    others = [name for name in item if name != "key"]
    return len(others) == 1 or all("value" in name.lower() for name in others)
