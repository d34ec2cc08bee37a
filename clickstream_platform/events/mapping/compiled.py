"""All columns of a mapping in one function, whose text is written for it: a call for each costs half as much again.

Only keys of paths and declared texts come into that text, each as a literal of Python's. What each column means is said
by :mod:`.column_choosers`: the text does the same for what nearly all records hold, and calls these for the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from clickstream_platform.events.mapping.column_choosers import column_choosers, path_grabber, present_text
from clickstream_platform.events.mapping.model import COLUMNS, ColumnMapping, Mapping
from clickstream_platform.events.mapping.paths import Key, steps_of
from clickstream_platform.events.mapping.time_forms import is_form
from clickstream_platform.events.placeholders import ORDINARY
from clickstream_platform.events.schema import IDS

Texts = tuple["str | None", ...]
_ALTERNATIVES = 8  # of an id or a name: Python reads no text that is indented a hundred times


def compile_columns(mapping: Mapping) -> Callable[[dict[str, Any]], Texts]:
    """A function that gives the texts of all columns of a record, in their order, and takes them out of it."""
    written = _Written(mapping)
    exec("\n".join(written.lines()), written.known)  # see above what is in it
    return written.known["columns"]


class _Written:
    """The text of that function.

    Objects that paths lead through are looked up in its first lines, once for all columns; those of which nothing is
    left are taken out in its last ones. ``known`` is what it has by name.
    """

    def __init__(self, mapping: Mapping) -> None:
        self._mapping, self._choosers = mapping, column_choosers(mapping)
        uses = Counter(path for _, column in mapping.columns for path in column.paths)
        self._shared = frozenset(path for path, count in uses.items() if count > 1)
        self._is_apart = not _leads_through_another([*uses])
        self._objects: dict[tuple[str, ...], str] = {(): "record"}  # the name of each, by its keys
        names = dict(mapping.event_types.names)
        self.known: dict[str, Any] = {"NONE": {}, "ORDINARY": ORDINARY, "NAMES": names, "present_text": present_text}

    def lines(self) -> list[str]:
        """Its lines."""
        columns = list(chain.from_iterable(map(self._column, range(len(COLUMNS)))))
        inside = [keys for keys in self._objects if keys]
        found = chain.from_iterable(map(self._looked_up, inside))
        emptied = map(self._taken_out, sorted(inside, key=len, reverse=True))
        texts = ", ".join(f"t{place}" for place in range(len(COLUMNS)))
        return ["def columns(record):", *found, *columns, *emptied, f" return ({texts})"]

    def _column(self, place: int) -> Iterable[str]:
        name = COLUMNS[place]
        column = self._mapping.column(name)
        is_text = column.kind in ("text", "time") and not is_form(column.unit) and not column.is_joined
        if not (is_text and self._is_apart):
            return self._called(place, " ")
        is_id = name in IDS and len(column.paths) > 1
        if not column.paths or not (is_id or name == "event_type"):
            return self._first(f"t{place}", column)
        if len(column.paths) > _ALTERNATIVES or not all(map(_is_of_keys, column.paths)):
            return self._called(place, " ")
        return (self._name if name == "event_type" else self._id)(place, column.paths, " ")

    def _called(self, place: int, indent: str) -> Iterator[str]:
        """The column as its own function has it."""
        self.known[f"choose{place}"] = self._choosers[place]
        yield f"{indent}t{place} = choose{place}(record)"

    def _first(self, text: str, column: ColumnMapping) -> Iterator[str]:
        """The first of its texts that is there: neither null nor blank."""
        yield f" {text} = None"
        for path in column.paths:
            yield f" if {text} is None:"
            if _is_of_keys(path):
                yield f"  {text} = {self._at(path)}"
                yield f"  if type({text}) is str and {text}[:1] > ' ': {self._take(path)}"
                yield f"  elif {text} is not None and ({text} := present_text({text})) is not None: {self._take(path)}"
            else:
                grab = f"grab{len(self.known)}"
                self.known[grab] = path_grabber(path, is_shared=path in self._shared)
                yield f"  {text} = {grab}(record)"
        if column.default is not None:
            yield f" if {text} is None: {text} = {column.default!r}"

    def _id(self, place: int, paths: tuple[str, ...], indent: str) -> Iterator[str]:
        """The first that is a text which begins as no placeholder does, if only nulls come before it."""
        text, (path, *others) = f"t{place}", paths
        yield f"{indent}{text} = {self._at(path)}"
        yield f"{indent}if type({text}) is str and {text}[:1] in ORDINARY: {self._take(path)}"
        if others:
            yield f"{indent}elif {text} is None:"
            yield from self._id(place, tuple(others), indent + " ")
        yield f"{indent}else:"
        yield from self._called(place, indent + " ")

    def _name(self, place: int, paths: tuple[str, ...], indent: str) -> Iterator[str]:
        """The first name that has an event type; the last name of all, if none has and it is a text."""
        text, (path, *others) = f"t{place}", paths
        default = self._mapping.column("event_type").default
        yield f"{indent}name = {self._at(path)}"
        if others:
            yield f"{indent}{text} = NAMES.get(name) if type(name) is str else name"
            yield f"{indent}if {text} is None:"
            yield from self._name(place, tuple(others), indent + " ")
            yield f"{indent}elif type(name) is not str:"
            yield from self._called(place, indent + " ")
        else:
            is_name = "name in NAMES" if default is not None else "name[:1] > ' '"
            yield f"{indent}{text} = NAMES.get(name, name) if type(name) is str and {is_name} else None"
            yield f"{indent}if {text} is None:"
            yield from self._called(place, indent + " ")
        yield f"{indent}elif {text} == name: {self._take(path)}"

    def _at(self, path: str) -> str:
        name, key = self._member(path)
        return f"{name}.get({key})"

    def _take(self, path: str) -> str:
        name, key = self._member(path)
        return "pass" if path in self._shared else f"del {name}[{key}]"

    def _member(self, path: str) -> tuple[str, str]:
        """The name of the object that has what is at a path, and its key there as a literal."""
        *keys, key = (str(step[0]) for step in steps_of(path))
        return self._object(tuple(keys)), repr(key)

    def _object(self, keys: tuple[str, ...]) -> str:
        """The name of the object at these keys."""
        if keys not in self._objects:
            self._object(keys[:-1])
            self._objects[keys] = f"o{len(self._objects)}"
        return self._objects[keys]

    def _looked_up(self, keys: tuple[str, ...]) -> Iterator[str]:
        name = self._objects[keys]
        yield f" {name} = {self._objects[keys[:-1]]}.get({keys[-1]!r})"
        yield f" if not {name} or type({name}) is not dict: {name} = NONE"

    def _taken_out(self, keys: tuple[str, ...]) -> str:
        """Take out an object that is empty now, and was not; what a function has taken out is gone by then."""
        name, outer = self._objects[keys], self._objects[keys[:-1]]
        return f" if not {name} and {name} is not NONE: {outer}.pop({keys[-1]!r}, None)"


def _is_of_keys(path: str) -> bool:
    return all(isinstance(step, Key) for step in steps_of(path))


def _leads_through_another(paths: list[str]) -> bool:
    """Whether one of these paths is the beginning of another one: then the order in which they are taken out counts."""
    steps = sorted(map(steps_of, paths), key=len)
    return any(each == other[: len(each)] for number, each in enumerate(steps) for other in steps[number + 1 :])
